"""Images by what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.errors import BadInput
from agent.evaluation.counts import Counts, Table
from agent.evaluation.judged import Judged
from agent.evaluation.numbers import Floats, ratio
from agent.evaluation.object_figures import threshold_of
from agent.evaluation.plan import Plan
from agent.evaluation.verdicts import EXTRA, MATCHED, MISSED, MIXED_UP, OUTCOMES, Verdict, matched_pairs

PIXEL_FIGURES = ("iou", "dice", "boundary_iou", "pixel_accuracy")
OBJECT_FIGURES = ("f1", "precision", "recall", MISSED, EXTRA, MIXED_UP, "errors", "distance")
TAG_FIGURES = ("wrong_tags",)
IMAGE_FIGURES = (*PIXEL_FIGURES, *OBJECT_FIGURES, *TAG_FIGURES)
HIGH_IS_BAD = frozenset({MISSED, EXTRA, MIXED_UP, "errors", "distance", "wrong_tags"})


class Ranked(NamedTuple):
    """An image's number, and its figure."""

    image: int
    value: float


def worst_images(
    plan: Plan,
    counts: Counts | Judged,
    *,
    by: str,
    class_: int | None = None,
    confidence: float | None = None,
    iou: float = 0.5,
) -> list[Ranked]:
    """Images by a figure of theirs, the worst first; those where it is not defined are left out.

    `by`: one of IMAGE_FIGURES. `class_`: the figure of that class (a tag for figures of tags), else of all: the mean
    over the image's classes of figures of pixels, one figure over all objects. `confidence` and `iou`: as in
    `figures.figures`.

    Raises BadInput for a figure that is none.
    """
    judged = counts if isinstance(counts, Judged) else Judged(plan, counts)
    if by not in IMAGE_FIGURES:
        raise BadInput(f"Images have no figure {by!r}; they have {', '.join(IMAGE_FIGURES)}.")
    places = _Places(judged.counts)
    if by in PIXEL_FIGURES:
        values = _of_pixels(judged.counts, places, by, class_)
    elif by in TAG_FIGURES:
        values = _of_tags(judged, places, class_, confidence)
    else:
        verdict = judged.objects.verdict(judged.confidence(confidence, iou), threshold_of(iou))
        values = _of_objects(judged.counts, verdict, places, by, class_)
    defined = np.flatnonzero(~np.isnan(values))
    key = -values[defined] if by in HIGH_IS_BAD else values[defined]
    numbers = judged.counts.images["image"]
    order = defined[np.lexsort((numbers[defined], key))]
    return [Ranked(image, value) for image, value in zip(numbers[order].tolist(), values[order].tolist(), strict=True)]


class _Places:
    """Sums over the rows of an image, in the order of the images."""

    def __init__(self, counts: Counts) -> None:
        numbers = counts.images["image"]
        self.count = len(numbers)
        self._place = np.zeros(int(numbers.max(initial=0)) + 1, np.int64)
        self._place[numbers] = np.arange(self.count)

    def of(self, table: Table) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self._place[table["image"]]
        return found

    def sums(self, table: Table, weights: NDArray[np.generic] | None = None) -> Floats:
        found: Floats = np.bincount(self.of(table), weights=weights, minlength=self.count).astype(np.float64)
        return found


def _of_pixels(counts: Counts, places: _Places, by: str, class_: int | None) -> Floats:
    if by == "pixel_accuracy":
        table = counts.confusion
        return ratio(
            places.sums(table, np.where(table["truth"] == table["predicted"], table["pixels"], 0)),
            places.sums(table, table["pixels"]),
        )
    table = counts.pixels if class_ is None else counts.pixels[counts.pixels["class"] == class_]
    edge = "_edge" if by == "boundary_iou" else ""
    truth, predicted, both = (table[name + edge].astype(np.float64) for name in ("truth", "predicted", "both"))
    values = ratio(2 * both, truth + predicted) if by == "dice" else ratio(both, truth + predicted - both)
    known = ~np.isnan(values)
    return ratio(places.sums(table, np.nan_to_num(values)), places.sums(table, known))


def _of_objects(counts: Counts, verdict: Verdict, places: _Places, by: str, class_: int | None) -> Floats:
    truths, predictions = counts.truths, counts.predictions

    def chosen(table: Table, outcome: NDArray[np.int8], *names: str) -> NDArray[np.bool_]:
        flags: NDArray[np.bool_] = np.isin(outcome, [OUTCOMES.index(name) for name in names])
        return flags if class_ is None else flags & (table["class"] == class_)

    def number(table: Table, outcome: NDArray[np.int8], *names: str) -> Floats:
        return places.sums(table, chosen(table, outcome, *names))

    hits = number(truths, verdict.truth_outcome, MATCHED)
    totals = number(truths, verdict.truth_outcome, MATCHED, MISSED, MIXED_UP)
    guesses = number(predictions, verdict.outcome, MATCHED, EXTRA, MIXED_UP)
    if by == "distance":
        pairs = matched_pairs(counts, verdict)
        pairs = pairs[~np.isnan(pairs["distance"]) & chosen(truths, verdict.truth_outcome, MATCHED)[pairs["truth"]]]
        rows = truths[pairs["truth"]]
        return ratio(places.sums(rows, pairs["distance"]), places.sums(rows))
    ratios: dict[str, Callable[[], Floats]] = {
        "f1": lambda: ratio(2 * hits, totals + guesses),
        "precision": lambda: ratio(hits, guesses),
        "recall": lambda: ratio(hits, totals),
    }
    if by in ratios:
        return ratios[by]()
    found = {
        MISSED: number(truths, verdict.truth_outcome, MISSED),
        MIXED_UP: number(truths, verdict.truth_outcome, MIXED_UP),
        EXTRA: number(predictions, verdict.outcome, EXTRA),
    }
    return found[by] if by in found else found[MISSED] + found[EXTRA] + found[MIXED_UP]


def _of_tags(judged: Judged, places: _Places, tag: int | None, confidence: float | None) -> Floats:
    if judged.tags is None:
        return np.full(places.count, np.nan)
    table = judged.tags.verdicts.table
    is_wrong = table["truth"] != judged.tags.predicted(confidence)
    return places.sums(table, is_wrong if tag is None else is_wrong & (table["tag"] == tag))
