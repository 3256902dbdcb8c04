"""Points of a series → at most so many points that draw the same picture. Pure.

A chart of thinned points hides nothing that a person would act on: the first and the last point, the lowest and the
highest value always stay, a run of values that are not numbers stays a gap in the line, and the numbers of points shown
and present are both returned. Points that fit are returned exactly, so zooming in ends at the points that were printed.
With `as_means`, a point stands for all points of its column: it is their mean, and their lowest and highest come along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

from web_stub.charts.statistics import Columns, Floats, Ints, columns, distinct, smoothed

MIN_POINTS = 16  # below this a thinned curve has no shape, and the downsampler no room
_GAPS_SHARE = 4  # at most a quarter of the points mark gaps
_LARGE = 1e100


@dataclass(frozen=True, slots=True)
class Chart:
    """Points to draw. `y` is NaN where the line has a gap. `rows` are indices into the points; means have none."""

    x: Floats
    y: Floats
    rows: Ints
    low: Floats | None  # where a point stands for several: the lowest and the highest of them
    high: Floats | None
    smooth: Floats | None  # the smoothed value at each point; of several points, the mean of theirs
    in_window: int  # points of the series inside the window, gaps included
    shown: int  # of those, how many are here
    gaps: int  # values in the window that are not numbers
    numbers: int  # of the whole series: values that are numbers, at points that have a place
    smooth_last: float | None  # the last smoothed value of the whole series

    @property
    def is_exact(self) -> bool:
        return self.shown == self.in_window


def chart(
    x: Floats,
    y: Floats,
    *,
    max_points: int,
    window: tuple[float | None, float | None] = (None, None),
    as_means: bool = False,
    smoothing: float = 0.0,
) -> Chart:
    """Choose at most `max_points` of the points (x, y), in the order of x, or means of them.

    `y` may hold NaN; points whose x is NaN cannot be placed and are left out. With a window the nearest
    point on either side comes along, so that lines reach the edges. With `smoothing` all points are smoothed, in the
    order of x, whichever are chosen. ValueError below MIN_POINTS.
    """
    if max_points < MIN_POINTS:
        raise ValueError(f"max_points is {max_points}; at least {MIN_POINTS} are needed to draw a curve")
    rows, xs, ys = None, x, y
    if not _is_ascending(x):
        rows = _in_order(x)
        xs, ys = x[rows], y[rows]
    smooth = smoothed(ys, smoothing) if smoothing > 0 else None
    low, high = window
    start = 0 if low is None else int(np.searchsorted(xs, low, side="left"))
    stop = len(xs) if high is None else int(np.searchsorted(xs, high, side="right"))
    stop = max(start, stop)
    is_part = stop - start + 2 > max_points
    if is_part and as_means:
        inside = columns(xs[start:stop], ys[start:stop], None if smooth is None else smooth[start:stop], max_points - 2)
        drawn, printed = _with_edges(inside, xs, ys, smooth, start, stop), np.empty(0, np.int64)
        shown = len(inside.x)
    else:
        chosen = start + thin(xs[start:stop], ys[start:stop], max_points - 2) if is_part else np.arange(start, stop)
        shown = len(chosen)
        chosen = np.concatenate([np.arange(max(start - 1, 0), start), chosen, np.arange(stop, min(stop + 1, len(xs)))])
        drawn = Columns(xs[chosen], ys[chosen], None, None, None if smooth is None else smooth[chosen])
        printed = chosen.astype(np.int64) if rows is None else rows[chosen]
    is_gap = np.isnan(ys)
    return Chart(
        x=drawn.x,
        y=drawn.mean,
        rows=printed,
        low=drawn.low,
        high=drawn.high,
        smooth=drawn.smooth,
        in_window=stop - start,
        shown=shown,
        gaps=int(np.count_nonzero(is_gap[start:stop])),
        numbers=len(ys) - int(np.count_nonzero(is_gap)),
        smooth_last=None if smooth is None else _last_number(smooth),
    )


def _with_edges(inside: Columns, x: Floats, y: Floats, smooth: Floats | None, start: int, stop: int) -> Columns:
    """The columns of a window between the points beside it."""
    before, behind = slice(max(start - 1, 0), start), slice(stop, min(stop + 1, len(x)))

    def joined(inner: Floats | None, column: Floats | None) -> Floats | None:
        return None if inner is None or column is None else np.concatenate([column[before], inner, column[behind]])

    xs, mean = (
        np.concatenate([all_[before], inner, all_[behind]]) for all_, inner in ((x, inside.x), (y, inside.mean))
    )
    return Columns(xs, mean, joined(inside.low, y), joined(inside.high, y), joined(inside.smooth, smooth))


def _last_number(values: Floats) -> float | None:
    numbers = np.flatnonzero(~np.isnan(values))
    return float(values[numbers[-1]]) if len(numbers) else None


def thin(x: Floats, y: Floats, max_points: int) -> Ints:
    """Indices, ascending, of at most `max_points` points that keep the curve's shape, extremes and ends.

    `x` ascends without NaN. Of the runs of NaN in `y` the longest keep their gap, as a single index each.
    """
    if len(y) <= max_points:
        return np.arange(len(y), dtype=np.int64)
    is_gap = np.isnan(y)
    if not is_gap.any():  # nearly always; this way copies no points, of which there may be a million
        return _shape(np.ascontiguousarray(x), np.ascontiguousarray(y), max_points)
    finite = np.flatnonzero(~is_gap)
    gaps = _longest_runs(is_gap, max_points // _GAPS_SHARE)
    room = max_points - len(gaps)
    if len(finite) > room:
        finite = finite[_shape(x[finite], y[finite], room)]
    return distinct(np.concatenate([finite, gaps]))


def _shape(x: Floats, y: Floats, max_points: int) -> Ints:
    """Indices, ascending, of points that keep the curve of more numbers than that."""
    lowest, highest = int(np.argmin(y)), int(np.argmax(y))
    largest = max(-float(y[lowest]), float(y[highest]))
    moderate = y / largest if largest > _LARGE else y  # at a scale where areas of triangles do not overflow
    shape = MinMaxLTTBDownsampler().downsample(x, moderate, n_out=max_points - 4)
    return distinct(np.concatenate([shape.astype(np.int64), np.array([0, len(y) - 1, lowest, highest])]))


def _is_ascending(x: Floats) -> bool:
    """Whether every point has an x, and none goes back. NaN is not above anything."""
    return bool(np.all(x[1:] >= x[:-1])) if len(x) > 1 else not np.isnan(x).any()


def _in_order(x: Floats) -> Ints:
    """Indices of the points that have an x, in the order of x; equal ones in the order printed."""
    placed = np.flatnonzero(~np.isnan(x))
    xs = x[placed]
    if len(xs) > 1 and np.any(xs[1:] < xs[:-1]):  # a resumed training goes back in epochs
        placed = placed[np.argsort(xs, kind="stable")]
    return placed.astype(np.int64)


def _longest_runs(is_gap: NDArray[np.bool_], at_most: int) -> Ints:
    """The first index of each run of True; of too many runs, the longest."""
    edges = np.diff(np.concatenate([[0], is_gap.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if len(starts) > at_most:
        starts = np.sort(starts[np.argsort(starts - ends, kind="stable")[:at_most]])
    return starts.astype(np.int64)
