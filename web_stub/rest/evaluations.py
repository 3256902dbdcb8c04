"""Evaluations: lists, one with its figures, figures of slices, images and objects behind them, exports."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from agent.checkpoint_evaluations import evaluate_checkpoints, project_for, training_of
from agent.errors import NotFound
from agent.library.evaluation_exports import KINDS as EXPORTS
from agent.library.evaluation_exports import Format, export
from agent.library.evaluations import evaluate
from agent.library.judging import Judging
from web_stub.budget import BudgetRoute, large, still_wanted
from web_stub.context import Web, WebDep
from web_stub.evaluation_images import ImagesQuery, ObjectsQuery, SliceQuery, judged_objects, ranked_images
from web_stub.evaluation_views import evaluation_list, judged_on, whole_evaluation
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources import evaluations as shown
from web_stub.rest.payloads import EvaluateCheckpoints, NewEvaluation

router = APIRouter(route_class=BudgetRoute, tags=["evaluations"])


class FiguresQuery(SliceQuery):
    curves: Annotated[bool, Field(description="whether sections have their curves")] = True


@router.get("/evaluations", response_model=shown.EvaluationList)
@large
def list_evaluations(
    web: WebDep,
    project: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="on either side")] = None,
    task: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="the inference that predicted")] = None,
    model: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="the model that predicted")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="`next` of the page before")] = None,
) -> Response:
    """Newest first."""
    found = web.store.evaluations.list(
        limit=limit + 1, before_id=before, project_id=project, task_id=task, model_id=model
    )
    return json_response(evaluation_list(web.store, found, limit))


@router.post("/evaluations", response_model=shown.Evaluation, status_code=201)
@large
def create_evaluation(web: WebDep, asked: NewEvaluation) -> Response:
    """Judge the predictions of a project. The evaluation that exists is given; a failed one is queued again."""
    evaluation = evaluate(web.store, asked.request())
    web.hub.touch()
    return json_response(whole_evaluation(web.store, evaluation), 201)


@router.get("/evaluations/{evaluation_id}", response_model=shown.Evaluation)
@large
def get_evaluation(web: WebDep, evaluation_id: Id) -> Response:
    """How far it is, and when it is done its figures of all images."""
    return json_response(whole_evaluation(web.store, web.store.evaluations.get(evaluation_id)))


@router.delete("/evaluations/{evaluation_id}", status_code=204)
def delete_evaluation(web: WebDep, evaluation_id: Id) -> Response:
    """For good: it can be computed again."""
    web.store.evaluations.remove(evaluation_id)
    web.hub.touch()
    return Response(status_code=204)


@router.get("/evaluations/{evaluation_id}/figures", response_model=shown.EvaluationFigures)
@large
def get_evaluation_figures(web: WebDep, evaluation_id: Id, query: Annotated[FiguresQuery, Query()]) -> Response:
    """The figures of a slice, at any confidence. 409 until the evaluation is done, as for the routes below."""
    with web.judgings.of(web.store.evaluations.get(evaluation_id)) as judging:
        found = judging.figures(query.slice(), query.look())
    if not query.curves:
        found = {name: _without_curves(part) for name, part in found.items()}
    answer = shown.EvaluationFigures(images=found["images"], confidence=query.confidence, iou=query.iou, figures=found)
    return json_response(answer)


@router.get("/evaluations/{evaluation_id}/images", response_model=shown.RankedImageList)
@large
def list_evaluated_images(web: WebDep, evaluation_id: Id, query: Annotated[ImagesQuery, Query()]) -> Response:
    """Images by a figure of theirs, or by how much that differs from another evaluation's, the worst first."""
    evaluation = web.store.evaluations.get(evaluation_id)
    other = None if query.against is None else web.store.evaluations.get(query.against)
    return json_response(ranked_images(web.judgings, evaluation, other, query))


@router.get("/evaluations/{evaluation_id}/objects", response_model=shown.JudgedObjectList)
@large
def list_evaluated_objects(web: WebDep, evaluation_id: Id, query: Annotated[ObjectsQuery, Query()]) -> Response:
    """Objects and predictions by what became of them."""
    evaluation = web.store.evaluations.get(evaluation_id)
    return json_response(judged_objects(web.judgings, evaluation, query))


@router.get("/evaluations/{evaluation_id}/find", response_model=shown.FoundImage)
@large
def find_evaluated_image(
    web: WebDep, evaluation_id: Id, image_id: Annotated[int, Query(ge=1, le=LARGEST_ID, description="of either side")]
) -> Response:
    """The number of an image in the evaluation."""
    evaluation = web.store.evaluations.get(evaluation_id)
    image = web.store.images.get(image_id)
    name = (web.store.datasets.get(image.dataset_id).name, image.name)
    with web.judgings.of(evaluation) as judging:
        number = next((one.number for one in judging.images if (one.dataset, one.name) == name), None)
    if number is None:
        raise NotFound(f"Image {image_id} was not judged by evaluation {evaluation_id}.")
    return json_response(shown.FoundImage(number=number))


@router.get("/evaluations/{evaluation_id}/export", response_class=Response)
@large
def export_evaluation(
    web: WebDep,
    evaluation_id: Id,
    format: Annotated[  # noqa: A002
        Literal["csv", "json", "coco", "html"],
        Query(description="coco: results, as COCO tools read them; html: a report in one file"),
    ],
) -> Response:
    """The figures as CSV, JSON or a report, or the predictions as COCO results beside their ground truth."""
    evaluation = web.store.evaluations.get(evaluation_id)
    with web.judgings.of(evaluation) as judging:
        content = b"" if format == "coco" else _content(web, judging, format)
    if format == "coco":  # of what never changes: others may ask meanwhile
        content = _content(web, judging, format)
    kind = EXPORTS[format]
    name = f"evaluation-{evaluation_id}{kind.suffix}"
    return Response(content, media_type=kind.mime, headers={"content-disposition": f'attachment; filename="{name}"'})


def _content(web: Web, judging: Judging, kind: Format) -> bytes:
    return export(web.store, web.artifacts, judging, kind, decoding=web.workers, each=still_wanted)


@router.get("/tasks/{task_id}/evaluations", response_model=shown.JudgedCheckpoints)
@large
def list_checkpoint_evaluations(
    web: WebDep,
    task_id: Id,
    project: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="default: the training's own")] = None,
) -> Response:
    """The checkpoints of a training with their evaluations on one project."""
    training = training_of(web.store, task_id)
    return json_response(judged_on(web.store, training, project_for(web.store, training, project)))


@router.post("/tasks/{task_id}/evaluate", response_model=shown.JudgedCheckpoints)
@large
def evaluate_training(web: WebDep, task_id: Id, asked: EvaluateCheckpoints) -> Response:
    """Queue an inference with each published checkpoint that has none on the project; their ends queue evaluations."""
    training = training_of(web.store, task_id)
    project = project_for(web.store, training, asked.project)
    evaluate_checkpoints(web.store, web.settings, web.artifacts, training, project, best=asked.best)
    web.hub.touch()
    return json_response(judged_on(web.store, training, project))


def _without_curves(part: object) -> object:
    return {name: value for name, value in part.items() if name != "curves"} if isinstance(part, dict) else part
