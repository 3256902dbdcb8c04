"""Labels by their size: the side of a square of as many pixels. Pure.

32 and 96 pixels part small, medium and large objects, as COCO's figures do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.insights.labels import COVERS, Labels, has

if TYPE_CHECKING:
    from numpy.typing import NDArray

BORDERS = (8, 16, 32, 64, 96, 192, 384)  # pixels: a label of this side belongs behind the border
SIZES = len(BORDERS) + 1


def sizes(labels: Labels) -> NDArray[np.int8]:
    """(L,): which size each label has, from 0 to SIZES - 1; -1 for labels that cover no pixel."""
    has_size = labels.are_whole & has(labels.flags, COVERS) & (labels.pixels > 0)
    found = np.searchsorted(np.square(BORDERS), labels.pixels, side="right")
    return np.where(has_size, found, -1).astype(np.int8)


def by_class(labels: Labels, classes: int) -> NDArray[np.int64]:
    """(classes, SIZES): how many labels of each class have each size."""
    size = sizes(labels)
    there = size >= 0
    places = labels.classes[there] * SIZES + size[there]
    return np.bincount(places, minlength=classes * SIZES).reshape(classes, SIZES)
