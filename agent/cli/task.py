"""`agent task …`"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from agent.cli import interrupt, show
from agent.cli.care import add_archive, add_care
from agent.cli.installation import open_installation, spawn_agent
from agent.cli.portability import of_task
from agent.cli.record import record
from agent.cli.streams import reader_has_left
from agent.cli.task_shell import shell
from agent.cli.task_show import rows_of, summary
from agent.domain import Task, TaskStatus
from agent.errors import BadInput, Conflict
from agent.events.model import Level, Stream
from agent.fs.disk import size_text
from agent.fs.names import visible
from agent.fs.paths import given_path
from agent.installation import Installation, known_node_of
from agent.liveness import is_alive, lost_tasks, why_waiting
from agent.nodes import why_stalled
from agent.patience import Patience

if TYPE_CHECKING:
    from agent.store import Store

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(metavar="TASK", help="The task's id.")]
TAKEN_OVER_WITHIN_S = 10.0  # a living agent takes a lost task over sooner

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("list")
def list_(
    status: Annotated[list[TaskStatus] | None, typer.Option(help="Only these statuses; may be repeated.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="30 when left out; a CSV or JSON of columns has all.")
    ] = None,
    offset: Annotated[int, typer.Option(min=0, max=10_000_000, help="Rows to skip.")] = 0,
    text: Annotated[str, typer.Option(help="All of these words, in id, name, plugin, project or model.")] = "",
    columns: Annotated[
        list[str] | None, typer.Option(help="Columns, with commas: name,config.lr,metrics.val.loss@min.")
    ] = None,
    where: Annotated[str, typer.Option(help="A condition: 'config.lr < 0.01 and status == \"finished\"'.")] = "",
    sort: Annotated[
        list[str] | None, typer.Option(help="Columns to sort by, - before one turns it: -metrics.val.loss.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Columns whose equal values make a group; sorted by count, too.")
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Those of the archive, in place of the others.")] = False,
    format_: Annotated[show.Format, typer.Option("--format", help="How rows are printed.")] = show.Format.TABLE,
    json: Json = False,
) -> None:
    """The newest tasks; with columns, a condition, an order or groups: a table of what they were given and measured.

    `agent task columns` lists the columns; docs/reference/runs.md describes conditions.
    """
    if any((text, columns, where, sort, group, offset, archived, format_ is not show.Format.TABLE)):
        from agent.cli.runs import print_runs  # late: most lists need none of it
        from agent.store.runs.request import RunRequest

        chosen = show.Format.JSON if json else format_
        request = RunRequest(
            columns=columns or (),
            where=where,
            words=text,
            statuses=status,
            archived=archived,
            sort=sort or (),
            group=group or (),
            limit=limit or (30 if chosen is show.Format.TABLE else None),
            offset=offset,
        )
        with open_installation() as installation:
            print_runs(installation.store, request, chosen)
        return
    limit = limit or 30
    with open_installation() as installation:
        tasks = installation.store.tasks.list(statuses=status, limit=limit)
        lost = {task.id for task in lost_tasks(installation.store, known_node_of(installation.settings))}
        waits = _waits(installation.store, tasks)
    if json:
        show.as_json(
            [
                {
                    **{name: getattr(t, name) for name in Task.__slots__},
                    "lost": t.id in lost,
                    "waits_for": waits.get(t.id),
                }
                for t in tasks
            ]
        )
        return
    rows = (
        (
            t.id,
            t.type.value,
            t.status.value,
            t.name,
            show.duration(t.started_at, t.finished_at),
            "nobody runs it" if t.id in lost else t.reason or waits.get(t.id, ""),
        )
        for t in tasks
    )
    heads = ("ID", "TYPE", "STATUS", "NAME", "TOOK", "REASON")
    show.table(heads, rows, empty="No tasks yet; start one with `agent submit-train`.")
    for number in sorted(lost & {t.id for t in tasks}):
        show.err.print(how_to_go_on(number), markup=False)


@app.command()
def columns(
    text: Annotated[str, typer.Option(help="Of tasks with all of these words.")] = "",
    where: Annotated[str, typer.Option(help="Of tasks that meet this condition.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Of those in the archive instead.")] = False,
    json: Json = False,
) -> None:
    """The columns that `agent task list` can show: properties, config values and metrics of the tasks there are."""
    from agent.cli.runs import print_columns
    from agent.store.runs.request import RunRequest

    with open_installation() as installation:
        print_columns(installation.store, RunRequest(words=text, where=where, archived=archived), json=json)


def _waits(store: Store, tasks: Iterable[Task]) -> dict[int, str]:
    """Why tasks wait, by their ids: the queued, where it is not for their turn only, and those of a silent node."""
    waiting = [task for task in tasks if not task.status.is_final]
    listed = {agent.id: agent for agent in store.agents.list()} if waiting else {}
    names = store.nodes.names() if waiting else {}
    alive = [agent for agent in listed.values() if is_alive(agent)]
    placed = store.placements.of_tasks([task.id for task in waiting if task.status is TaskStatus.QUEUED])
    jobs = {task_id: placements[-1].waits_for for task_id, placements in placed.items()}
    reasons = {
        task.id: jobs.get(task.id) or why_waiting(alive, task, store.plugins.get(task.plugin_id), names)
        if task.status is TaskStatus.QUEUED
        else why_stalled(task, listed, names)
        for task in waiting
    }
    return {task_id: why for task_id, why in reasons.items() if why}


def how_to_go_on(task_id: int) -> str:
    """What to do about a task that no agent runs, in a clause."""
    return (
        f"task {task_id} has lost its agent: `agent run --task {task_id}` goes on with it, "
        f"so does the next `agent up`; `agent task stop {task_id}` ends it"
    )


class LostForGood:
    """Tells whether a task has been lost for so long that no agent seems to exist that could take it over."""

    def __init__(self, installation: Installation, task_id: int) -> None:
        self._installation = installation
        self._task_id = task_id
        self._since: float | None = None

    def __call__(self) -> bool:
        if not _is_lost(self._installation, self._task_id):
            self._since = None
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since > TAKEN_OVER_WITHIN_S


def _is_lost(installation: Installation, task_id: int) -> bool:
    lost = lost_tasks(installation.store, known_node_of(installation.settings))
    return any(task.id == task_id for task in lost)


@app.command("show")
def show_(task_id: Id, json: Json = False) -> None:
    """One task: what it ran, how it went, what it made."""
    with open_installation() as installation:
        task = installation.store.tasks.get(task_id)
        lost = _is_lost(installation, task_id)
        why = _waits(installation.store, [task]).get(task.id)
        full = {**summary(installation.store, task), "lost": lost, "waits_for": why}
        if json:
            show.as_json(full)
            return
        show.table(("", ""), rows_of(installation.store, task, full, how_to_go_on(task_id) if lost else None), empty="")


@app.command()
def logs(
    task_id: Id,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until the task ends.")] = False,
    level: Annotated[str | None, typer.Option(help="At least: debug, info, warn, error.")] = None,
    text: Annotated[str | None, typer.Option(help="Only lines that contain this text.")] = None,
    raw: Annotated[bool, typer.Option(help="The plugin's lines exactly as printed, nothing of the agent's.")] = False,
) -> None:
    """Everything the plugin printed and the agent noted, in order."""
    try:
        minimum = Level[level.upper()] if level else None
    except KeyError:
        raise BadInput(f"level {level!r} is not one of: trace, debug, info, warn, error, fatal") from None
    with open_installation() as installation:
        seq = 0
        colorful = show.is_out_colorful()
        store = Patience().of(installation.store) if follow else installation.store
        while True:
            ended = store.tasks.get(task_id).status.is_final
            for event in store.events.each(task_id, seq, min_level=minimum, text=text):
                seq = event.seq
                if reader_has_left():
                    return
                if raw and event.stream is Stream.AGENT:
                    continue
                line = f"{event.time.astimezone():%H:%M:%S} {_line(event)}"
                text_line = event.raw if raw else visible(line, keep_styles=colorful)
                sys.stdout.write(f"{text_line}\n")
                if event.near_miss is not None and not raw:
                    said = f"{_BESIDE}nearly {event.near_miss.nearly}\n{_BESIDE}{event.near_miss.change}"
                    sys.stdout.write("".join(f"{visible(part)}\n" for part in said.split("\n")))
            sys.stdout.flush()
            if ended or not follow:
                return
            store.wait_for_change(0.5)


_BESIDE = " " * 15  # under the text of the line above


def _line(event: Any) -> str:
    mark = "agent " if event.stream is Stream.AGENT else ""
    body = event.raw if event.stream is not Stream.AGENT else event.message
    if event.stream is Stream.AGENT and event.fields:
        body = f"{body} {orjson.dumps(event.fields, default=str).decode()}"
    return f"{event.level.name.lower():5} {mark}{body}"


@app.command()
def metrics(
    task_id: Id, json: Json = False, points: Annotated[bool, typer.Option(help="Every point.")] = False
) -> None:
    """The metric series of a task: count and latest value, or with --points every point."""
    with open_installation() as installation:
        installation.store.tasks.get(task_id)
        series = installation.store.metrics.series(task_id)
        if points:
            every = [{"kind": s.kind, "name": s.name, **_points(installation.store, s.id)} for s in series]
            show.as_json(every)
        elif json:
            show.as_json(series)
        else:
            rows = ((s.kind, s.name, s.count, show.number(s.last_epoch), show.number(s.last_value)) for s in series)
            show.table(("KIND", "METRIC", "POINTS", "EPOCH", "LATEST"), rows, empty="No metrics were printed.")


def _points(store: Store, series_id: int) -> dict[str, Any]:
    found = store.metrics.points(series_id)
    return {"seq": found.seq, "epoch": found.epoch, "value": found.value, "time_us": found.time_us}


@app.command()
def checkpoints(task_id: Id, json: Json = False) -> None:
    """The checkpoints of a task and the models they became. `task:TASK/best` stands for the best of these models."""
    from agent.library import best_of_task, validation_metrics

    with open_installation() as installation:
        installation.store.tasks.get(task_id)
        found = installation.store.checkpoints.list(task_id)
        best = best_of_task(installation.store, task_id)
    if json:
        show.as_json(found)
        return
    rows = (
        (
            c.index,
            "best" if c == best else "",
            "  ".join(f"{name} {show.number(value)}" for name, value in validation_metrics(c).items()),
            c.state.value,
            c.model_id,
            size_text(c.size_bytes),
            c.reason,
        )
        for c in found
    )
    columns = ("INDEX", "BEST", "VALIDATION", "STATE", "MODEL", "SIZE", "REASON")
    show.table(columns, rows, empty="No checkpoints were reported.")
    if found and best is None:
        show.err.print("none is the best: the plugin did not say which, or measured nothing", markup=False)


@app.command()
def images(
    task_id: Id,
    name: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
    step: Annotated[float | None, typer.Option(help="Only those of this step.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write them into this folder.")] = None,
    json: Json = False,
) -> None:
    """The images that a task logged; with --save as files in a new or empty folder."""
    from agent.cli.task_images import print_images, save_images

    with open_installation() as installation:
        installation.store.tasks.get(task_id)
        found = installation.store.task_images.list(task_id, name=name, step=step)
        if save is not None:
            save_images(installation.artifacts, found, given_path(save), json=json)
        else:
            print_images(found, json=json)


@app.command()
def stop(task_id: Id, json: Json = False) -> None:
    """Ask for a task to stop. Asking twice, or after the end, changes nothing."""
    with open_installation() as installation:
        task = installation.store.tasks.request_stop(task_id)
        if _is_lost(installation, task_id):  # no agent would see the request
            spawn_agent(installation.settings, task_id)
    if json:
        show.as_json(task)
    else:
        show.out.print(f"task {task.id} is {task.status.value}", markup=False)


@app.command()
def wait(task_id: Id, json: Json = False) -> None:
    """Watch a task until it ends; the exit code says how."""
    from agent.cli.follow import Watch  # late: it loads the library of progress bars
    from agent.run.outcome import exit_code

    signal.signal(signal.SIGINT, interrupt)
    with open_installation() as installation:
        try:
            Watch(installation.store, task_id, show.err, gone=LostForGood(installation, task_id)).until_end()
        except KeyboardInterrupt:
            show.err.print(f"task {task_id} goes on; `agent task stop {task_id}` ends it", markup=False)
            raise
        task = installation.store.tasks.get(task_id)
        if not task.status.is_final:
            raise Conflict(how_to_go_on(task_id))
        if json:
            show.as_json(summary(installation.store, task))
        else:
            say_end(task)
    raise typer.Exit(exit_code(task))


def say_end(task: Task) -> None:
    """Print how the task ended."""
    took = show.duration(task.started_at, task.finished_at)
    show.err.print(f"task {task.id} {task.status.value} after {took or '0:00'}", markup=False)
    if task.message:
        show.err.print(show.of_plugin(f"  {task.reason}: {task.message}", show.err))


app.command()(record)
app.command("portability")(of_task)
app.command("shell")(shell)
add_care(app, "task")
add_archive(app)
