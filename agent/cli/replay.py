"""`agent replay`: a recording as a task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import show
from agent.cli.installation import open_installation
from agent.domain import NewTask, Task, TaskOptions
from agent.engines.replay import MAX, SPEED, read_speed
from agent.errors import BadInput
from agent.fs.names import counted, shown
from agent.installation import node_of
from agent.submission import TaskRequest, new_task

if TYPE_CHECKING:
    from agent.library.replays import Brought
    from agent.settings import Settings
    from agent.store import Store

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
TAG = "replay"  # of every task that plays a recording


def replay(
    recording: Annotated[Path, typer.Argument(metavar="FILE", help="A recording of `agent task record`.")],
    speed: Annotated[str, typer.Option(help="How many times as fast as it was, or max.")] = "1",
    detach: Annotated[bool, typer.Option("--detach", help="Queue it, and print its id.")] = False,
    json: Json = False,
) -> None:
    """Play a recording as a task: everything is as with its plugin, which need not be there. Exits as that task."""
    from agent.cli.submit_task import foreground, have_agent, say_results
    from agent.cli.task import say_end
    from agent.cli.task_show import summary
    from agent.library.replays import bring_recording
    from agent.run.outcome import exit_code

    try:
        read_speed(speed)
    except ValueError:
        raise BadInput(f"--speed {speed!r} is no speed; write a factor like 1, 10 or 0.5, or {MAX}") from None
    with open_installation() as installation:
        store, artifacts, settings = installation.store, installation.artifacts, installation.settings
        brought = bring_recording(store, artifacts, settings.home, recording, node=node_of(settings))
        new = new_replay(store, settings, brought, speed)
        if brought.placeholders:
            files = counted(brought.placeholders, "file")
            show.err.print(
                f"note: neither the recording nor the artifacts have {files}; placeholders stand in their place",
                markup=False,
            )

        def mark(task: Task) -> None:
            store.tasks.edit(task.id, notes=_origin(brought), tag=[TAG])

        if detach:
            task = store.tasks.add(new)
            mark(task)
            have_agent(installation, task, new, brought.plugin)
            show.as_json(task) if json else show.out.print(str(task.id), markup=False)
            return
        engine = installation.open_engine("replay", settings)
        task = foreground(installation, engine, new, quiet=json, on_added=mark)
        if json:
            show.as_json(summary(store, task))
        else:
            say_end(task)
            say_results(installation, task)
    raise typer.Exit(exit_code(task))


def new_replay(store: Store, settings: Settings, brought: Brought, speed: str) -> NewTask:
    """The task that plays a recording. Raises BadInput for a recording with a config or a name that cannot be."""
    said = brought.manifest.task
    request = TaskRequest(
        type=str(said["type"]),
        plugin=brought.plugin,
        project=brought.project,
        model=brought.model,
        name=str(said.get("name", "")),
        config=said.get("config", {}),
    )
    options = TaskOptions(engine="replay", gpus="none", env={SPEED: speed}, evaluate=False)
    return replace(new_task(store, settings, request), options=options)


def _origin(brought: Brought) -> str:
    """What is played, as notes of the task."""
    said, plugin = brought.manifest.task, brought.manifest.plugin
    ended = f", which ended as {shown(str(said.get('reason')))}" if said.get("reason") else ""
    what = f"Replay of task {shown(str(said.get('id')))} of {shown(str(plugin.get('title')))}{ended}."
    when = f" It ran on the engine {shown(str(said.get('engine')))} from {brought.manifest.started_at or '?'} on."
    lacking = f" {counted(brought.placeholders, 'file')} are placeholders." if brought.placeholders else ""
    return what + when + lacking
