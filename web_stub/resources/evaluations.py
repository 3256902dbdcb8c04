"""Evaluations: their cards, one whole, and the answers to what is asked of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from agent.domain import TaskStatus
from agent.store import EvaluationStatus
from web_stub.resources.resource import Resource, Used


class JudgedModel(Used):
    task_id: Annotated[int | None, Field(description="the training that made it")]
    checkpoint_index: int | None
    is_best: bool | None


class EvaluationCard(Resource):
    id: int
    status: EvaluationStatus
    reason: Annotated[str | None, Field(description="why it failed, a sentence")]
    truth: Used
    predictions: Used
    task_id: Annotated[int | None, Field(description="the inference that predicted")]
    model: Annotated[JudgedModel | None, Field(description="that predicted; null: no inference did")]
    images_total: Annotated[int, Field(description="that both projects have")]
    images_done: int
    headline: Annotated[
        dict[str, dict[str, float | bool | None]],
        Field(
            description="`segmentation`, `detection`, `points`, `tags` → the figures of its headline; empty until done"
        ),
    ]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class EvaluationList(Resource):
    items: list[EvaluationCard]
    next: Annotated[int | None, Field(description="`before` of the next page")]


class JudgedClass(Resource):
    title: str
    kind: Annotated[str, Field(description="how it is compared: masks, boxes, points, lines, graphs")]
    color: Annotated[str | None, Field(description="in the ground truth: #rrggbb")]
    truth: Annotated[list[str], Field(description="titles in the ground truth")]
    predicted: Annotated[list[str], Field(description="titles in the predictions")]


class SliceName(Resource):
    name: str
    images: int


class Evaluation(EvaluationCard):
    asked: Annotated[dict[str, Any], Field(description="how classes were to be matched, as it was asked for")]
    is_outdated: Annotated[bool, Field(description="a project was changed since; the figures are of how it was")]
    classes: list[JudgedClass]
    judged_tags: list[str]
    neutral: Annotated[list[str], Field(description="classes below which nothing is judged")]
    remarks: Annotated[list[str], Field(description="what could not be compared and why, a sentence each")]
    figures: Annotated[
        dict[str, Any] | None, Field(description="of all images, at the best confidence; null until done")
    ]
    datasets: Annotated[list[SliceName], Field(description="slices; empty until done")]
    tags: Annotated[list[SliceName], Field(description="slices: tags of images in the ground truth")]


class EvaluationFigures(Resource):
    images: int
    confidence: float | None
    iou: float
    figures: dict[str, Any]


class JudgedImage(Resource):
    number: Annotated[int, Field(description="in this evaluation")]
    dataset: str
    name: str
    truth_image_id: Annotated[int | None, Field(description="null: it was removed since")]
    predicted_image_id: int | None
    width: int
    height: int


class RankedImage(JudgedImage):
    value: float | None
    other: Annotated[float | None, Field(description="the same figure by the evaluation of `against`")]
    problems: Annotated[list[str], Field(description="what could not be compared, a sentence each")]


class RankedImageList(Resource):
    by: Annotated[str, Field(description="the figure by which they are in order")]
    items: list[RankedImage]
    total: int


class JudgedObject(JudgedImage):
    kind: Annotated[str, Field(description="matched, mixed_up, missed, extra, ignored")]
    error: Annotated[str | None, Field(description="the kind of error after TIDE")]
    truth: Annotated[int | None, Field(description="the object's place in the annotation of the ground truth")]
    predicted: Annotated[int | None, Field(description="its place in the annotation of the predictions")]
    truth_class: str | None
    predicted_class: str | None
    overlap: Annotated[float | None, Field(description="IoU, or OKS of graphs")]
    distance: Annotated[float | None, Field(description="pixels, of points, lines and graphs")]
    confidence: float | None
    area: float


class JudgedObjectList(Resource):
    items: list[JudgedObject]
    total: int


class FoundImage(Resource):
    number: int


class JudgedCheckpoint(Resource):
    checkpoint_index: int
    epoch: Annotated[float | None, Field(description="as the plugin reported it")]
    is_best: bool
    own: Annotated[dict[str, float], Field(description="validation metrics that the plugin reported with it")]
    model: Annotated[Used | None, Field(description="null: it is not kept")]
    task_id: Annotated[int | None, Field(description="the inference with it on this project; null: there is none")]
    task_status: TaskStatus | None
    evaluation: EvaluationCard | None


class JudgedCheckpoints(Resource):
    """The checkpoints of a training, judged on one project."""

    project: Used
    items: Annotated[list[JudgedCheckpoint], Field(description="in the order of the checkpoints")]
