"""Which classes occur together on images. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.insights.labels import Labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 24  # classes: more make no table that a person reads


def images_by_class(labels: Labels, classes: int) -> NDArray[np.int64]:
    """(classes,): how many images have each class."""
    return np.bincount(_pairs(labels, classes) % max(classes, 1), minlength=classes)


def together(labels: Labels, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions (K,) of the classes that most images have, at most MOST of them, in the order of the classes; and
    (K, K): how many images have both. The diagonal counts the images with the class."""
    counts = images_by_class(labels, classes)
    frequent = np.argsort(-counts, kind="stable")[:MOST]
    chosen = np.sort(frequent[counts[frequent] > 0])
    column = np.full(classes, -1)
    column[chosen] = np.arange(len(chosen))
    pairs = _pairs(labels, classes)
    images, columns = pairs // max(classes, 1), column[pairs % max(classes, 1)] if classes else pairs
    kept = columns >= 0
    has = np.zeros((len(labels.frames), len(chosen)), np.float32)  # exact up to 2^24 images, and multiplied fast
    has[images[kept], columns[kept]] = 1
    return chosen, np.rint(has.T @ has).astype(np.int64)


def _pairs(labels: Labels, classes: int) -> NDArray[np.int64]:
    """Each pair of an image and a class that it has once, as image * classes + class."""
    return np.unique(labels.images.astype(np.int64) * classes + labels.classes)
