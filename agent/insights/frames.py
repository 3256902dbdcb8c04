"""The sizes of images. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.insights.labels import Labels

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frames(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(K, 2): every width and height that images have, and (K,): how many have it; the most frequent first."""
    if not len(labels.frames):
        return np.zeros((0, 2), np.int32), np.zeros(0, np.int64)
    found, counts = np.unique(labels.frames, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return found[order], counts[order]


def of_frame(labels: Labels, width: int, height: int) -> NDArray[np.bool_]:
    """(N,): images of this size."""
    return np.asarray(np.all(labels.frames == (width, height), axis=1), bool)
