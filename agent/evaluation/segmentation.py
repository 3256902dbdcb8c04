"""Pixels of an image, by class: those of the ground truth, of the prediction, and of both. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.areas import Area
from agent.evaluation.counts import CONFUSION, PIXELS, Table
from agent.evaluation.plan import MASKS, NOTHING, Plan
from agent.evaluation.reading import Thing
from agent.formats.mask_bits import Bits

EDGE = 0.02  # width of the strip along edges, of the image's diagonal (Cheng et al., Boundary IoU, 2021)

_NEUTRAL = -2  # beside NOTHING, on the map of an image
_FIRST = 2  # what a map has of the first class
_SQUARE = np.ones((3, 3), np.uint8)

Window = tuple[int, int, int, int]  # left, top, right, bottom (not included)
Map = NDArray[np.uint16]  # (h, w) of a window: the class of each pixel, and _FIRST


def count_pixels(
    plan: Plan, image: int, truth: Sequence[Thing], predicted: Sequence[Thing], size: tuple[int, int]
) -> tuple[Table, Table]:
    """Rows of PIXELS and of CONFUSION for the image with that number and `size` (width, height).

    A class has the pixels of all its labels, also where a label of another class covers them; so does the viewer.
    The confusion looks at what is seen: a later label covers an earlier one, as in the targets of a training. Pixels
    whose uppermost true label is neutral count nowhere.
    """
    sides = [[thing for thing in side if thing.kind == MASKS] for side in (truth, predicted)]
    window = (
        (0, 0, *size) if plan.background != NOTHING else _around([_area(thing) for side in sides for thing in side])
    )
    seen, guessed = (_painted(side, window, plan.background) for side in sides)
    counted: Bits | None = seen != _NEUTRAL + _FIRST if plan.neutral else None
    width = max(1, round(EDGE * math.hypot(*size)))
    rows: list[tuple[int, ...]] = []
    for index, kind in enumerate(plan.kinds):
        if kind != MASKS:
            continue
        areas = [[_area(thing) for thing in side if thing.number == index] for side in sides]
        if index == plan.background:
            masks, part = (seen == index + _FIRST, guessed == index + _FIRST), window
        elif areas[0] or areas[1]:
            part = _around([*areas[0], *areas[1]])
            masks = _union(areas[0], part), _union(areas[1], part)
        else:
            continue
        allowed = None if counted is None else _part(counted, window, part)
        edges = [_edge(mask, width) for mask in masks]
        rows.append((image, index, *_shared(masks[0], masks[1], allowed), *_shared(edges[0], edges[1], allowed)))
    return np.array(rows, PIXELS), _confusion(plan, image, seen, guessed, size)


def _area(thing: Thing) -> Area:
    assert thing.area is not None  # things with pixels have them
    return thing.area


def _around(areas: Sequence[Area]) -> Window:
    """The smallest window around areas; an empty one for none."""
    if not areas:
        return 0, 0, 0, 0
    lefts, tops, rights, bottoms = zip(*(area[:4] for area in areas), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _part(whole: NDArray[Any], window: Window, part: Window) -> NDArray[Any]:
    left, top, right, bottom = part
    return whole[top - window[1] : bottom - window[1], left - window[0] : right - window[0]]


def _painted(things: Iterable[Thing], window: Window, background: int) -> Map:
    """The class that is seen at each pixel of the window."""
    left, top, right, bottom = window
    canvas = np.full((bottom - top, right - left), background + _FIRST, np.uint16)
    for thing in things:
        area = _area(thing)
        below = _part(canvas, window, area[:4])
        value = _FIRST + (_NEUTRAL if thing.number == NOTHING else thing.number)
        if area.on is None:
            below[:] = value
        else:
            below[area.on] = value
    return canvas


def _union(areas: Iterable[Area], window: Window) -> Bits:
    left, top, right, bottom = window
    canvas = np.zeros((bottom - top, right - left), np.bool_)
    for area in areas:
        part = _part(canvas, window, area[:4])
        if area.on is None:
            part[:] = True
        else:
            np.logical_or(part, area.on, out=part)
    return canvas


def _edge(mask: Bits, width: int) -> Bits:
    """The pixels of a mask that are at most `width` pixels from one outside of it, or from the image's border."""
    import cv2

    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.uint8)
    padded[1:-1, 1:-1] = mask
    edge: Bits = (padded - cv2.erode(padded, _SQUARE, iterations=width))[1:-1, 1:-1].view(np.bool_)
    return edge


def _shared(truth: Bits, predicted: Bits, allowed: Bits | None) -> tuple[int, int, int]:
    """Numbers of pixels of the truth, of the prediction, and of both."""
    if allowed is not None:
        truth, predicted = truth & allowed, predicted & allowed
    return int(np.count_nonzero(truth)), int(np.count_nonzero(predicted)), int(np.count_nonzero(truth & predicted))


def _confusion(plan: Plan, image: int, seen: Map, guessed: Map, size: tuple[int, int]) -> Table:
    """Rows of CONFUSION. Pixels around the map have no label on either side."""
    side = len(plan.classes) + _FIRST
    codes: NDArray[Any] = seen.astype(np.uint16 if side**2 < 1 << 16 else np.uint32)
    codes *= side
    codes += guessed
    unlabeled = (plan.background + _FIRST) * (side + 1)
    labeled = codes[codes != unlabeled]  # few pixels of most images
    cells = np.bincount(labeled, minlength=side * side)
    cells[unlabeled] = size[0] * size[1] - len(labeled)
    rows, columns = np.divmod(np.flatnonzero(cells), side)
    found = [
        (image, row - _FIRST, column - _FIRST, cells[row * side + column])
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if row != _NEUTRAL + _FIRST
    ]
    return np.array(found, CONFUSION)
