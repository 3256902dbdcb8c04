"""Which images a cell of the confusion of pixels counts. Pure."""

from __future__ import annotations

import numpy as np

from agent.evaluation.counts import Counts
from agent.evaluation.judged import Judged


def pixel_images(counts: Counts | Judged, *, truth_class: int, predicted_class: int) -> list[tuple[int, int]]:
    """Numbers of images and of their pixels that have these classes, most pixels first.

    NOTHING (`plan`): pixels without a label.
    """
    counts = counts.counts if isinstance(counts, Judged) else counts
    table = counts.confusion
    rows = table[(table["truth"] == truth_class) & (table["predicted"] == predicted_class)]
    rows = rows[np.lexsort((rows["image"], -rows["pixels"].astype(np.int64)))]
    return list(zip(rows["image"].tolist(), rows["pixels"].tolist(), strict=True))
