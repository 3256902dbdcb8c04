"""How much the objects of both sides of one image have in common. Pure.

Masks and boxes share pixels: their overlap is the intersection over the union. That of points, lines and graphs is
their nearness (`nearness`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.areas import Area
from agent.evaluation.nearness import nearness, on_neutral
from agent.evaluation.plan import BOXES, MASKS, NOTHING
from agent.evaluation.reading import Thing

LEAST = 0.1  # objects with less in common have nothing to do with each other (TIDE's threshold for the background)


class Overlap(NamedTuple):
    """Two things by their places in the lists of their sides; the distance in pixels, NaN for masks and boxes."""

    truth: int
    prediction: int
    overlap: float
    distance: float


def overlaps_of(truth: Sequence[Thing], predicted: Sequence[Thing], size: tuple[int, int]) -> list[Overlap]:
    """Every pair of one kind that has at least `LEAST` in common, of whatever classes.

    Of a neutral thing and a prediction, the overlap is the part of the prediction that lies on it. `size`: that of the
    image, (width, height).
    """
    found: list[Overlap] = []
    for kind in (MASKS, BOXES):
        mine = [at for at, thing in enumerate(truth) if thing.kind == kind or thing.number == NOTHING]
        theirs = [at for at, thing in enumerate(predicted) if thing.kind == kind]
        if mine and theirs:
            found += _of_areas(truth, predicted, mine, theirs)
    for column, other in enumerate(predicted):
        if other.places is None:
            continue
        for row, thing in enumerate(truth):
            if thing.kind == other.kind:
                found.append(Overlap(row, column, *nearness(thing, other, size)))
            elif thing.number == NOTHING:
                found.append(Overlap(row, column, on_neutral(thing, other), math.nan))
    return [overlap for overlap in found if overlap.overlap >= LEAST]


def _of_areas(
    truth: Sequence[Thing], predicted: Sequence[Thing], mine: Sequence[int], theirs: Sequence[int]
) -> list[Overlap]:
    boxes, others = _boxes(truth, mine), _boxes(predicted, theirs)
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:4], others[None, :, 2:4])
    common = np.maximum(high - low, 0).prod(axis=2)
    pixels, other_pixels = boxes[:, 4][:, None], others[:, 4][None]
    is_neutral = np.array([truth[at].number == NOTHING for at in mine])[:, None]
    # Masks share at most what their boxes share, and at most what the smaller one has.
    most = np.minimum(common, np.minimum(pixels, other_pixels))
    rows, columns = np.nonzero(most >= LEAST * np.where(is_neutral, other_pixels, pixels + other_pixels - most))
    found = []
    for row, column, at_most in zip(rows.tolist(), columns.tolist(), common[rows, columns].tolist(), strict=True):
        thing, other = truth[mine[row]], predicted[theirs[column]]
        assert thing.area is not None
        assert other.area is not None
        are_boxes = thing.area.on is None and other.area.on is None
        shared = at_most if are_boxes else _common(thing.area, other.area)
        whole = other.area.pixels if thing.number == NOTHING else thing.area.pixels + other.area.pixels - shared
        found.append(Overlap(mine[row], theirs[column], shared / whole, math.nan))
    return found


def _boxes(things: Sequence[Thing], chosen: Sequence[int]) -> NDArray[Any]:
    return np.array([things[at].area[:5] for at in chosen])  # type: ignore[index]


def _common(one: Area, other: Area) -> int:
    """The number of pixels that two areas share, whose boxes overlap."""
    left, top = max(one.left, other.left), max(one.top, other.top)
    right, bottom = min(one.right, other.right), min(one.bottom, other.bottom)
    parts = [
        area.on[top - area.top : bottom - area.top, left - area.left : right - area.left]
        for area in (one, other)
        if area.on is not None
    ]
    if not parts:
        return (right - left) * (bottom - top)
    return int(np.count_nonzero(parts[0] if len(parts) == 1 else parts[0] & parts[1]))
