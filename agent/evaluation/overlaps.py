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
    boxes, others = _boxes(truth, mine)[:, None], _boxes(predicted, theirs)[None]
    width = np.minimum(boxes[..., 2], others[..., 2]) - np.maximum(boxes[..., 0], others[..., 0])
    height = np.minimum(boxes[..., 3], others[..., 3]) - np.maximum(boxes[..., 1], others[..., 1])
    rows, columns = ((width > 0) & (height > 0)).nonzero()
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        thing, other = truth[mine[row]], predicted[theirs[column]]
        assert thing.area is not None
        assert other.area is not None
        common = _common(thing.area, other.area)
        of_both = other.area.pixels if thing.number == NOTHING else thing.area.pixels + other.area.pixels - common
        found.append(Overlap(mine[row], theirs[column], common / of_both, math.nan))
    return found


def _boxes(things: Sequence[Thing], chosen: Sequence[int]) -> NDArray[Any]:
    return np.array([things[at].area[:4] for at in chosen])  # type: ignore[index]


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
