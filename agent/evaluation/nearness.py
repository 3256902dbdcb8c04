"""How near points, lines and graphs are to each other, in pixels and from 0 to 1. Pure.

Of points and lines, nearness falls with the distance: 1 at none, 0 at `REACH` of the image's diagonal. Of graphs it is
the object keypoint similarity (OKS) of COCO, with one sigma for all nodes; a node that is not predicted adds nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.plan import GRAPHS, LINES, POINTS
from agent.evaluation.reading import Places, Thing, extent

REACH = 0.05
SIGMA = 0.05
_MOST_STEPS = 500  # points at which a line is measured, one a pixel on shorter ones

Floats = NDArray[np.float64]


def nearness(truth: Thing, predicted: Thing, size: tuple[int, int]) -> tuple[float, float]:
    """Nearness, and the distance in pixels, of two things of one kind; `size`: (width, height) of the image.

    The distance of graphs is the mean over their common nodes, NaN without any.
    """
    assert truth.places is not None
    assert predicted.places is not None
    if truth.kind == GRAPHS:
        return _of_graphs(truth.places, predicted.places, extent(truth))
    distance = _DISTANCES[truth.kind](truth.places, predicted.places)
    return max(0.0, 1 - distance / (REACH * math.hypot(*size))), distance


def _of_points(truth: Places, predicted: Places) -> float:
    (one,), (other,) = truth.values(), predicted.values()
    return math.dist(one, other)


def _of_graphs(truth: Places, predicted: Places, area: float) -> tuple[float, float]:
    distances = np.array([math.dist(place, predicted[name]) for name, place in truth.items() if name in predicted])
    if not len(distances):
        return 0.0, math.nan
    similar = np.exp(-(distances**2) / (2 * area * (2 * SIGMA) ** 2))
    return float(similar.sum() / len(truth)), float(distances.mean())


def _of_lines(truth: Places, predicted: Places) -> float:
    """The mean distance of the points of each line from the other line, and the mean of both."""
    one, other = np.array(list(truth.values()), float), np.array(list(predicted.values()), float)
    return float((_mean_distance(one, other) + _mean_distance(other, one)) / 2)


def _mean_distance(line: Floats, other: Floats) -> float:
    """Of points along a line, each a pixel or a bit more from the last, from the nearest place of another line."""
    steps = _along(line)[:, None]
    starts, spans = other[:-1][None], np.diff(other, axis=0)[None]
    lengths = (spans**2).sum(axis=2)
    where = np.clip(((steps - starts) * spans).sum(axis=2) / np.where(lengths == 0, 1, lengths), 0, 1)
    nearest = np.sqrt(((starts + where[..., None] * spans - steps) ** 2).sum(axis=2)).min(axis=1)
    return float(nearest.mean())


def _along(line: Floats) -> Floats:
    parts = np.hypot(*np.diff(line, axis=0).T)
    way = np.append(0.0, np.cumsum(parts))
    wanted = np.linspace(0, way[-1], int(min(_MOST_STEPS, math.ceil(way[-1]) + 1)))
    return np.stack([np.interp(wanted, way, line[:, axis]) for axis in (0, 1)], axis=1)


def on_neutral(neutral: Thing, predicted: Thing) -> float:
    """The part of the places of a predicted thing that lie on a neutral one."""
    area, places = neutral.area, predicted.places
    assert area is not None
    assert places is not None
    return sum(area.has(x, y) for x, y in places.values()) / len(places)


_DISTANCES = {POINTS: _of_points, LINES: _of_lines}
