"""What each kind of error costs: average precision as it would be without it (Bolya et al., TIDE, 2020). Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.counts import Counts
from agent.evaluation.numbers import Floats, mean_of
from agent.evaluation.plan import NOTHING
from agent.evaluation.ranking import interpolated
from agent.evaluation.verdicts import ERRORS, MATCHED, MISPLACED, NO_ERROR, OUTCOMES, OVERLOOKED, WRONG_CLASS, Verdicts


def costs(verdicts: Verdicts, threshold: int, chosen: NDArray[np.int64]) -> dict[str, float | None]:
    """Kind of error → the gain of mean average precision over the classes, if all errors of the kind were mended.

    A prediction of a wrong class or place is mended if its object is still free, for the most confident one of several;
    any other is taken away. Overlooked objects are taken out of the total.
    """
    counts = verdicts.counts
    error, meant = verdicts.errors(threshold)
    verdict = verdicts.at(-np.inf, threshold)
    predictions, truths = counts.predictions, counts.truths
    number = predictions["class"].astype(np.int64)
    is_right, is_wrong = verdict.outcome == OUTCOMES.index(MATCHED), error != NO_ERROR
    is_free = verdict.truth_outcome != OUTCOMES.index(MATCHED)
    classes = int(chosen.max()) + 1
    totals = np.bincount(truths["class"][truths["class"] != NOTHING], minlength=classes)
    order = np.lexsort((predictions["object"], predictions["image"], -predictions["confidence"]))
    now = _mean_precision(order, number, is_right, is_wrong, totals, chosen)
    best = _mended(counts, np.isin(error, [ERRORS.index(WRONG_CLASS), ERRORS.index(MISPLACED)]), meant, is_free)
    found: dict[str, float | None] = {}
    for kind, name in enumerate(ERRORS):
        is_kind = error == kind
        right, fixed, left = is_right, number, totals
        if name in (WRONG_CLASS, MISPLACED):
            mended = best & is_kind
            right, fixed = is_right | mended, number.copy()
            fixed[mended] = truths["class"][meant[mended]]
        elif name == OVERLOOKED:
            missed = truths["class"][verdict.truth_error == kind]
            left = np.maximum(totals - np.bincount(missed, minlength=len(totals)), np.minimum(totals, 1))
        then = _mean_precision(order, fixed, right, is_wrong & ~is_kind, left, chosen)
        found[name] = None if now is None or then is None else then - now
    return found


def _mended(
    counts: Counts, can_be: NDArray[np.bool_], meant: NDArray[np.int64], is_free: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Of the predictions that mean the same free object, of either kind, the most confident one."""
    asking = np.flatnonzero(can_be)
    asking = asking[is_free[meant[asking]]]
    asking = asking[np.argsort(counts.predictions["confidence"][asking], kind="stable")]
    first = np.full(len(counts.truths), NOTHING, np.int64)
    first[meant[asking]] = asking  # the last one stays
    mended = np.zeros(len(can_be), np.bool_)
    mended[first[first != NOTHING]] = True
    return mended


def _mean_precision(
    order: NDArray[np.int64],
    number: NDArray[np.int64],
    right: NDArray[np.bool_],
    wrong: NDArray[np.bool_],
    totals: NDArray[np.int64],
    chosen: NDArray[np.int64],
) -> float | None:
    """`order`: all predictions, the most confident first."""
    kept = order[(right | wrong)[order]]
    kept = kept[np.argsort(number[kept].astype(np.int16), kind="stable")]
    starts = np.searchsorted(number[kept], np.arange(len(totals) + 1))
    values: Floats = np.full(len(chosen), np.nan)
    for at, index in enumerate(chosen):
        if totals[index] > 0:
            mine = kept[starts[index] : starts[index + 1]]
            values[at] = interpolated(right[mine], wrong[mine] & ~right[mine], int(totals[index])).mean()
    return mean_of(values)
