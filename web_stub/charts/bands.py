"""Many curves → their mean and the band around it, over a common grid of x. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from web_stub.charts.statistics import Floats, Ints

Spread = Literal["range", "deviation"]


@dataclass(frozen=True, slots=True)
class Band:
    """Arrays of one length. At an x that no curve reaches, `count` is 0 and the values are NaN."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    count: Ints  # of curves that reach this x


def band(curves: Sequence[tuple[Floats, Floats]], *, spread: Spread, max_points: int) -> Band:
    """The mean of curves (x, y) and, by `spread`, their least and greatest value or mean ± sample deviation.

    A curve reaches from the first to the last of its numbers and is straight between two of them; of several at one x
    the last counts. So curves of different length are averaged over those that reach x. The grid has every x of the
    curves if these are at most `max_points`, else so many at equal distances.
    """
    lines = [line for line in map(_line, curves) if len(line[0])]
    grid = _grid([x for x, _ in lines], max_points)
    if not lines:
        return Band(grid, grid, grid, grid, np.empty(0, np.int64))
    power = _power([y for _, y in lines])
    values = np.stack([np.interp(grid, x, np.ldexp(y, -power), left=np.nan, right=np.nan) for x, y in lines])
    reaches = ~np.isnan(values)
    count = reaches.sum(axis=0)
    known = np.maximum(count, 1)
    low = np.where(reaches, values, np.inf).min(axis=0)
    high = np.where(reaches, values, -np.inf).max(axis=0)
    mean = np.clip(np.where(reaches, values, 0.0).sum(axis=0) / known, low, high)  # rounding must not lead out of them
    if spread == "deviation":
        squares = np.where(reaches, values - mean, 0.0) ** 2
        deviation = np.sqrt(squares.sum(axis=0) / np.maximum(count - 1, 1))
        low, high = mean - deviation, mean + deviation
    with np.errstate(over="ignore"):  # a border beyond every float is none
        mean, low, high = (np.where(count > 0, np.ldexp(column, power), np.nan) for column in (mean, low, high))
    return Band(grid, mean, low, high, count)


def _line(curve: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The numbers of a curve, each x once."""
    x, y = curve
    placed = np.isfinite(x) & np.isfinite(y)
    x, y = x[placed], y[placed]
    if len(x) > 1 and not np.all(x[1:] > x[:-1]):
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        is_last = np.append(x[1:] > x[:-1], True)
        x, y = x[is_last], y[is_last]
    return x, y


def _grid(xs: Sequence[Floats], max_points: int) -> Floats:
    every = np.unique(np.concatenate(xs)) if xs else np.empty(0)
    return every if len(every) <= max_points else np.linspace(every[0], every[-1], max_points)


def _power(ys: Sequence[Floats]) -> int:
    """The power of two at which the squares of all values are numbers; scaling by it is exact."""
    largest = max(float(np.max(np.abs(y))) for y in ys)
    return math.frexp(largest)[1] if largest > 1e100 or 0 < largest < 1e-100 else 0
