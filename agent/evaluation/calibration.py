"""Whether confidences mean what they say: of predictions that are 80 % sure, are 80 % right? Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.numbers import listed, plain, ratio

BINS = 10  # of equal width; a confidence on a border belongs to the lower one


def bins_of(confidence: NDArray[Any]) -> NDArray[np.int64]:
    """The number of the bin of each confidence."""
    found: NDArray[np.int64] = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    return found


def calibration(confidence: NDArray[Any], is_right: NDArray[np.bool_]) -> dict[str, Any] | None:
    """The reliability diagram, and the expected error (ECE): the mean of |confidence - share of right ones| over bins.

    None where there is no prediction, or a confidence is not between 0 and 1.
    """
    if not len(confidence) or confidence.min() < 0 or confidence.max() > 1:
        return None
    bins = bins_of(confidence)
    count, sure, right = (
        np.bincount(bins, weights=weights, minlength=BINS) for weights in (None, confidence, is_right)
    )
    mean_confidence, accuracy = ratio(sure, count), ratio(right, count)
    gaps = np.nan_to_num(np.abs(mean_confidence - accuracy))
    return {
        "ece": plain((gaps * count).sum() / len(confidence)),
        "count": count.astype(int).tolist(),
        "confidence": listed(mean_confidence),
        "accuracy": listed(accuracy),
    }
