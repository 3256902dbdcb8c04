"""Figures of objects: average precision and recall, what one confidence gives, and its errors. Pure."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import BadInput
from agent.evaluation.counts import Counts
from agent.evaluation.matching import SIZES, THRESHOLDS
from agent.evaluation.numbers import harmonic, mean_of, plain, ratio
from agent.evaluation.plan import Plan
from agent.evaluation.ranking import FEWER, Average, Ranking


class Detection:
    """The objects of classes of some kinds."""

    def __init__(self, plan: Plan, counts: Counts, chosen: list[int]) -> None:
        self.plan = plan
        self.counts = counts
        self.chosen = np.array(chosen)
        self.ranking = Ranking(len(plan.classes), counts.truths, counts.predictions)

    @classmethod
    def of(cls, plan: Plan, counts: Counts, kinds: Collection[str], section: str) -> Detection | None:
        """None where the plan has nothing to judge here."""
        chosen = [at for at, kind in enumerate(plan.kinds) if kind in kinds and at != plan.background]
        return cls(plan, counts, chosen) if chosen and plan.judges(section) else None

    @cached_property
    def average(self) -> Average:
        return self.ranking.average()

    def section(self, confidence: float | None, iou: float) -> dict[str, Any]:
        threshold = threshold_of(iou)
        if confidence is None:
            confidence = 0.0
        right, wrong = self.ranking.right(0, threshold)
        sure = self.ranking.confidence >= confidence
        number, size = self.ranking.predictions["class"], len(self.plan.classes)
        hits, errors = (np.bincount(number[flags & sure], minlength=size)[self.chosen] for flags in (right, wrong))
        totals = self.ranking.totals[0][self.chosen]
        precision, recall = ratio(hits, hits + errors), ratio(hits, totals)
        figures = {**self._averages(), "precision": precision, "recall": recall, "f1": harmonic(precision, recall)}
        return {
            "headline": {
                **{name: mean_of(values) for name, values in figures.items()},
                "confidence": confidence,
                "iou": iou,
            },
            "classes": [
                {
                    "title": self.plan.classes[index],
                    **{name: plain(values[at]) for name, values in figures.items()},
                    "truths": int(totals[at]),
                    "matched": int(hits[at]),
                    "missed": int(totals[at] - hits[at]),
                    "extra": int(errors[at]),
                }
                for at, index in enumerate(self.chosen)
            ],
            "remarks": [],
        }

    def _averages(self) -> dict[str, NDArray[np.float64]]:
        """Name → the figure of each class."""
        average = self.average
        precision = average.precision[..., self.chosen]
        named = {"ap": precision[0].mean(axis=0), "ap50": precision[0, 0], "ap75": precision[0, 5]}
        named |= {f"ap_{size}": precision[at].mean(axis=0) for at, size in enumerate(SIZES) if at}
        named |= {f"ar_{most}": average.recall[at].mean(axis=0)[self.chosen] for at, most in enumerate(FEWER)}
        named |= {
            f"ar_{size}": average.size_recall[at].mean(axis=0)[self.chosen] for at, size in enumerate(SIZES) if at
        }
        return named


def threshold_of(iou: float) -> int:
    """The number of a threshold. Raises BadInput for a value that is none."""
    found = np.isclose(THRESHOLDS, iou).nonzero()[0]
    if not len(found):
        raise BadInput(f"The overlap must be one of {', '.join(f'{value:.2f}' for value in THRESHOLDS)}, not {iou:g}.")
    return int(found[0])
