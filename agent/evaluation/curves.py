"""Curves over confidences at one threshold of overlap, and the best confidence of each class. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.evaluation.numbers import Floats, ratio
from agent.evaluation.ranking import MOST, Ranking, interpolated

STEPS = 101


@dataclass(frozen=True, slots=True)
class Curves:
    """Of each class: arrays (classes, STEPS), NaN where they are not defined.

    `best_precision` is the precision–recall curve, over RECALLS. `precision`, `recall` and `f1` are over `confidences`,
    from the least possible one to the highest. `best_confidence` has the best F1, which is `best_f1`; `overall` is the
    step of `confidences` with the best mean F1.
    """

    confidences: Floats
    best_precision: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    best_confidence: Floats
    best_f1: Floats

    def overall(self, chosen: list[int]) -> float:
        """The confidence with the best mean F1 of these classes; the least one where no F1 is defined."""
        values = self.f1[chosen]
        defined = values[~np.isnan(values).all(axis=1)]
        if not len(defined):
            return float(self.confidences[0])
        return float(self.confidences[np.nan_to_num(defined).mean(axis=0).argmax()])


def curves_of(ranking: Ranking, threshold: int) -> Curves:
    """The curves of all classes. `threshold`: its number in `matching.THRESHOLDS`."""
    sure = ranking.confidence
    confidences = np.linspace(min(0.0, sure.min(initial=0.0)), max(1.0, sure.max(initial=1.0)), STEPS)
    right, wrong = ranking.right(0, threshold)
    shape = (ranking.classes, STEPS)
    best_precision, precision, recall, f1 = (np.full(shape, np.nan) for _ in range(4))
    best_confidence, best_f1 = np.full(ranking.classes, np.nan), np.full(ranking.classes, np.nan)
    for index in range(ranking.classes):
        part = slice(ranking.starts[index], ranking.starts[index + 1])
        total = int(ranking.totals[0][index])
        hits, errors = np.cumsum(right[part]), np.cumsum(wrong[part])
        if total:
            among = ranking.predictions["rank"][part] < MOST
            best_precision[index] = interpolated(right[part][among], wrong[part][among], total)
        if total and len(hits):
            # A cut keeps all predictions of a confidence or none.
            last = np.append(sure[part][1:] != sure[part][:-1], True)
            scores = 2 * hits[last] / (hits[last] + errors[last] + total)
            at = int(scores.argmax())
            best_f1[index], best_confidence[index] = scores[at], sure[part][last][at]
        kept = np.searchsorted(-sure[part], -confidences, side="right")
        found, wrongly = np.append(0, hits)[kept], np.append(0, errors)[kept]
        precision[index], recall[index] = ratio(found, found + wrongly), ratio(found, np.full(STEPS, total))
        f1[index] = ratio(2 * found, found + wrongly + total)
    return Curves(confidences, best_precision, precision, recall, f1, best_confidence, best_f1)
