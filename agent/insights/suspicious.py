"""Labels and images that are likely to be mistakes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from agent.insights.labels import BROKEN, COVERS, EMPTY, OTHER_SIZE, TRAIN, UNREADABLE, VAL, Labels, has

if TYPE_CHECKING:
    from numpy.typing import NDArray

LabelKind = Literal["broken", "empty", "tiny", "outside", "beyond", "twice"]
ImageKind = Literal["unreadable", "unlabeled", "resized", "both"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)
IMAGE_KINDS: tuple[ImageKind, ...] = get_args(ImageKind)

TINY_PIXELS = 16  # fewer are tiny: a square of 4
BEYOND_PIXELS = 1  # by which a label may leave its image: tools write the edge itself as a coordinate
MOST_COMPARED = 200  # labels of its class and image, from its left edge on, with which a label is compared
SAME = 0.95  # of the overlap of two boxes, and of the ratio of what two labels cover

MEANINGS: dict[LabelKind | ImageKind, tuple[str, str]] = {  # a name, and what it says of a label or an image
    "broken": ("Broken labels", "No plugin can read their geometry."),
    "empty": ("Empty labels", "They cover no pixel: a mask without a pixel, a polygon without an area."),
    "tiny": ("Tiny labels", f"They cover fewer than {TINY_PIXELS} pixels."),
    "outside": ("Labels outside", "They lie wholly outside of their image."),
    "beyond": ("Labels beyond an edge", f"They leave their image by more than {BEYOND_PIXELS} pixel."),
    "twice": (
        "Labels there twice",
        f"One of the same class lies there already: at least {SAME:.0%} of both are shared.",
    ),
    "unreadable": ("Broken annotations", "The annotation of the image is no JSON object."),
    "unlabeled": ("Images without labels", "Nothing is labelled on them, on purpose or by mistake."),
    "resized": ("Annotations of another size", "The size in the annotation is not that of the image."),
    "both": ("Images in train and val", "They have both tags, so a model is judged by what it has learned."),
}


def suspicious_labels(labels: Labels, kind: LabelKind) -> NDArray[np.bool_]:
    """(L,): the labels of this kind. A label that lies outside is neither empty nor tiny, nor beyond an edge."""
    if kind == "broken":
        return has(labels.flags, BROKEN)
    if kind == "twice":
        return _twice(labels)
    covers = labels.are_whole & has(labels.flags, COVERS) & ~_outside(labels)
    if kind == "empty":
        return has(labels.flags, EMPTY) | (covers & (labels.pixels <= 0))
    if kind == "tiny":
        return covers & (labels.pixels > 0) & (labels.pixels < TINY_PIXELS)
    if kind == "outside":
        return _outside(labels)
    return (_excess(labels) > BEYOND_PIXELS) & labels.are_whole & ~_outside(labels)


def suspicious_images(labels: Labels, kind: ImageKind) -> NDArray[np.bool_]:
    """(N,): the images of this kind."""
    if kind == "unreadable":
        return has(labels.states, UNREADABLE)
    if kind == "resized":
        return has(labels.states, OTHER_SIZE)
    if kind == "both":
        return np.asarray(labels.splits == TRAIN | VAL, bool)
    return ~labels.images_with(np.ones(len(labels.images), bool)) & ~has(labels.states, UNREADABLE)


def _sizes(labels: Labels) -> NDArray[np.float64]:
    """(L, 2): width and height of the image of each label."""
    return labels.frames[labels.images].astype(np.float64)


def _outside(labels: Labels) -> NDArray[np.bool_]:
    low, high = labels.boxes[:, :2], labels.boxes[:, 2:]
    return np.logical_and(labels.are_whole, np.any((high < 0) | (low >= _sizes(labels)), axis=1))


def _excess(labels: Labels) -> NDArray[np.float64]:
    """(L,): by how many pixels the label's box leaves its image."""
    low, high = labels.boxes[:, :2], labels.boxes[:, 2:]
    return np.asarray(np.maximum(-low, high - (_sizes(labels) - 1)).max(axis=1, initial=0.0), np.float64)


def _twice(labels: Labels) -> NDArray[np.bool_]:
    """Labels of a class that lie where an earlier label of the class lies on the same image.

    Sorted by image, class and left edge, a label is compared with the next one, then with the one behind it, and so
    on, as long as their left edges are near enough for boxes that overlap by SAME, MOST_COMPARED times at most.
    """
    whole = np.flatnonzero(labels.are_whole)
    order = whole[np.lexsort((labels.boxes[whole, 0], labels.classes[whole], labels.images[whole]))]
    boxes, found = labels.boxes[order], np.zeros(len(labels.images), bool)
    group = labels.images[order].astype(np.int64) * (int(labels.classes.max(initial=0)) + 1) + labels.classes[order]
    width = boxes[:, 2] - boxes[:, 0] + 1
    here = np.arange(len(order))
    for step in range(1, min(len(order), MOST_COMPARED + 1)):
        here = here[here + step < len(order)]
        there = here + step
        near = (group[here] == group[there]) & (boxes[there, 0] - boxes[here, 0] <= (1 - SAME) * width[here])
        here = here[near]
        if not len(here):
            break
        same = here[_are_same(labels, order[here], order[here + step])]
        found[np.maximum(order[same], order[same + step])] = True
    return found


def _are_same(labels: Labels, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
    a, b = labels.boxes[first], labels.boxes[second]
    shared = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + 1, 0, None).prod(axis=1)
    both = (a[:, 2:] - a[:, :2] + 1).prod(axis=1) + (b[:, 2:] - b[:, :2] + 1).prod(axis=1) - shared
    low, high = np.sort((labels.pixels[first], labels.pixels[second]), axis=0)
    is_alike = (labels.digests[first] == labels.digests[second]) & (low >= SAME * high)
    return np.asarray(is_alike & (shared >= SAME * both), bool)
