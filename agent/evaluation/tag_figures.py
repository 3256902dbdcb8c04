"""Figures of tags of images: accuracy, precision and recall, average precision, calibration. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from agent.evaluation.calibration import calibration
from agent.evaluation.counts import Counts
from agent.evaluation.numbers import Floats, mean_of, plain, ratio
from agent.evaluation.plan import NOTHING, Plan
from agent.evaluation.tag_verdicts import Flags, Numbers, TagVerdicts

NO_TAG = "no tag"  # row and column of confusion matrices
TOPS = (1, 3, 5)
DEFAULT = 0.5  # the confidence from which a tag counts that does not exclude others


class TagFigures:
    """The figures of all tags of a plan. Tags exclude each other if no image has two true ones.

    Then the most confident tag of an image is its prediction; else every tag that is confident enough.
    """

    def __init__(self, plan: Plan, counts: Counts, are_single: bool | None = None) -> None:
        """`are_single`: whether tags exclude each other, for a slice of more images; None: these images say so."""
        self.plan = plan
        self.images = int(np.count_nonzero(counts.images["judged"]))
        self.verdicts = TagVerdicts(counts, len(plan.tags), are_single)

    def default_confidence(self) -> float:
        return 0.0 if self.verdicts.is_single else DEFAULT

    def predicted(self, confidence: float | None) -> Flags:
        """Of each row of `verdicts.table`, whether its tag is predicted."""
        return self.verdicts.predicted(self.default_confidence() if confidence is None else confidence)

    def section(self, confidence: float | None) -> dict[str, Any]:
        confidence = self.default_confidence() if confidence is None else confidence
        verdicts, size = self.verdicts, len(self.plan.tags)
        predicted, truth = verdicts.predicted(confidence), verdicts.table["truth"]
        both, guesses, totals = (
            np.bincount(verdicts.tag[flags], minlength=size) for flags in (predicted & truth, predicted, truth)
        )
        figures: dict[str, Floats] = {
            "ap": self.average_precision,
            "precision": ratio(both, guesses),
            "recall": ratio(both, totals),
            "f1": ratio(2 * both, guesses + totals),
        }
        section: dict[str, Any] = {
            "headline": {
                "accuracy": self._accuracy(predicted, confidence),
                **self._tops(confidence),
                **{f"mean_{name}": mean_of(values) for name, values in figures.items()},
                "micro_f1": plain(ratio(2 * both.sum(), guesses.sum() + totals.sum())),
                "ece": self.calibration["ece"] if self.calibration else None,
                "images": self.images,
                "confidence": confidence,
                "one_of_several": verdicts.is_single,
            },
            "classes": [
                {
                    "title": title,
                    **{name: plain(values[at]) for name, values in figures.items()},
                    "truths": int(totals[at]),
                    "predictions": int(guesses[at]),
                    "matched": int(both[at]),
                }
                for at, title in enumerate(self.plan.tags)
            ],
            "calibration": self.calibration,
            "remarks": self._remarks(),
        }
        if verdicts.is_single:
            section["confusion"] = {"titles": [*self.plan.tags, NO_TAG], "counts": self._matrix(confidence).tolist()}
        return section

    @cached_property
    def average_precision(self) -> Floats:
        """Of each tag, over all images: those for which it is not predicted come last, all together."""
        verdicts = self.verdicts
        values = np.full(len(self.plan.tags), np.nan)
        for tag in range(len(values)):
            mine = verdicts.table[verdicts.tag == tag]
            total = int(mine["truth"].sum())
            guesses = mine[mine["predicted"]]
            if total and not (len(guesses) and not guesses["has_confidence"].any()):
                values[tag] = _precision_over_recall(guesses["confidence"], guesses["truth"], total, self.images)
        return values

    @cached_property
    def calibration(self) -> dict[str, Any] | None:
        """Of the rows of `calibrated`."""
        table = self.verdicts.table[self.calibrated]
        return calibration(table["confidence"], table["truth"])

    @cached_property
    def calibrated(self) -> Flags:
        """Whether a row of `verdicts.table` is part of the calibration: the most confident tags of images where tags
        exclude each other, else all predicted ones."""
        table = self.verdicts.table
        asked: Flags = table["predicted"] & table["has_confidence"]
        if self.verdicts.is_single:
            asked = asked & (self.verdicts.rank == 0) & np.isin(table["image"], self.verdicts.singles.image)
        return asked

    def _accuracy(self, predicted: Flags, confidence: float) -> float | None:
        """The share of images with the right tag, or rightly none; where tags do not exclude each other, with exactly
        the true ones."""
        if self.verdicts.is_single:
            matrix = self._matrix(confidence)
            return plain(ratio(matrix.trace(), matrix.sum()))
        table = self.verdicts.table
        wrong = np.unique(table["image"][predicted != table["truth"]])
        return plain(ratio(self.images - len(wrong), self.images))

    def _tops(self, confidence: float) -> dict[str, float | None]:
        """The share of images with one true tag that have it among the 1, 3, 5 most confident ones."""
        singles = self.verdicts.singles
        table = self.verdicts.table
        sure = np.zeros(len(singles.image), np.bool_)
        rows = np.flatnonzero(table["truth"] & np.isin(table["image"], singles.image))
        sure[:] = table["confidence"][rows] >= confidence
        return {
            f"top_{most}": plain(ratio(np.count_nonzero((singles.rank >= 0) & (singles.rank < most) & sure), len(sure)))
            for most in TOPS
        }

    def _matrix(self, confidence: float) -> Numbers:
        """Images by their true and their predicted tag; the last row and column are those without one."""
        size = len(self.plan.tags)
        matrix = np.zeros((size + 1, size + 1), np.int64)
        singles, table = self.verdicts.singles, self.verdicts.table
        is_sure = (singles.guess != NOTHING) & (singles.confidence >= confidence)
        np.add.at(matrix, (singles.truth, np.where(is_sure, singles.guess, size)), 1)
        strange = self.verdicts.predicted(confidence) & ~np.isin(table["image"], singles.image)
        np.add.at(matrix, (np.full(np.count_nonzero(strange), size), self.verdicts.tag[strange]), 1)
        matrix[size, size] = self.images - matrix.sum()
        return matrix

    def _remarks(self) -> list[str]:
        guesses = self.verdicts.table[self.verdicts.table["predicted"]]
        if not len(guesses):
            return ["No tag is predicted."]
        if not guesses["has_confidence"].any():
            return [
                "The predicted tags have no numbers, which would be their confidences: no average precision, no ECE."
            ]
        if self.calibration is None:
            return ["Some confidences are not between 0 and 1: there is no reliability diagram and no ECE."]
        return []


def _precision_over_recall(confidence: Floats, is_true: Flags, total: int, images: int) -> float:
    """The sum of (gain of recall) x (precision) over the distinct confidences, the highest first."""
    order = np.argsort(-confidence, kind="stable")
    last = np.append(confidence[order][1:] != confidence[order][:-1], True)[: len(order)]
    hits = np.append(np.cumsum(is_true[order])[last], total)
    kept = np.append(np.flatnonzero(last) + 1, images)
    gains = np.diff(np.append(0, hits))
    return float((gains / total * (hits / np.maximum(kept, 1))).sum())
