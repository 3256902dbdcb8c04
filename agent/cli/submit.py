"""`agent submit-train` and `agent submit-inference`: their options. `submit_task` does the work."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from agent.cli.run_options import RunOptions, Source, with_shared_options
from agent.cli.submit_task import Asked, How, submit_task
from agent.domain import TaskType

PluginRef = Annotated[str, typer.Option("--plugin", help="Id, title, image or folder.")]
ProjectRef = Annotated[list[str], typer.Option("--project", help="Id, name or folder.")]
ModelRef = Annotated[list[str], typer.Option("--model", help="Id, name, task:N/best, tar or folder.")]
ModelOrNone = Annotated[
    list[str] | None, typer.Option("--model", help="Id, name, task:N/best, tar or folder; default: random weights.")
]
Name = Annotated[str | None, typer.Option(help="Name of the result.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key: batch_size.train=8")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Print the task's id and return.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print layout and container; run nothing.")]
Evaluate = Annotated[
    bool, typer.Option("--evaluate/--no-evaluate", help="Judge the predictions, if the project is labelled.")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse what would break on the original platform; exit code 1 if the run does."),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@with_shared_options
def submit_train(
    *,
    plugin: PluginRef,
    project: ProjectRef,
    model: ModelOrNone = None,
    name: Name = None,
    source: Source,
    set_: Set = None,
    how: RunOptions,
    detach: Detach = False,
    dry_run: DryRun = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Train a model on a project with a plugin, and watch it. Ctrl-C stops it; a second one does not wait for that."""
    asked = Asked(
        type=TaskType.TRAIN, plugin=plugin, projects=project, models=model or (), name=name,
        config=source.config, preset=source.preset, overrides=set_ or (), options=how.requested(),
    )  # fmt: skip
    submit_task(asked, How(how.bases, detach, dry_run, json, strict))


@with_shared_options
def submit_inference(
    *,
    plugin: PluginRef,
    project: ProjectRef,
    model: ModelRef,
    name: Name = None,
    source: Source,
    set_: Set = None,
    how: RunOptions,
    evaluate: Evaluate = True,
    detach: Detach = False,
    dry_run: DryRun = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Apply a model to a project with a plugin; the predictions become a new project in the library."""
    asked = Asked(
        type=TaskType.INFERENCE, plugin=plugin, projects=project, models=model, name=name,
        config=source.config, preset=source.preset, overrides=set_ or (),
        options=replace(how.requested(), evaluate=evaluate),
    )  # fmt: skip
    submit_task(asked, How(how.bases, detach, dry_run, json, strict))
