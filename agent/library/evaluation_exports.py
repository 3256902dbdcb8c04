"""An evaluation as files of other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, Protocol

import orjson

from agent.library.judging import WHOLE, Look, Slice
from agent.store.runs.export import harmless

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.evaluation.coco import CocoImage, CocoObjects
    from agent.evaluation_report.pictures import Drawing
    from agent.library.judging import Judging
    from agent.store import Store

Format = Literal["csv", "json", "coco", "html"]


class Decoding(Protocol):
    """What reads images and masks, in processes that may be killed: `web_stub/gallery/workers.py`."""

    def judged_picture(self, image: BinaryIO, drawing: Drawing) -> bytes | None: ...
    def coco_objects(self, image: CocoImage) -> CocoObjects: ...


class Kind(NamedTuple):
    suffix: str
    mime: str


KINDS: Mapping[Format, Kind] = {
    "csv": Kind(".csv", "text/csv; charset=utf-8"),
    "json": Kind(".json", "application/json"),
    "coco": Kind("-coco.zip", "application/zip"),
    "html": Kind(".html", "text/html; charset=utf-8"),
}


def export(
    store: Store,
    artifacts: Artifacts,
    judging: Judging,
    kind: Format,
    *,
    decoding: Decoding,
    part: Slice = WHOLE,
    look: Look = Look(),  # noqa: B008 - it never changes
    each: Callable[[], object] = lambda: None,
) -> bytes:
    """The figures of the slice as CSV, JSON or a report, or all predictions for COCO tools.

    `decoding` reads images and masks, `each` may end what takes long.
    """
    if kind == "html":
        from agent.library.evaluation_reports import report_of  # late: few ask for it

        return report_of(store, artifacts, judging, part, look, each, decoding.judged_picture)
    if kind == "coco":
        from agent.library.coco_export import coco  # late: it reads annotations

        return coco(store, judging, decoding.coco_objects, each)
    figures = judging.figures(part, look)
    if kind == "csv":
        return _csv(figures)
    evaluation = judging.evaluation
    whole = {
        "evaluation": evaluation.id,
        "truth_project": evaluation.truth_id,
        "predicted_project": evaluation.predicted_id,
        "task": evaluation.task_id,
        "model": evaluation.model_id,
        "plan": orjson.loads(judging.plan.to_json()),
        "remarks": list(store.evaluations.results(evaluation.id).remarks),
        "figures": figures,
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def _csv(figures: Mapping[str, Any]) -> bytes:
    """A line for each figure: the section, the class or nothing for all of them, the name, the value or nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("section", "class", "figure", "value"))
    writer.writerows(_rows(figures))
    return text.getvalue().encode()


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    for name, section in figures.items():
        if not isinstance(section, Mapping) or "headline" not in section:
            continue
        for figure, value in section["headline"].items():
            yield name, "", figure, "" if value is None else value
        for one in section["classes"]:
            for figure, value in one.items():
                if figure != "title" and (value is None or isinstance(value, (int, float))):
                    yield name, harmless(one["title"]), figure, "" if value is None else value
