"""`agent task …`"""

from __future__ import annotations

import signal
import sys
import time
from typing import Annotated, Any

import orjson
import typer

from agent.cli import show
from agent.cli.follow import Watch
from agent.cli.house import open_house, spawn_agent
from agent.domain import Task, TaskStatus
from agent.errors import BadInput, Conflict
from agent.events.model import Level, Stream
from agent.house import House
from agent.presence import lost_tasks
from agent.store import Store

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(metavar="TASK", help="The task's id.")]
TAKEN_OVER_WITHIN_S = 10.0  # a living agent is quicker

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def summary(store: Store, task: Task) -> dict[str, Any]:
    """A task with what it made, as one JSON-ready object."""
    return {
        **{name: getattr(task, name) for name in Task.__slots__},
        "step": task.step.name,
        "checkpoints": store.checkpoints.list(task.id),
        "metrics": store.metrics.series(task.id),
        "progress": store.progress.list(task.id),
    }


@app.command("list")
def list_(
    status: Annotated[list[TaskStatus] | None, typer.Option(help="Only these statuses; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30,
    json: Json = False,
) -> None:
    """The newest tasks."""
    with open_house() as house:
        tasks = house.store.tasks.list(statuses=status, limit=limit)
        lost = {task.id for task in lost_tasks(house.store)}
    if json:
        show.as_json([{**{name: getattr(t, name) for name in Task.__slots__}, "lost": t.id in lost} for t in tasks])
        return
    rows = (
        (
            t.id,
            t.type.value,
            t.status.value,
            t.name,
            show.duration(t.started_at, t.finished_at),
            "nobody runs it" if t.id in lost else t.reason or "",
        )
        for t in tasks
    )
    columns = ("ID", "TYPE", "STATUS", "NAME", "TOOK", "REASON")
    show.table(columns, rows, empty="No tasks yet; start one with `agent submit-train`.")
    for number in sorted(lost & {t.id for t in tasks}):
        show.err.print(_lost(number), markup=False)


def _lost(task_id: int) -> str:
    return (
        f"task {task_id} has lost its agent: `agent run --task {task_id}` goes on with it, "
        f"so does the next `agent up`; `agent task stop {task_id}` ends it"
    )


class _LostForGood:
    """Whether a task has been lost for so long that no agent seems to be there to take it over."""

    def __init__(self, house: House, task_id: int) -> None:
        self._house = house
        self._task_id = task_id
        self._since: float | None = None

    def __call__(self) -> bool:
        if not _is_lost(self._house, self._task_id):
            self._since = None
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since > TAKEN_OVER_WITHIN_S


def _is_lost(house: House, task_id: int) -> bool:
    return any(task.id == task_id for task in lost_tasks(house.store))


@app.command("show")
def show_(task_id: Id, json: Json = False) -> None:
    """One task: what it ran, how it went, what it made."""
    with open_house() as house:
        task = house.store.tasks.get(task_id)
        lost = _is_lost(house, task_id)
        full = {**summary(house.store, task), "lost": lost}
        if json:
            show.as_json(full)
            return
        plugin, project = house.store.plugins.get(task.plugin_id), house.store.projects.get(task.project_id)
        rows: list[tuple[str, object]] = [
            ("name", task.name),
            ("type", task.type.value),
            ("status", task.status.value),
            ("agent", _lost(task_id) if lost else None),
            ("reason", task.reason),
            ("message", task.message),
            ("plugin", plugin.reference),
            ("project", f"{project.name} ({project.id})"),
            ("model", task.model_id),
            ("engine", task.engine),
            ("image", task.image_digest),
            ("created", task.created_at),
            ("took", show.duration(task.started_at, task.finished_at)),
            ("lines", task.lines_read),
            ("checkpoints", len(full["checkpoints"])),
            ("config", orjson.dumps(task.config).decode()),
        ]
        show.table(("", ""), [row for row in rows if row[1] not in (None, "")], empty="")


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
    with open_house() as house:
        seq = 0
        while True:
            ended = house.store.tasks.get(task_id).status.is_final
            while page := house.store.events.after(task_id, seq, limit=2000, min_level=minimum, text=text):
                seq = page[-1].seq
                for event in page:
                    if raw and event.stream is Stream.AGENT:
                        continue
                    said = event.raw if raw else show.visible(f"{event.time.astimezone():%H:%M:%S} {_line(event)}")
                    sys.stdout.write(f"{said}\n")
                sys.stdout.flush()
            if ended or not follow:
                return
            house.store.wait_for_change(0.5)


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
    with open_house() as house:
        house.store.tasks.get(task_id)
        series = house.store.metrics.series(task_id)
        if points:
            every = [{"kind": s.kind, "name": s.name, **_points(house.store, s.id)} for s in series]
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
    """The checkpoints of a task and the models they became."""
    with open_house() as house:
        house.store.tasks.get(task_id)
        found = house.store.checkpoints.list(task_id)
    if json:
        show.as_json(found)
        return
    rows = ((c.index, c.is_best, c.state.value, c.model_id, show.size(c.size_bytes), c.reason) for c in found)
    show.table(("INDEX", "BEST", "STATE", "MODEL", "SIZE", "REASON"), rows, empty="No checkpoints were reported.")


@app.command()
def stop(task_id: Id, json: Json = False) -> None:
    """Ask for a task to stop. Asking twice, or after the end, changes nothing."""
    with open_house() as house:
        task = house.store.tasks.request_stop(task_id)
        if _is_lost(house, task_id):  # nobody would follow the wish
            spawn_agent(house.settings, task_id)
    if json:
        show.as_json(task)
    else:
        show.out.print(f"task {task.id} is {task.status.value}", markup=False)


@app.command()
def wait(task_id: Id, json: Json = False) -> None:
    """Watch a task until it ends; the exit code says how."""
    from agent.verdict import exit_code

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open_house() as house:
        Watch(house.store, task_id, show.err, gone=_LostForGood(house, task_id)).until_end()
        task = house.store.tasks.get(task_id)
        if not task.status.is_final:
            raise Conflict(_lost(task_id))
        if json:
            show.as_json(summary(house.store, task))
        else:
            say_end(task)
    raise typer.Exit(exit_code(task))


def say_end(task: Task) -> None:
    """How it ended, in one or two lines."""
    took = show.duration(task.started_at, task.finished_at)
    show.err.print(f"task {task.id} {task.status.value} after {took or '0:00'}", markup=False)
    if task.message:
        show.err.print(f"  {task.reason}: {task.message}", markup=False)
