"""The images and objects behind the figures of an evaluation: what may be asked of them, and the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from agent.errors import BadInput
from agent.library.judging import BAR, BARS, CELL, PAIR, Judging, Look, Slice
from web_stub.budget import still_wanted
from web_stub.judgings import Judgings
from web_stub.parameters import LARGEST_ID
from web_stub.resources.evaluations import JudgedObject, JudgedObjectList, RankedImage, RankedImageList

if TYPE_CHECKING:
    from agent.library.evaluated_images import CountedImage
    from agent.store import Evaluation

_MOST = 1000
_Title = Annotated[str, Field(max_length=1000)]
_MOST_PIXELS = 2**40


class SliceQuery(BaseModel):
    """Which images, and at which confidence and overlap they are judged."""

    dataset: Annotated[list[_Title], Field(max_length=1000, description="names; any of them")] = []
    tag: Annotated[list[_Title], Field(max_length=1000, description="of images in the ground truth; any of them")] = []
    with_class: Annotated[
        list[_Title], Field(max_length=1000, alias="class", description="that an object of the image has; any of them")
    ] = []
    min_pixels: Annotated[int | None, Field(ge=0, le=_MOST_PIXELS, description="width × height")] = None
    max_pixels: Annotated[int | None, Field(ge=0, le=_MOST_PIXELS)] = None
    object_size: Annotated[
        list[Literal["small", "medium", "large"]],
        Field(max_length=3, description="that an object of the image has, as COCO parts them; any of them"),
    ] = []
    confidence: Annotated[
        float | None,
        Field(allow_inf_nan=False, description="that a prediction has at least; default: the best"),
    ] = None
    iou: Annotated[float, Field(ge=0.5, le=0.95, allow_inf_nan=False, description="0.5, 0.55, …, 0.95")] = 0.5

    def slice(self) -> Slice:
        return Slice(
            frozenset(self.dataset),
            frozenset(self.tag),
            frozenset(self.with_class),
            self.min_pixels,
            self.max_pixels,
            frozenset(self.object_size),
        )

    def look(self) -> Look:
        return Look(self.confidence, self.iou)


class PageQuery(SliceQuery):
    limit: Annotated[int, Field(ge=1, le=_MOST)] = 100
    offset: Annotated[int, Field(ge=0, le=10**9)] = 0
    kind: Annotated[list[str], Field(max_length=20, description="outcomes and errors of objects; any of them")] = []
    truth_class: Annotated[_Title | None, Field(description="of an object; empty: there is none on that side")] = None
    predicted_class: _Title | None = None


class ImagesQuery(PageQuery):
    by: Annotated[str | None, Field(max_length=100, description="a figure of images; default: iou, or errors")] = None
    of: Annotated[_Title | None, Field(description="the figure of this class, or tag, alone")] = None
    bar: Annotated[int | None, Field(ge=0, lt=BARS, description="of the reliability diagram, for by=bar")] = None
    order: Literal["worst", "best"] = "worst"
    against: Annotated[int | None, Field(ge=1, le=LARGEST_ID, description="compare with this evaluation")] = None


class ObjectsQuery(PageQuery):
    image: Annotated[int | None, Field(ge=0, le=LARGEST_ID, description="number of the image")] = None
    order: Annotated[
        Literal["confidence", "overlap", "area", "distance"], Field(description="descending; overlap: ascending")
    ] = "confidence"


def ranked_images(
    judgings: Judgings, evaluation: Evaluation, other: Evaluation | None, query: ImagesQuery
) -> RankedImageList:
    """A page of the images of the slice. Of those that are asked for by objects, the ones that have such objects."""
    with judgings.of(evaluation) as judging:
        by = query.by or ("iou" if "segmentation" in judging.figures() else "errors")
        found = _values(judging, by, query)
        images, problems = judging.by_number, judging.problems
    values: Sequence[tuple[int, float, float | None]] = (
        [(number, value, None) for number, value in found]
        if other is None
        else _compared(judgings, other, by, query, images, found)
    )
    if query.order == "best":
        values = values[::-1]
    as_image = _Images(judgings, evaluation)
    items = [
        RankedImage(**as_image(images[number]), value=value, other=theirs, problems=problems.get(number, []))
        for number, value, theirs in values[query.offset : query.offset + query.limit]
    ]
    return RankedImageList(by=by, items=items, total=len(values))


def judged_objects(judgings: Judgings, evaluation: Evaluation, query: ObjectsQuery) -> JudgedObjectList:
    """A page of the objects of the slice."""
    with judgings.of(evaluation) as judging:
        found = judging.objects(
            query.slice(),
            query.look(),
            kinds=query.kind,
            truth_class=query.truth_class,
            predicted_class=query.predicted_class,
            image=query.image,
            order=query.order,
        )
        total = len(found)
        page = found.part(query.offset, query.offset + query.limit)
        images, titles = judging.by_number, judging.plan.classes
    as_image = _Images(judgings, evaluation)

    def title(number: int | None) -> str | None:
        return None if number is None or number < 0 else titles[number]

    items = [
        JudgedObject(
            **as_image(images[one.image]),
            kind=one.outcome,
            error=one.error,
            truth=one.truth,
            predicted=one.predicted,
            truth_class=title(one.truth_class),
            predicted_class=title(one.predicted_class),
            overlap=one.overlap,
            distance=one.distance,
            confidence=one.confidence,
            area=one.area,
        )
        for one in page
    ]
    return JudgedObjectList(items=items, total=total)


def _values(judging: Judging, by: str, query: ImagesQuery) -> Sequence[tuple[int, float]]:
    part, look = query.slice(), query.look()
    if by == CELL:
        if query.truth_class is None or query.predicted_class is None:
            raise BadInput(
                "by=cell: name the cell with truth_class and predicted_class; empty is the one without a class"
            )
        return judging.of_cell(part, query.truth_class, query.predicted_class)
    if by == BAR:
        if query.bar is None:
            raise BadInput("by=bar: name the bar of the reliability diagram with bar, counted from 0")
        return judging.of_bar(part, query.bar)
    if by == PAIR:
        images = judging.of_tags(part, look, query.truth_class, query.predicted_class)
        wrong = dict(judging.ranked("wrong_tags", part, look, None))
        return [(number, wrong.get(number, 0.0)) for number in images]
    found = judging.ranked(by, part, look, query.of)
    if not (query.kind or query.truth_class is not None or query.predicted_class is not None):
        return found
    objects = judging.objects(
        part, look, kinds=query.kind, truth_class=query.truth_class, predicted_class=query.predicted_class
    )
    wanted = set(objects.images())
    return [(number, value) for number, value in found if number in wanted]


def _compared(
    judgings: Judgings,
    other: Evaluation,
    by: str,
    query: ImagesQuery,
    images: dict[int, CountedImage],
    found: Sequence[tuple[int, float]],
) -> list[tuple[int, float, float]]:
    """Images that both evaluations judge, those first that are most worse in the first."""
    still_wanted()
    with judgings.of(other) as judging:
        theirs = {judging.by_number[number][1:3]: value for number, value in _values(judging, by, query)}
        sign = -1 if judging.is_high_bad(by) else 1
    both = [(number, value, theirs[images[number][1:3]]) for number, value in found if images[number][1:3] in theirs]
    return sorted(both, key=lambda one: (sign * (one[1] - one[2]), one[0]))


class _Images:
    """Images of an evaluation as answers name them, with their ids in both projects as these are now."""

    def __init__(self, judgings: Judgings, evaluation: Evaluation) -> None:
        self._truth, self._predicted = (
            judgings.image_ids(project_id) for project_id in (evaluation.truth_id, evaluation.predicted_id)
        )

    def __call__(self, image: CountedImage) -> dict[str, Any]:
        name = (image.dataset, image.name)
        return {
            "number": image.number,
            "dataset": image.dataset,
            "name": image.name,
            "truth_image_id": self._truth.get(name),
            "predicted_image_id": self._predicted.get(name),
            "width": image.width,
            "height": image.height,
        }
