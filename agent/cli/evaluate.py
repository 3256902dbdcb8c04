"""`agent evaluate` and `agent evaluate …`: their options. `evaluate_run` and `evaluate_show` do the work."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.plugin import pairs
from agent.errors import BadInput

app = typer.Typer(invoke_without_command=True)
Number = Annotated[int, typer.Argument(metavar="EVALUATION", min=1, help="The evaluation's id.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Names = list[str] | None
Tag = Annotated[Names, typer.Option("--tag", help="Only images with this tag: val")]
Dataset = Annotated[Names, typer.Option("--dataset", help="Only images of this dataset.")]
Class = Annotated[Names, typer.Option("--class", help="Only images with such an object.")]
Confidence = Annotated[float | None, typer.Option(help="That a prediction has at least; default: the best by F1.")]
Iou = Annotated[float, typer.Option(min=0.5, max=0.95, help="From which a prediction stands for an object.")]


class Kind(StrEnum):
    CSV = "csv"
    JSON = "json"
    COCO = "coco"
    HTML = "html"


@app.callback()
def evaluate(
    *,
    ctx: typer.Context,
    truth: Annotated[
        str | None, typer.Option(help="The labelled project: id, name or folder; default: what the inference read.")
    ] = None,
    predictions: Annotated[str | None, typer.Option(help="The project to judge: id, name or folder.")] = None,
    map_: Annotated[
        Names, typer.Option("--map", metavar="TRUTH=PREDICTED", help="Judge these classes; default: by their names.")
    ] = None,
    map_tag: Annotated[Names, typer.Option("--map-tag", metavar="TRUTH=PREDICTED", help="The same of tags.")] = None,
    suffix: Annotated[
        str | None, typer.Option(help="Behind the names of predicted classes; default: as the inference says.")
    ] = None,
    neutral: Annotated[
        Names, typer.Option(help="A class below which nothing is judged; default: the training's.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="The class of pixels without a label; default: the training's.")
    ] = None,
    task: Annotated[int | None, typer.Option(min=1, help="Judge the checkpoints of this training.")] = None,
    best: Annotated[int | None, typer.Option(min=1, help="With --task: only its best checkpoints, so many.")] = None,
    project: Annotated[
        str | None, typer.Option(help="With --task: judge them on this project; default: the training's own.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print what was queued and return.")] = False,
    json: Json = False,
) -> None:
    """Judge predictions over a whole project, or every checkpoint of a training. Nothing is judged twice."""
    if ctx.invoked_subcommand is not None:
        return
    from agent.library.evaluations import Matching  # late: help should not wait for the store

    if task is not None:
        if any(one is not None for one in (truth, predictions, map_, map_tag, suffix, neutral, background)):
            raise BadInput("--task judges checkpoints by the project they predict; leave --truth, --predictions … out")
        from agent.cli.evaluate_checkpoints import evaluate_training

        evaluate_training(task, project=project, best=best, detach=detach, as_json=json)
        return
    if predictions is None:
        raise BadInput(
            "--predictions is missing; write agent evaluate --truth PROJECT --predictions PROJECT, or --task TASK"
        )
    if best is not None or project is not None:
        raise BadInput("--best and --project belong to --task")
    matching = Matching(
        suffix=suffix,
        mapping=pairs(map_, "--map") if map_ else None,
        tag_mapping=pairs(map_tag, "--map-tag") if map_tag else None,
        neutral=tuple(neutral) if neutral else None,
        background=background,
    )
    from agent.cli.evaluate_run import evaluate_projects

    evaluate_projects(truth, predictions, matching, detach=detach, as_json=json)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 30,
    model: Annotated[int | None, typer.Option(min=1, help="Only those of this model's predictions.")] = None,
    json: Json = False,
) -> None:
    """The newest evaluations."""
    from agent.cli.evaluate_show import list_evaluations

    list_evaluations(limit, model, as_json=json)


@app.command("show")
def show_(
    evaluation: Number,
    tag: Tag = None,
    dataset: Dataset = None,
    with_class: Class = None,
    confidence: Confidence = None,
    iou: Iou = 0.5,
    json: Json = False,
) -> None:
    """The figures of an evaluation, of all images or some."""
    from agent.cli.evaluate_show import show_evaluation
    from agent.library.judging import Look, Slice

    part = Slice(frozenset(dataset or ()), frozenset(tag or ()), frozenset(with_class or ()))
    show_evaluation(evaluation, part, Look(confidence, iou), as_json=json)


@app.command()
def export(
    evaluation: Number,
    kind: Annotated[
        Kind,
        typer.Option(
            "--format", help="csv or json: the figures; coco: a ZIP for COCO tools; html: a report in one file."
        ),
    ] = Kind.CSV,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; - for standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write an evaluation to a file."""
    from agent.cli.evaluate_show import export_evaluation

    export_evaluation(evaluation, kind.value, output, force=force)


@app.command("rm")
def remove(evaluation: Number) -> None:
    """Forget an evaluation; it can be computed again."""
    from agent.cli import show
    from agent.cli.installation import open_installation

    with open_installation() as installation:
        installation.store.evaluations.remove(evaluation)
    show.out.print(f"evaluation {evaluation} is forgotten", markup=False)
