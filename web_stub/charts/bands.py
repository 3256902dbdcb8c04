"""Many curves → their mean and the band around it, over a common grid of x. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
    count, total = np.zeros(len(grid), np.int64), np.zeros(len(grid))
    low, high = np.full(len(grid), np.inf), np.full(len(grid), -np.inf)
    for values, reaches in _drawn(lines, grid, power):
        count += reaches
        np.add(total, values, out=total, where=reaches)
        np.fmin(low, values, out=low)
        np.fmax(high, values, out=high)
    mean = np.clip(total / np.maximum(count, 1), low, high)  # rounding must not lead out of them
    if spread == "deviation":
        squares = np.zeros(len(grid))
        for values, reaches in _drawn(lines, grid, power):
            np.add(squares, (values - mean) ** 2, out=squares, where=reaches)
        deviation = np.sqrt(squares / np.maximum(count - 1, 1))
        low, high = mean - deviation, mean + deviation
    with np.errstate(over="ignore"):  # a border beyond every float is none
        mean, low, high = (np.where(count > 0, np.ldexp(column, power), np.nan) for column in (mean, low, high))
    return Band(grid, mean, low, high, count)


def _drawn(
    lines: Sequence[tuple[Floats, Floats]], grid: Floats, power: int
) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Each curve over the grid, divided by 2^power, and where it reaches; one at a time, as a thousand may be large."""
    for x, y in lines:
        values = np.interp(grid, x, np.ldexp(y, -power) if power else y, left=np.nan, right=np.nan)
        yield values, ~np.isnan(values)


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
