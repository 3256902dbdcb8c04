"""`agent tune` and `agent tune …`: their options. `tune_study` does the work."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.plugin import pairs
from agent.cli.submit import (
    Base,
    ConfigFile,
    EngineName,
    Env,
    Gpus,
    Grace,
    Hardened,
    IdleLimit,
    Memory,
    On,
    Preset,
    Pull,
    Python,
    Restarts,
    TimeLimit,
    Writable,
    size,
)
from agent.cli.submit_task import Asked
from agent.domain import TaskType
from agent.errors import BadInput
from agent.task_options import RequestedOptions

app = typer.Typer(invoke_without_command=True)
Reference = Annotated[str, typer.Argument(metavar="STUDY", help="The study's id or name.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Space = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=SPACE",
        help="A range lr=1e-5..1e-1:log, integers epochs=5..20, choices lr=0.1,0.01, or one value.",
    ),
]


@app.callback()
def tune(
    ctx: typer.Context,
    plugin: Annotated[str | None, typer.Option("--plugin", help="Id, title, image or folder.")] = None,
    project: Annotated[list[str] | None, typer.Option("--project", help="Id, name or folder.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="Id, name, task:N/best, tar or folder; default: random weights."),
    ] = None,
    set_: Space = None,
    maximize: Annotated[str | None, typer.Option(metavar="METRIC", help="For instance val.mean_iou")] = None,
    minimize: Annotated[str | None, typer.Option(metavar="METRIC", help="For instance val.loss")] = None,
    trials: Annotated[
        int | None, typer.Option(help="How many trainings; default: 50, of a grid all combinations.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="How many at the same time.")] = 1,
    sampler: Annotated[
        str | None, typer.Option(help="tpe, random or grid; default: tpe, without a metric grid.")
    ] = None,
    pruner: Annotated[str | None, typer.Option(help="none, median or hyperband: ends poor trials early.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="Makes the draws repeatable.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study.")] = None,
    config: ConfigFile = None,
    preset: Preset = None,
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
    json: Json = False,
) -> None:
    """Train many times, with parameters that a search chooses. After Ctrl-C, `agent tune resume` goes on."""
    if ctx.invoked_subcommand is not None:
        return
    from agent.cli.tune_study import start_study
    from agent.tuning.request import StudyRequest  # late: help should not wait for the store

    if plugin is None or not project:
        raise BadInput(
            f"--{'project' if plugin else 'plugin'} is missing; a study trains one plugin on one project: "
            "agent tune --plugin PLUGIN --project PROJECT --set lr=1e-5..1e-1:log --maximize val.mean_iou"
        )
    options = RequestedOptions(
        engine=engine, gpus=gpus, pull=pull, python=python, env=pairs(env, "--env"), memory_bytes=size(memory),
        hardened=hardened or None, writable_data=writable_data, stop_grace_s=stop_grace, time_limit_s=time_limit,
        idle_limit_s=idle_limit, on=pairs(on, "--on"), restarts=restarts,
    )  # fmt: skip
    asked = Asked(
        type=TaskType.TRAIN, plugin=plugin, projects=project, models=model or (), name=None, config=config,
        preset=preset, overrides=set_ or (), options=options,
    )  # fmt: skip
    request = StudyRequest(
        maximize=maximize, minimize=minimize, trials=trials, jobs=jobs, sampler=sampler, pruner=pruner, name=name,
        seed=seed,
    )  # fmt: skip
    start_study(asked, request, pairs(base, "--base"), as_json=json)


@app.command()
def resume(
    study: Reference,
    trials: Annotated[int | None, typer.Option(help="Have so many in the end; default: as before.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="How many at the same time.")] = None,
    json: Json = False,
) -> None:
    """Go on with a study that was interrupted or stopped, or give it more trials."""
    from agent.cli.tune_study import resume_study

    resume_study(study, trials=trials, jobs=jobs, as_json=json)


@app.command("list")
def list_(limit: Annotated[int, typer.Option(min=1, max=1000)] = 30, json: Json = False) -> None:
    """The newest studies."""
    from agent.cli.tune_show import list_studies

    list_studies(limit, as_json=json)


@app.command("show")
def show_(study: Reference, json: Json = False) -> None:
    """One study: its best trial, every trial, and which parameters matter."""
    from agent.cli.tune_show import show_study

    show_study(study, as_json=json)


@app.command()
def stop(study: Reference, json: Json = False) -> None:
    """End a study and its running tasks. `agent tune resume` can go on with it later."""
    from agent.cli.tune_study import stop_study

    stop_study(study, as_json=json)
