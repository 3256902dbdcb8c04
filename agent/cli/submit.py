"""`agent submit-train` and `agent submit-inference`: their options. `submit_task` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.plugin import pairs
from agent.cli.submit_task import Asked, How, submit_task
from agent.domain import TaskType
from agent.errors import BadInput
from agent.task_options import RequestedOptions

PluginRef = Annotated[str, typer.Option("--plugin", help="Id, title, image or folder.")]
ProjectRef = Annotated[list[str], typer.Option("--project", help="Id, name or folder.")]
ModelRef = Annotated[list[str], typer.Option("--model", help="Id, name, task:N/best, tar or folder.")]
ModelOrNone = Annotated[
    list[str] | None, typer.Option("--model", help="Id, name, task:N/best, tar or folder; default: random weights.")
]
Name = Annotated[str | None, typer.Option(help="Name of the result.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="JSON file with the task config.")]
Preset = Annotated[str | None, typer.Option(help="Title of one of the plugin's run configs; default: its first.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key: batch_size.train=8")]
EngineName = Annotated[str | None, typer.Option("--engine", help="auto, docker or process.")]
Gpus = Annotated[str | None, typer.Option(help="auto, none, all, or ids: 0,2")]
Pull = Annotated[str | None, typer.Option(help="missing, always or never.")]
Python = Annotated[str | None, typer.Option(help="Process engine: interpreter with the plugin's packages.")]
Env = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Added to the plugin's environment.")]
Base = Annotated[list[str] | None, typer.Option(metavar="NAME=IMAGE", help="For building the image; see agent build.")]
Memory = Annotated[str | None, typer.Option(help="The container's memory limit: 8G")]
Hardened = Annotated[bool, typer.Option("--hardened", help="No network, no privileges, limits, read-only image.")]
Writable = Annotated[bool, typer.Option("--writable-data", help="Give the plugin private copies of the data.")]
Grace = Annotated[float, typer.Option("--stop-grace", min=0, max=600, help="Seconds between asking and killing.")]
TimeLimit = Annotated[float | None, typer.Option(min=1, metavar="SECONDS", help="End the task after so long.")]
IdleLimit = Annotated[
    float | None, typer.Option(min=1, metavar="SECONDS", help="End it when it prints nothing so long.")
]
On = Annotated[list[str] | None, typer.Option("--on", metavar="NAME=VALUE", help="Only on nodes with this label.")]
Restarts = Annotated[int, typer.Option(min=0, max=100, help="Start again so often when the node is lost.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Print the task's id and return.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print layout and container; run nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def submit_train(
    plugin: PluginRef,
    project: ProjectRef,
    model: ModelOrNone = None,
    name: Name = None,
    config: ConfigFile = None,
    preset: Preset = None,
    set_: Set = None,
    engine: EngineName = None,
    gpus: Gpus = None,
    pull: Pull = None,
    python: Python = None,
    env: Env = None,
    memory: Memory = None,
    base: Base = None,
    hardened: Hardened = False,
    writable_data: Writable = False,
    stop_grace: Grace = 0.0,
    time_limit: TimeLimit = None,
    idle_limit: IdleLimit = None,
    on: On = None,
    restarts: Restarts = 0,
    detach: Detach = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Train a model on a project with a plugin, and watch it. Ctrl-C stops it; a second one does not wait for that."""
    options = RequestedOptions(
        engine=engine, gpus=gpus, pull=pull, python=python, env=pairs(env, "--env"), memory_bytes=size(memory),
        hardened=hardened or None, writable_data=writable_data, stop_grace_s=stop_grace, time_limit_s=time_limit,
        idle_limit_s=idle_limit, on=pairs(on, "--on"), restarts=restarts,
    )  # fmt: skip
    asked = Asked(
        type=TaskType.TRAIN, plugin=plugin, projects=project, models=model or (), name=name, config=config,
        preset=preset, overrides=set_ or (), options=options,
    )  # fmt: skip
    submit_task(asked, How(pairs(base, "--base"), detach, dry_run, json))


def submit_inference(
    plugin: PluginRef,
    project: ProjectRef,
    model: ModelRef,
    name: Name = None,
    config: ConfigFile = None,
    preset: Preset = None,
    set_: Set = None,
    engine: EngineName = None,
    gpus: Gpus = None,
    pull: Pull = None,
    python: Python = None,
    env: Env = None,
    memory: Memory = None,
    base: Base = None,
    hardened: Hardened = False,
    writable_data: Writable = False,
    stop_grace: Grace = 0.0,
    time_limit: TimeLimit = None,
    idle_limit: IdleLimit = None,
    on: On = None,
    restarts: Restarts = 0,
    detach: Detach = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Apply a model to a project with a plugin; the predictions become a new project in the library."""
    options = RequestedOptions(
        engine=engine, gpus=gpus, pull=pull, python=python, env=pairs(env, "--env"), memory_bytes=size(memory),
        hardened=hardened or None, writable_data=writable_data, stop_grace_s=stop_grace, time_limit_s=time_limit,
        idle_limit_s=idle_limit, on=pairs(on, "--on"), restarts=restarts,
    )  # fmt: skip
    asked = Asked(
        type=TaskType.INFERENCE, plugin=plugin, projects=project, models=model, name=name, config=config,
        preset=preset, overrides=set_ or (), options=options,
    )  # fmt: skip
    submit_task(asked, How(pairs(base, "--base"), detach, dry_run, json))


def size(text: str | None) -> int | None:
    """`--memory` in bytes. BadInput."""
    from agent.settings import size_bytes  # late: help should not wait for the settings' library

    try:
        return size_bytes(text) if text else None
    except ValueError as error:
        raise BadInput(f"--memory: {error}") from None
