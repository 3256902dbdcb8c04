"""Which prediction stands for which object, as COCO decides it. Pure.

Of each image and class, predictions choose in the order of their confidence. Each takes the free object that it
overlaps most, if the overlap reaches the threshold; objects outside of the range of sizes only if there is no other,
and neutral ones as often as asked. So a prediction never loses its object to a less confident one, and the matches of
the predictions above a confidence are those of all predictions, cut off there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.counts import Table
from agent.evaluation.plan import NOTHING

THRESHOLDS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)  # of overlaps
SIZES = ("all", "small", "medium", "large")
RANGES: NDArray[np.float64] = np.array([(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)])  # pixels, both included

Numbers = NDArray[np.int64]


def bit(size: int, threshold: int) -> np.uint64:
    """The bit of `matched` and `ignored` for numbers of SIZES and THRESHOLDS."""
    return np.uint64(1 << (size * len(THRESHOLDS) + threshold))


def ranked(predictions: Table) -> Numbers:
    """The place of each prediction among those of its image and class, the most confident first."""
    order = np.lexsort((-predictions["confidence"], predictions["class"], predictions["image"]))
    image, number = predictions["image"][order], predictions["class"][order]
    starts = np.r_[True, (image[1:] != image[:-1]) | (number[1:] != number[:-1])][: len(order)]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - first
    return ranks


def match(truths: Table, predictions: Table, pairs: Table) -> None:
    """Fill in `matched` and `ignored` of predictions, which have their ranks, and `match` of pairs."""
    is_neutral = truths["class"] == NOTHING
    own = is_neutral[pairs["truth"]] | (truths["class"][pairs["truth"]] == predictions["class"][pairs["prediction"]])
    own_pairs = own.nonzero()[0]
    truth, prediction = pairs["truth"][own_pairs].astype(np.int64), pairs["prediction"][own_pairs].astype(np.int64)
    overlap = pairs["overlap"][own_pairs]
    for size, (least, most) in enumerate(RANGES):
        is_ignored = is_neutral | (truths["area"] < least) | (truths["area"] > most)
        is_outside = (predictions["area"] < least) | (predictions["area"] > most)
        order = np.lexsort((-truth, -overlap, is_ignored[truth], prediction))
        for number, threshold in enumerate(THRESHOLDS):
            wanted = order[overlap[order] >= min(threshold, 1 - 1e-10)]
            taken = wanted[_chosen(prediction[wanted], truth[wanted], is_neutral[truth[wanted]], predictions["rank"])]
            is_matched = np.zeros(len(predictions), np.bool_)
            is_matched[prediction[taken]] = True
            ignored = is_outside & ~is_matched
            ignored[prediction[taken]] = is_ignored[truth[taken]]
            predictions["matched"][is_matched] |= bit(size, number)
            predictions["ignored"][ignored] |= bit(size, number)
            if size == 0:
                pairs["match"][own_pairs[taken]] |= np.uint16(1 << number)


def _chosen(prediction: Numbers, truth: Numbers, is_shared: NDArray[np.bool_], rank: NDArray[Any]) -> NDArray[np.bool_]:
    """Which offers are taken: `truth` is what `prediction` would take, the offers of a prediction together, best first.

    All predictions choose at once: one that loses its object to a more confident one goes on to its next offer.
    """
    count = len(prediction)
    taken = np.zeros(count, np.bool_)
    ranks = rank[prediction].astype(np.int64)
    holder = np.full(int(truth.max(initial=-1)) + 1, -1)  # of an object: the offer that has it
    asking = np.r_[True, prediction[1:] != prediction[:-1]][:count].nonzero()[0]
    while len(asking):
        taken[asking[is_shared[asking]]] = True
        asking = asking[~is_shared[asking]]
        asking = asking[np.argsort(-ranks[asking], kind="stable")]
        before = holder[truth[asking]]
        holder[truth[asking]] = asking  # of several that ask, the last is the most confident
        is_held = (before >= 0) & (ranks[before] < ranks[holder[truth[asking]]])
        holder[truth[asking[is_held]]] = before[is_held]
        is_left = np.zeros(count, np.bool_)
        is_left[asking] = is_left[before[before >= 0]] = True
        is_left[holder[truth[asking]]] = False
        left = np.flatnonzero(is_left[:-1])
        asking = left[prediction[left + 1] == prediction[left]] + 1
    taken[holder[holder >= 0]] = True
    return taken
