"""Which images a figure of tags counts. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.calibration import bins_of
from agent.evaluation.counts import Counts
from agent.evaluation.judged import Judged
from agent.evaluation.plan import NOTHING, Plan


def tag_images(
    plan: Plan,
    counts: Counts | Judged,
    *,
    truth_tag: int | None = None,
    predicted_tag: int | None = None,
    confidence: float | None = None,
) -> list[int]:
    """Numbers of the images that have this tag in the ground truth and this one predicted, the most confident first.

    A tag is its number; NOTHING asks for images without any on that side, None for whatever there is. A cell of a
    confusion matrix asks for both. `confidence`: as in `figures.figures`.
    """
    judged = counts if isinstance(counts, Judged) else Judged(plan, counts)
    if judged.tags is None:
        return []
    table = judged.tags.verdicts.table
    predicted = judged.tags.predicted(confidence)
    numbers = judged.counts.images["image"]
    kept = np.ones(len(numbers), np.bool_)
    for tag, flags in ((truth_tag, table["truth"]), (predicted_tag, predicted)):
        if tag is not None:
            some = flags if tag == NOTHING else flags & (table["tag"] == tag)
            kept &= np.isin(numbers, table["image"][some]) != (tag == NOTHING)
    found = numbers[kept]
    sureness = _sureness(found, table["image"][predicted], table["confidence"][predicted])
    result: list[int] = found[np.lexsort((found, -sureness))].tolist()
    return result


def binned_images(plan: Plan, counts: Counts | Judged, bin_: int) -> list[tuple[int, int]]:
    """Images with a tag in this bin of the reliability diagram, and how many of those tags are wrong, most first."""
    judged = counts if isinstance(counts, Judged) else Judged(plan, counts)
    if judged.tags is None or judged.tags.calibration is None:
        return []
    table = judged.tags.verdicts.table[judged.tags.calibrated]
    table = table[bins_of(table["confidence"]) == bin_]
    images, place = np.unique(table["image"], return_inverse=True)
    wrong = np.bincount(place, weights=~table["truth"], minlength=len(images)).astype(int)
    order = np.lexsort((images, -wrong))
    return list(zip(images[order].tolist(), wrong[order].tolist(), strict=True))


def _sureness(images: NDArray[Any], rows: NDArray[Any], confidence: NDArray[Any]) -> NDArray[np.float64]:
    """The highest confidence of each image's rows, 0 without any."""
    highest = np.zeros(int(max(images.max(initial=0), rows.max(initial=0))) + 1)
    np.maximum.at(highest, rows, confidence)
    found: NDArray[np.float64] = highest[images]
    return found
