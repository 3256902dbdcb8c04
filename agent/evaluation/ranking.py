"""Average precision, average recall, and the curves over confidences, as COCO defines them. Pure.

Predictions of a class are ranked over all images; a cut at some confidence keeps the first ones. `matching` says which
of them are right at which threshold of overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.counts import Table
from agent.evaluation.matching import RANGES, SIZES, THRESHOLDS, bit
from agent.evaluation.plan import NOTHING

RECALLS: NDArray[np.float64] = np.linspace(0.0, 1.0, 101)
MOST = 100  # predictions of a class in one image that average precision looks at
FEWER = (1, 10, MOST)  # and those of average recall

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Average:
    """Figures of each class, NaN where the class has no object of the size.

    `precision`: (sizes, thresholds, classes), the mean of the precisions at RECALLS; `recall`: (3, thresholds, classes)
    with 1, 10 and 100 predictions per image; `size_recall`: (sizes, thresholds, classes) with 100.
    """

    precision: Floats
    recall: Floats
    size_recall: Floats


class Ranking:
    """The predictions of classes 0 to `classes` - 1 in one order: by class, confidence, image."""

    def __init__(self, classes: int, truths: Table, predictions: Table) -> None:
        order = np.lexsort(
            (predictions["object"], predictions["image"], -predictions["confidence"], predictions["class"])
        )
        self.order = order
        self.predictions = predictions[order]
        self.confidence: Floats = np.ascontiguousarray(self.predictions["confidence"])
        self.classes = classes
        self.starts = np.searchsorted(self.predictions["class"], np.arange(classes + 1))
        known = truths[truths["class"] != NOTHING]
        self.totals = np.array(
            [
                np.bincount(known["class"][(known["area"] >= least) & (known["area"] <= most)], minlength=classes)
                for least, most in RANGES
            ]
        )

    def right(self, size: int, threshold: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which predictions are right, and which wrong; those of neither are ignored."""
        flag = bit(size, threshold)
        is_matched = (self.predictions["matched"] & flag) != 0
        is_counted = (self.predictions["ignored"] & flag) == 0
        return is_matched & is_counted, ~is_matched & is_counted

    def average(self) -> Average:
        shape = (len(SIZES), len(THRESHOLDS), self.classes)
        precision, size_recall = np.full(shape, np.nan), np.full(shape, np.nan)
        recall = np.full((len(FEWER), *shape[1:]), np.nan)
        rank, number = self.predictions["rank"], self.predictions["class"]
        for size in range(len(SIZES)):
            has_some = self.totals[size] > 0
            for threshold in range(len(THRESHOLDS)):
                right, wrong = self.right(size, threshold)
                for index in has_some.nonzero()[0]:
                    part = slice(self.starts[index], self.starts[index + 1])
                    among = rank[part] < MOST
                    precision[size, threshold, index] = interpolated(
                        right[part][among], wrong[part][among], self.totals[size][index]
                    ).mean()
                found = [
                    np.bincount(number[right & (rank < fewer)], minlength=self.classes)[: self.classes]
                    for fewer in FEWER
                ]
                with np.errstate(invalid="ignore"):
                    shares = [np.where(has_some, one / np.maximum(self.totals[size], 1), np.nan) for one in found]
                size_recall[size, threshold] = shares[-1]
                if size == 0:
                    recall[:, threshold] = shares
        return Average(precision, recall, size_recall)


def interpolated(right: NDArray[Any], wrong: NDArray[Any], total: int) -> Floats:
    """The best precision at each of RECALLS or beyond, 0 where that recall is not reached. The arrays are ranked."""
    hits, errors = np.cumsum(right), np.cumsum(wrong)
    recall = hits / total
    precision = hits / np.maximum(hits + errors, 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    return np.where(places < len(best), np.append(best, 0.0)[np.minimum(places, len(best))], 0.0)
