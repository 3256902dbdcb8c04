"""What became of every object and every prediction at one confidence and one threshold of overlap. Pure.

First come the matches within classes, as COCO has them (`matching`). Of what is left, objects and predictions of
different classes are mixed up with each other, those that overlap most first. The rest was missed, or is extra. Beside
that, a wrong prediction has an error of TIDE (Bolya et al., 2020), which may lie in an object that another prediction
has already.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.counts import Counts, Table
from agent.evaluation.matching import THRESHOLDS, bit
from agent.evaluation.plan import NOTHING

MATCHED, MIXED_UP, MISSED, EXTRA, IGNORED = "matched", "mixed_up", "missed", "extra", "ignored"
OUTCOMES = (MATCHED, MIXED_UP, MISSED, EXTRA, IGNORED)
WRONG_CLASS, MISPLACED, BOTH, DOUBLE, ON_NOTHING, OVERLOOKED = ERRORS = (
    "wrong_class",  # on an object of another class
    "misplaced",  # on an object of its class, but not enough
    "wrong_class_and_place",  # on an object of another class, and not enough
    "double",  # on an object that a more confident prediction has
    "background",  # on no object at all
    "overlooked",  # of objects: no prediction has it, nor means it by one of the first two errors
)
NO_ERROR = -1

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Verdict:
    """For each row of the tables: the place in OUTCOMES, the row of the partner on the other side (NOTHING without),
    and the place in ERRORS. Predictions that are not confident enough have no outcome (NOTHING)."""

    truth_outcome: NDArray[np.int8]
    truth_partner: Rows
    truth_error: NDArray[np.int8]
    outcome: NDArray[np.int8]
    partner: Rows
    error: NDArray[np.int8]


class Verdicts:
    """Verdicts over the same counts. What does not depend on the confidence is computed once."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._static: dict[int, _Static] = {}

    @cached_property
    def _sides(self) -> _Sides:
        return _Sides(self.counts)

    def at(self, confidence: float, threshold: int) -> Verdict:
        """`threshold`: its number in `matching.THRESHOLDS`."""
        if threshold not in self._static:
            self._static[threshold] = _Static(self.counts, self._sides, threshold)
        return self._static[threshold].verdict(confidence)

    @cached_property
    def _pair_order(self) -> tuple[Rows, Rows]:
        keys = _keys(self.counts.pairs["truth"], self.counts.pairs["prediction"])
        order = np.argsort(keys)
        return keys[order], order

    def pair_rows(self, truth: Rows, prediction: Rows) -> Rows:
        """The rows of pairs; NOTHING where the two have little in common."""
        keys, order = self._pair_order
        if not len(keys):
            return np.full(len(truth), NOTHING, np.int64)
        wanted = _keys(truth, prediction)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((keys[places] == wanted) & (truth != NOTHING) & (prediction != NOTHING), order[places], NOTHING)

    def errors(self, threshold: int) -> tuple[NDArray[np.int8], Rows]:
        """The error of every prediction, whatever its confidence, and the object that it is about."""
        self.at(0.0, threshold)
        return self._static[threshold].error, self._static[threshold].meant


class _Sides:
    """Pairs without neutral objects, the closest last, and the closest object of each prediction, by class."""

    def __init__(self, counts: Counts) -> None:
        pairs = counts.pairs
        self.truth, self.prediction = pairs["truth"].astype(np.int64), pairs["prediction"].astype(np.int64)
        truth_class = counts.truths["class"][self.truth]
        is_real = truth_class != NOTHING
        is_own = truth_class == counts.predictions["class"][self.prediction]
        self.order = np.lexsort((-self.prediction, -self.truth, pairs["overlap"]))
        self.order = self.order[is_real[self.order]]
        self.overlap = pairs["overlap"]
        self.is_own = is_own
        self.own, self.own_truth = self._closest(counts, is_own)
        self.other, self.other_truth = self._closest(counts, ~is_own)

    def _closest(self, counts: Counts, chosen: Flags) -> tuple[NDArray[np.float64], Rows]:
        best, truth = np.zeros(len(counts.predictions)), np.full(len(counts.predictions), NOTHING, np.int64)
        order = self.order[chosen[self.order]]
        best[self.prediction[order]] = self.overlap[order]  # the last one stays
        truth[self.prediction[order]] = self.truth[order]
        return best, truth


class _Static:
    """What one threshold of overlap decides."""

    def __init__(self, counts: Counts, sides: _Sides, threshold: int) -> None:
        self.counts = counts
        value = float(THRESHOLDS[threshold])
        flag = bit(0, threshold)
        predictions = counts.predictions
        is_match = (counts.pairs["match"] & np.uint16(1 << threshold)) != 0
        is_match &= counts.truths["class"][sides.truth] != NOTHING
        self.match_truth, self.match_prediction = sides.truth[is_match], sides.prediction[is_match]
        self.is_ignored = (predictions["ignored"] & flag) != 0
        is_right = np.zeros(len(predictions), np.bool_)
        is_right[self.match_prediction] = True
        self.is_wrong = ~is_right & ~self.is_ignored
        self.error = np.full(len(predictions), ERRORS.index(BOTH), np.int8)
        self.error[(sides.own == 0) & (sides.other == 0)] = ERRORS.index(ON_NOTHING)
        self.error[sides.own >= value] = ERRORS.index(DOUBLE)
        self.error[sides.other >= value] = ERRORS.index(WRONG_CLASS)
        self.error[(sides.own > 0) & (sides.own < value)] = ERRORS.index(MISPLACED)
        self.error[~self.is_wrong] = NO_ERROR
        self.meant = np.where(self.error == ERRORS.index(WRONG_CLASS), sides.other_truth, sides.own_truth)
        closest_first = sides.order[::-1]
        strange = closest_first[~sides.is_own[closest_first] & (sides.overlap[closest_first] >= value)]
        strange = strange[self.is_wrong[sides.prediction[strange]]]
        self.strange_truth, self.strange_prediction = sides.truth[strange], sides.prediction[strange]

    def verdict(self, confidence: float) -> Verdict:
        truths, predictions = self.counts.truths, self.counts.predictions
        is_sure = predictions["confidence"] >= confidence
        partner = np.full(len(predictions), NOTHING, np.int64)
        truth_partner = np.full(len(truths), NOTHING, np.int64)
        outcome = np.where(self.is_ignored, OUTCOMES.index(IGNORED), OUTCOMES.index(EXTRA)).astype(np.int8)
        truth_outcome = np.full(len(truths), OUTCOMES.index(MISSED), np.int8)

        def join(truth: Rows, prediction: Rows, name: str) -> None:
            partner[prediction], truth_partner[truth] = truth, prediction
            outcome[prediction] = truth_outcome[truth] = OUTCOMES.index(name)

        kept = is_sure[self.match_prediction]
        join(self.match_truth[kept], self.match_prediction[kept], MATCHED)
        kept = is_sure[self.strange_prediction] & (truth_partner[self.strange_truth] == NOTHING)
        join(*_closest_pairs(self.strange_truth[kept], self.strange_prediction[kept]), MIXED_UP)
        outcome[~is_sure] = NOTHING
        truth_outcome[truths["class"] == NOTHING] = OUTCOMES.index(IGNORED)
        error = np.where(is_sure, self.error, NO_ERROR).astype(np.int8)
        meaning = (error == ERRORS.index(WRONG_CLASS)) | (error == ERRORS.index(MISPLACED))
        overlooked = (truth_partner == NOTHING) & (truths["class"] != NOTHING)
        overlooked[self.meant[meaning]] = False
        truth_error = np.where(overlooked, ERRORS.index(OVERLOOKED), NO_ERROR).astype(np.int8)
        return Verdict(truth_outcome, truth_partner, truth_error, outcome, partner, error)


def _keys(truth: NDArray[Any], prediction: NDArray[Any]) -> Rows:
    keys: Rows = (truth.astype(np.int64) << 32) + prediction.astype(np.int64)
    return keys


def matched_pairs(counts: Counts, verdict: Verdict) -> Table:
    """The pairs that are matches of one class."""
    truth = counts.pairs["truth"]
    is_match = counts.pairs["prediction"] == verdict.truth_partner[truth]
    found: Table = counts.pairs[is_match & (verdict.truth_outcome[truth] == OUTCOMES.index(MATCHED))]
    return found


def _closest_pairs(truth: Rows, prediction: Rows) -> tuple[Rows, Rows]:
    """Pairs of which each is the first one of both its sides, again and again without those that have a partner."""
    found: list[tuple[Rows, Rows]] = []
    while len(truth):
        places = np.arange(len(truth))
        first: list[NDArray[Any]] = []
        for side in (truth, prediction):
            earliest = np.empty(int(side.max()) + 1, np.int64)
            earliest[side[::-1]] = places[::-1]
            first.append(earliest[side] == places)
        taken = first[0] & first[1]
        found.append((truth[taken], prediction[taken]))
        left = ~np.isin(truth, truth[taken]) & ~np.isin(prediction, prediction[taken])
        truth, prediction = truth[left], prediction[left]
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found])
