"""Where on their images labels lie: a map of cells, each counting the labels whose middle is in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.insights.labels import Labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS, ROWS = 24, 18  # of the map: an image is cut into so many parts, whatever its size


def cells(labels: Labels) -> NDArray[np.int16]:
    """(L,): the cell of each label as row * COLUMNS + column; -1 where its middle is not on the image."""
    if not len(labels.images):
        return np.zeros(0, np.int16)
    size = labels.frames[labels.images].astype(np.float64)  # (L, 2)
    middle = (labels.boxes[:, :2] + labels.boxes[:, 2:] + 1) / 2
    part = np.floor(middle / np.maximum(size, 1) * (COLUMNS, ROWS))
    is_inside = ((part >= 0) & (part < (COLUMNS, ROWS))).all(axis=1) & labels.are_whole
    column, row = np.where(is_inside[:, None], part, 0).astype(np.int16).T
    return np.where(is_inside, row * COLUMNS + column, -1).astype(np.int16)


def heat(labels: Labels, place: int | None = None) -> NDArray[np.int64]:
    """(ROWS, COLUMNS): labels by cell. `place`: only those of the class at this position."""
    found = cells(labels)
    there = found >= 0 if place is None else (found >= 0) & (labels.classes == place)
    return np.bincount(found[there], minlength=ROWS * COLUMNS).reshape(ROWS, COLUMNS)
