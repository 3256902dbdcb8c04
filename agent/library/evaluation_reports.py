"""The report of an evaluation: its figures, and the worst images with what became of their objects.

Images and masks are drawn by who asks for the report, in a process that may be killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from agent.errors import AgentError
from agent.evaluation_report.page import MOST_BYTES, Report, ReportImage, report
from agent.evaluation_report.pictures import Drawing
from agent.evaluation_report.words import text_of, title_of
from agent.formats.stored_annotation import read_annotation
from agent.library.evaluations import is_outdated

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.library.judging import Judging, Look, Slice
    from agent.store import ImageKey, Store

Draw = Callable[[BinaryIO, Drawing], bytes | None]  # JPEG; None for an image that cannot be drawn

_IMAGES = 48  # at most
_OLD = (
    "A project was changed since: the figures are of how it was, and images are left out. Evaluate again to see them."
)
_MOST_PIXELS = 100_000_000  # of an image that is decoded
_BY = {"detection": "errors", "points": "errors", "segmentation": "iou"}  # what orders the images, by section
_GOOD = {"errors": 0.0, "iou": 1.0}  # images with this figure are no bad ones


def report_of(
    store: Store,
    artifacts: Artifacts,
    judging: Judging,
    part: Slice,
    look: Look,
    each: Callable[[], object],
    draw: Draw,
) -> bytes:
    """One HTML file. `each` is called for every image, and may raise."""
    evaluation = judging.evaluation
    truth, predicted = (_name(store, side) for side in (evaluation.truth_id, evaluation.predicted_id))
    figures = judging.figures(part, look)
    finished = evaluation.finished_at
    is_old = is_outdated(store, evaluation)  # its labels are not those that were judged
    remarks = store.evaluations.results(evaluation.id).remarks
    return report(
        Report(
            title=f"{predicted} against {truth}",
            facts=[
                ("Evaluation", str(evaluation.id)),
                ("Ground truth", truth),
                ("Predictions", predicted),
                ("Model", _model(store, evaluation.model_id)),
                ("Images", f"{figures['images']:,}"),
                ("Evaluated", "" if finished is None else f"{finished:%Y-%m-%d %H:%M} UTC"),
            ],
            figures=figures,
            colors=_colors(store, evaluation.truth_id),
            remarks=[*remarks, _OLD] if is_old else remarks,
            images=[] if is_old else list(_worst(store, artifacts, judging, figures, part, look, each, draw)),
        )
    ).encode()


def _worst(
    store: Store,
    artifacts: Artifacts,
    judging: Judging,
    figures: Mapping[str, Any],
    part: Slice,
    look: Look,
    each: Callable[[], object],
    draw: Draw,
) -> Iterator[ReportImage]:
    by = next((by for section, by in _BY.items() if section in figures), None)
    if by is None:
        return
    ranked = [(number, value) for number, value in judging.ranked(by, part, look, None) if value != _GOOD[by]]
    sides = [
        {(image.dataset, image.name): image for image in store.evaluations.images(side)}
        for side in (judging.evaluation.truth_id, judging.evaluation.predicted_id)
    ]
    left = MOST_BYTES
    for number, value in ranked[:_IMAGES]:
        each()
        named = judging.by_number[number][1:3]
        truth, predicted = (side.get(named) for side in sides)
        if truth is None or predicted is None:  # removed since
            continue
        drawing = _drawing(store, judging, (truth, predicted), part, look, number)
        picture = None if drawing is None else _drawn(artifacts, truth.sha256, drawing, draw)
        if picture is None:
            continue
        left -= len(picture)
        if left < 0:
            return
        yield ReportImage(
            "/".join(named), f"{title_of(by)} {text_of(int(value) if by == 'errors' else value)}", picture
        )


def _drawing(
    store: Store, judging: Judging, sides: tuple[ImageKey, ImageKey], part: Slice, look: Look, number: int
) -> Drawing | None:
    """None where the image is too large."""
    truth, predicted = sides
    if truth.width * truth.height > _MOST_PIXELS:
        return None
    texts = store.evaluations.annotations([truth.id, predicted.id])
    annotations = [read_annotation(texts.get(image.id, "")) or {} for image in sides]
    judgements = judging.objects(part, look, image=number).part()
    return Drawing(judging.plan, (truth.width, truth.height), (annotations[0], annotations[1]), judgements)


def _drawn(artifacts: Artifacts, sha256: str, drawing: Drawing, draw: Draw) -> bytes | None:
    """None where the image is gone or cannot be drawn."""
    try:
        with artifacts.open(sha256) as opened:
            return draw(opened, drawing)
    except AgentError:
        return None


def _name(store: Store, project_id: int) -> str:
    try:
        return store.projects.get_anywhere(project_id).name
    except AgentError:
        return f"project {project_id}"


def _model(store: Store, model_id: int | None) -> str:
    if model_id is None:
        return "–"
    try:
        return store.models.get_anywhere(model_id).name
    except AgentError:
        return f"model {model_id}"


def _colors(store: Store, project_id: int) -> dict[str, str]:
    """Class → #rrggbb, of the classes that have such a colour."""
    try:
        classes = store.projects.get_anywhere(project_id).meta.get("classes")
    except AgentError:
        return {}
    found: dict[str, str] = {}
    for one in classes if isinstance(classes, list) else []:
        if isinstance(one, dict) and isinstance(one.get("title"), str) and isinstance(one.get("color"), str):
            found[one["title"]] = one["color"]
    return found
