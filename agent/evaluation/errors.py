"""Which objects a figure counts: the way from a number to what it is about. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.errors import BadInput
from agent.evaluation.counts import Counts
from agent.evaluation.judged import Judged
from agent.evaluation.object_figures import threshold_of
from agent.evaluation.plan import NOTHING, Plan
from agent.evaluation.verdicts import ERRORS, IGNORED, MISSED, NO_ERROR, OUTCOMES, Verdict

Rows = NDArray[np.int64]


ORDERS = ("confidence", "overlap", "area", "distance")


class Judgement(NamedTuple):
    """What became of an object and a prediction, or of one of them alone.

    `truth` and `predicted` are places in the annotations, classes are their numbers in the plan. A prediction of
    outcome `extra` names the object that its error is about, if there is one. `overlap` and `distance` are those of the
    two.
    """

    image: int
    outcome: str
    error: str | None
    truth: int | None
    predicted: int | None
    truth_class: int | None
    predicted_class: int | None
    overlap: float | None
    distance: float | None
    confidence: float | None
    area: float


class Judgements:
    """Judgements in their order: `len`, and a part of them at a time."""

    def __init__(self, counts: Counts, verdict: Verdict, truth: Rows, prediction: Rows, pair: Rows) -> None:
        """Rows of the tables, NOTHING where there is none. `truth` may be an object that an extra prediction means."""
        self._counts, self._verdict = counts, verdict
        self._truth, self._prediction, self._pair = truth, prediction, pair

    def __len__(self) -> int:
        return len(self._prediction)

    def images(self) -> list[int]:
        """The numbers of their images, in order of appearance, each once."""
        is_alone = self._prediction == NOTHING
        numbers = np.zeros(len(self), np.int64)
        numbers[is_alone] = self._counts.truths["image"][self._truth[is_alone]]
        numbers[~is_alone] = self._counts.predictions["image"][self._prediction[~is_alone]]
        return list(dict.fromkeys(numbers.tolist()))

    def part(self, start: int = 0, stop: int | None = None) -> list[Judgement]:
        chosen = slice(start, stop)
        columns = (self._truth, self._prediction, self._pair)
        return [self._judgement(*row) for row in zip(*(one[chosen].tolist() for one in columns), strict=True)]

    def _judgement(self, truth: int, prediction: int, pair: int) -> Judgement:
        counts, verdict = self._counts, self._verdict
        place = number = None
        if truth != NOTHING:
            place, number = int(counts.truths["object"][truth]), int(counts.truths["class"][truth])
        if prediction == NOTHING:
            row, error = counts.truths[truth], int(verdict.truth_error[truth])
            kind, area = None if error == NO_ERROR else ERRORS[error], float(row["area"])
            return Judgement(int(row["image"]), MISSED, kind, place, None, number, None, None, None, None, area)
        row, error = counts.predictions[prediction], int(verdict.error[prediction])
        shared = None if pair == NOTHING else counts.pairs[pair]
        return Judgement(
            int(row["image"]),
            OUTCOMES[verdict.outcome[prediction]],
            None if error == NO_ERROR else ERRORS[error],
            place,
            int(row["object"]),
            number,
            int(row["class"]),
            None if shared is None else float(shared["overlap"]),
            None if shared is None or np.isnan(shared["distance"]) else float(shared["distance"]),
            float(row["confidence"]) if row["has_confidence"] else None,
            float(row["area"]),
        )


def objects(
    plan: Plan,
    counts: Counts | Judged,
    *,
    kinds: Collection[str] = (),
    truth_class: int | None = None,
    predicted_class: int | None = None,
    confidence: float | None = None,
    iou: float = 0.5,
    image: int | None = None,
    order: str = "confidence",
) -> Judgements:
    """Objects and predictions by what became of them.

    `kinds`: any of `verdicts.OUTCOMES` and `verdicts.ERRORS`; none of them are all but the ignored ones. A class of a
    cell of a confusion matrix: its number, or NOTHING for its last row or column. `image`: of that image alone.
    `confidence`: as in `figures.figures`. `order`: one of ORDERS, the least overlap first, the highest of the others;
    what has none comes last, large objects first.

    Raises BadInput for a kind or an order that is none.
    """
    judged = counts if isinstance(counts, Judged) else Judged(plan, counts)
    threshold = threshold_of(iou)
    verdict = judged.objects.verdict(judged.confidence(confidence, iou), threshold)
    wanted = set(kinds)
    if strange := wanted.difference(OUTCOMES, ERRORS):
        raise BadInput(f"There is no kind {min(strange)!r}; the kinds are {', '.join((*OUTCOMES, *ERRORS))}.")
    if order not in ORDERS:
        raise BadInput(f"Objects have no order {order!r}; they have {', '.join(ORDERS)}.")
    truths, predictions = judged.counts.truths, judged.counts.predictions

    lonely = _is_wanted(wanted, verdict.truth_outcome, verdict.truth_error) & (verdict.truth_partner == NOTHING)
    lonely &= (truths["class"] != NOTHING) & (predicted_class in (None, NOTHING))
    chosen = _is_wanted(wanted, verdict.outcome, verdict.error) & (verdict.outcome != NOTHING)
    if truth_class is not None:
        has_partner = verdict.partner != NOTHING
        partner_class = np.full(len(predictions), NOTHING, np.int64)
        partner_class[has_partner] = truths["class"][verdict.partner[has_partner]]
        lonely &= truths["class"] == truth_class
        chosen &= partner_class == truth_class
    if predicted_class is not None:
        chosen &= predictions["class"] == predicted_class
    if image is not None:
        lonely &= truths["image"] == image
        chosen &= predictions["image"] == image

    alone, guesses = np.flatnonzero(lonely), np.flatnonzero(chosen)
    is_named = (verdict.partner[guesses] != NOTHING) | (verdict.outcome[guesses] == OUTCOMES.index(IGNORED))
    meant = judged.objects.verdicts.errors(threshold)[1][guesses]
    truth = np.concatenate([np.where(is_named, verdict.partner[guesses], meant), alone])
    prediction = np.concatenate([guesses, np.full(len(alone), NOTHING, np.int64)])
    pairs = judged.objects.verdicts.pair_rows(truth, prediction)
    places = _ordered(judged.counts, order, guesses, alone, pairs)
    return Judgements(judged.counts, verdict, truth[places], prediction[places], pairs[places])


def _ordered(counts: Counts, order: str, guesses: Rows, alone: Rows, pairs: Rows) -> Rows:
    """The places of predictions and lonely objects, one behind the other, in their order."""

    def both(name: str) -> NDArray[Any]:
        return np.concatenate([counts.predictions[name][guesses], counts.truths[name][alone]])

    area = -both("area")
    if order == "area":
        key = area
    elif order == "confidence":
        key = -np.concatenate([counts.predictions["confidence"][guesses], np.full(len(alone), np.nan)])
    else:
        key = np.full(len(pairs), np.nan)
        known = pairs != NOTHING
        key[known] = counts.pairs[order][pairs[known]] * (1 if order == "overlap" else -1)
    places: Rows = np.lexsort((both("object"), both("image"), area, key))  # NaN comes last
    return places


def _is_wanted(kinds: Collection[str], outcome: NDArray[Any], error: NDArray[Any]) -> NDArray[np.bool_]:
    if not kinds:
        everything: NDArray[np.bool_] = outcome != OUTCOMES.index(IGNORED)
        return everything
    outcomes = [at for at, name in enumerate(OUTCOMES) if name in kinds]
    errors = [at for at, name in enumerate(ERRORS) if name in kinds]
    return np.isin(outcome, outcomes) | np.isin(error, errors)
