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

    def __init__(self, counts: Counts, verdict: Verdict, meant: Rows, truth: Rows, prediction: Rows) -> None:
        self._counts, self._verdict, self._meant = counts, verdict, meant
        self._truth, self._prediction = truth, prediction

    def __len__(self) -> int:
        return len(self._truth)

    def images(self) -> list[int]:
        """The numbers of their images, in order of appearance, each once."""
        counts = self._counts
        of_truth = counts.truths["image"][self._truth] if len(counts.truths) else np.zeros(len(self), np.uint32)
        alone = self._truth == NOTHING
        numbers = of_truth.copy()
        numbers[alone] = counts.predictions["image"][self._prediction[alone]]
        return list(dict.fromkeys(numbers.tolist()))

    def part(self, start: int = 0, stop: int | None = None) -> list[Judgement]:
        chosen = slice(start, stop)
        return [
            self._judgement(truth, prediction)
            for truth, prediction in zip(self._truth[chosen].tolist(), self._prediction[chosen].tolist(), strict=True)
        ]

    def _judgement(self, truth: int, prediction: int) -> Judgement:
        counts, verdict = self._counts, self._verdict
        if prediction == NOTHING:
            row = counts.truths[truth]
            error = int(verdict.truth_error[truth])
            name = None if error == NO_ERROR else ERRORS[error]
            image, place, number, area = int(row["image"]), int(row["object"]), int(row["class"]), float(row["area"])
            return Judgement(image, MISSED, name, place, None, number, None, None, None, None, area)
        row, error = counts.predictions[prediction], int(verdict.error[prediction])
        outcome = OUTCOMES[verdict.outcome[prediction]]
        meant = truth if truth != NOTHING or outcome == IGNORED else int(self._meant[prediction])
        overlap, distance = self._shared(meant, prediction)
        return Judgement(
            int(row["image"]),
            outcome,
            None if error == NO_ERROR else ERRORS[error],
            None if meant == NOTHING else int(counts.truths["object"][meant]),
            int(row["object"]),
            None if meant == NOTHING else int(counts.truths["class"][meant]),
            int(row["class"]),
            overlap,
            distance,
            float(row["confidence"]) if row["has_confidence"] else None,
            float(row["area"]),
        )

    def _shared(self, truth: int, prediction: int) -> tuple[float | None, float | None]:
        pairs = self._counts.pairs
        found = np.flatnonzero((pairs["truth"] == truth) & (pairs["prediction"] == prediction))
        if truth == NOTHING or not len(found):
            return None, None
        pair = pairs[found[0]]
        return float(pair["overlap"]), None if np.isnan(pair["distance"]) else float(pair["distance"])


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
) -> Judgements:
    """Objects and predictions by what became of them: the most confident predictions first, then objects, large ones
    first.

    `kinds`: any of `verdicts.OUTCOMES` and `verdicts.ERRORS`; none of them are all but the ignored ones. A class of a
    cell of a confusion matrix: its number, or NOTHING for its last row or column. `image`: of that image alone.
    `confidence`: as in `figures.figures`.

    Raises BadInput for a kind that is none.
    """
    judged = counts if isinstance(counts, Judged) else Judged(plan, counts)
    threshold = threshold_of(iou)
    verdict = judged.objects.verdict(judged.confidence(confidence, iou), threshold)
    meant = judged.objects.verdicts.errors(threshold)[1]
    wanted = set(kinds)
    if strange := wanted.difference(OUTCOMES, ERRORS):
        raise BadInput(f"There is no kind {min(strange)!r}; the kinds are {', '.join((*OUTCOMES, *ERRORS))}.")
    truths, predictions = judged.counts.truths, judged.counts.predictions

    lonely = _is_wanted(wanted, verdict.truth_outcome, verdict.truth_error) & (verdict.truth_partner == NOTHING)
    lonely &= (truths["class"] != NOTHING) & (predicted_class in (None, NOTHING))
    chosen = _is_wanted(wanted, verdict.outcome, verdict.error) & (verdict.outcome != NOTHING)
    partner_class = np.full(len(predictions), NOTHING, np.int64)
    has_partner = verdict.partner != NOTHING
    partner_class[has_partner] = truths["class"][verdict.partner[has_partner]]
    if truth_class is not None:
        lonely &= truths["class"] == truth_class
        chosen &= partner_class == truth_class
    if predicted_class is not None:
        chosen &= predictions["class"] == predicted_class
    if image is not None:
        lonely &= truths["image"] == image
        chosen &= predictions["image"] == image
    alone, guesses = np.flatnonzero(lonely), np.flatnonzero(chosen)
    guesses = guesses[np.lexsort((predictions["image"][guesses], -predictions["confidence"][guesses]))]
    alone = alone[np.lexsort((truths["image"][alone], -truths["area"][alone]))]
    truth = np.concatenate([verdict.partner[guesses], alone])
    prediction = np.concatenate([guesses, np.full(len(alone), NOTHING, np.int64)])
    return Judgements(judged.counts, verdict, meant, truth, prediction)


def _is_wanted(kinds: Collection[str], outcome: NDArray[Any], error: NDArray[Any]) -> NDArray[np.bool_]:
    if not kinds:
        everything: NDArray[np.bool_] = outcome != OUTCOMES.index(IGNORED)
        return everything
    outcomes = [at for at, name in enumerate(OUTCOMES) if name in kinds]
    errors = [at for at, name in enumerate(ERRORS) if name in kinds]
    return np.isin(outcome, outcomes) | np.isin(error, errors)
