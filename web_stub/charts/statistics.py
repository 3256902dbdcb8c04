"""Smoothing and summaries of a series, over every point of it. Pure.

A curve of a million points is drawn in a thousand columns. What a column says is computed from all its points, so it
does not depend on which points a chart happens to show, and zooming in only makes it finer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_NOTHING = 1e-17  # a weight that no longer changes a sum
_LARGE, _SMALL = 1e300, 1e-290  # sums beyond overflow; products below lose their digits


def smoothed(y: Floats, weight: float) -> Floats:
    """The exponential moving average of `y` that starts unbiased; NaN stays NaN and changes nothing behind it.

    After n numbers it is Σ weight^k·y[n-k] / Σ weight^k, k from 0 to n-1; `weight` is 0 to below 1.
    """
    is_number = ~np.isnan(y)
    numbers = y[is_number]
    out = np.full(len(y), np.nan)
    if len(numbers):
        unit = _unit(numbers)
        total = numbers / unit
        step, factor = 1, weight
        while step < len(total) and factor > _NOTHING:  # each round doubles the number of points in a sum
            total[step:] = total[step:] + factor * total[:-step]
            step, factor = 2 * step, factor * factor
        weights = np.ones(len(total)) if weight == 0 else (1 - weight ** np.arange(1, len(total) + 1)) / (1 - weight)
        out[is_number] = total / weights * unit
    return out


@dataclass(frozen=True, slots=True)
class Columns:
    """Points of columns from left to right; NaN in a column without numbers, which is a gap."""

    x: Floats
    mean: Floats
    low: Floats | None
    high: Floats | None
    smooth: Floats | None


def columns(x: Floats, y: Floats, smooth: Floats | None, most: int) -> Columns:
    """Summarize ascending points in at most `most` (4 or more) columns of equal width.

    The first and the last point have a column of their own. Borders of columns are multiples of their width, a power
    of two: a curve that moves or grows keeps its columns.
    """
    starts = _starts(x, most)
    last = np.append(starts[1:], len(x)) - 1
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    mean = np.clip(_means(y, starts), low, high)  # rounding must not lead out of the column
    return Columns(
        x=x[starts] + (x[last] - x[starts]) / 2,
        mean=mean,
        low=low,
        high=high,
        smooth=None if smooth is None else _means(smooth, starts),
    )


def grouped(first: Floats, last: Floats, mean: Floats, points: Ints, low: Floats, high: Floats, most: int) -> Columns:
    """The same of ascending groups of points: from and to which x, their mean, how many, lowest and highest."""
    starts = _starts(first, most)
    ends = np.append(starts[1:], len(first)) - 1
    lowest, highest = np.fmin.reduceat(low, starts), np.fmax.reduceat(high, starts)
    is_number = ~np.isnan(mean)
    unit = _unit(mean[is_number])
    counts = np.add.reduceat(np.where(is_number, points, 0), starts)
    sums = np.add.reduceat(np.where(is_number, mean, 0.0) / unit * points, starts)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan) * unit
    return Columns(
        x=first[starts] + (last[ends] - first[starts]) / 2,
        mean=np.clip(means, lowest, highest),
        low=lowest,
        high=highest,
        smooth=None,
    )


def _starts(x: Floats, most: int) -> Ints:
    """The first index of each column."""
    count = most - 3  # the first and the last point, and a column that is cut by both ends
    span = x[-1] - x[0]
    if not 0 < span < np.inf:
        inner = np.arange(0, len(x), -(-len(x) // count))
    else:
        width = 2.0 ** np.ceil(np.log2(span / count))
        place = np.floor(x / width) if width > 0 else np.zeros(len(x))
        inner = np.flatnonzero(np.diff(place, prepend=place[0] - 1))
    return distinct(np.concatenate([inner, [0, min(1, len(x) - 1), len(x) - 1]]))


def distinct(rows: NDArray[Any]) -> Ints:
    """The numbers in order, each once: `np.unique` would load arrays with masks first, which nobody here needs."""
    ordered = np.sort(rows).astype(np.int64)
    once: Ints = ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
    return once


def _means(y: Floats, starts: Ints) -> Floats:
    """The mean of the numbers of each column."""
    is_number = ~np.isnan(y)
    counts = np.add.reduceat(is_number, starts, dtype=np.int64)
    unit = _unit(y[is_number])
    sums = np.add.reduceat(np.where(is_number, y, 0.0) / unit, starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan) * unit


def _unit(numbers: Floats) -> float:
    """A scale at which sums and products of these numbers stay numbers; 1 for all but the most extreme."""
    largest = float(np.max(np.abs(numbers))) if len(numbers) else 0.0
    return largest if largest > _LARGE or 0 < largest < _SMALL else 1.0
