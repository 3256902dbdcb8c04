"""Points of a series → at most so many points that draw the same picture. Pure.

A chart made from thinned points must not hide anything a person would act on: the first and the last
point, the lowest and the highest value always stay, a run of values that are not numbers stays a gap
in the line, and the numbers shown and present are both returned. Whatever fits is returned exactly,
so zooming far enough always ends at the points the plugin printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

MIN_POINTS = 16  # below this a thinned curve has no shape, and the downsampler no room
_GAPS_SHARE = 4  # at most a quarter of the points mark gaps
_LARGE = 1e100


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. `y` is NaN where the line has a gap; `rows` are indices into the series' points."""

    x: Floats
    y: Floats
    rows: Ints
    in_window: int  # points of the series inside the window, gaps included
    shown: int  # of those, how many are here
    gaps: int  # values in the window that are not numbers

    @property
    def is_exact(self) -> bool:
        return self.shown == self.in_window


def chart(x: Floats, y: Floats, *, max_points: int, window: tuple[float | None, float | None] = (None, None)) -> Chart:
    """Choose at most `max_points` of the points (x, y), in the order of x.

    `y` may hold NaN; points whose x is NaN cannot be placed and are left out. With a window the nearest
    point on either side comes along, so that lines reach the edges. ValueError below MIN_POINTS.
    """
    if max_points < MIN_POINTS:
        raise ValueError(f"max_points is {max_points}; at least {MIN_POINTS} are needed to draw a curve")
    rows, xs, ys = None, x, y
    if not _is_ascending(x):
        rows = _in_order(x)
        xs, ys = x[rows], y[rows]
    low, high = window
    start = 0 if low is None else int(np.searchsorted(xs, low, side="left"))
    stop = len(xs) if high is None else int(np.searchsorted(xs, high, side="right"))
    stop = max(start, stop)
    in_window = stop - start
    gaps = int(np.count_nonzero(np.isnan(ys[start:stop])))
    if in_window + 2 <= max_points:
        chosen = np.arange(start, stop)
    else:
        chosen = start + thin(xs[start:stop], ys[start:stop], max_points - 2)
    edges = [edge for edge in (start - 1, stop) if 0 <= edge < len(xs)]
    if edges:
        chosen = np.unique(np.concatenate([chosen, np.array(edges, dtype=np.int64)]))
    shown = int(np.count_nonzero((chosen >= start) & (chosen < stop)))
    printed = chosen.astype(np.int64) if rows is None else rows[chosen]
    return Chart(xs[chosen], ys[chosen], printed, in_window, shown, gaps)


def thin(x: Floats, y: Floats, max_points: int) -> Ints:
    """Indices, ascending, of at most `max_points` points that keep the curve's shape, extremes and ends.

    x ascending without NaN. Of the runs of NaN in y the longest keep their gap, one index each.
    """
    if len(y) <= max_points:
        return np.arange(len(y), dtype=np.int64)
    is_gap = np.isnan(y)
    if not is_gap.any():  # nearly always: no copies of what may be a million points
        return _shape(np.ascontiguousarray(x), np.ascontiguousarray(y), max_points)
    finite = np.flatnonzero(~is_gap)
    gaps = _longest_runs(is_gap, max_points // _GAPS_SHARE)
    room = max_points - len(gaps)
    if len(finite) > room:
        finite = finite[_shape(x[finite], y[finite], room)]
    return np.union1d(finite, gaps).astype(np.int64)


def _shape(x: Floats, y: Floats, max_points: int) -> Ints:
    """Indices, ascending, of points that keep the curve of more numbers than that."""
    lowest, highest = int(np.argmin(y)), int(np.argmax(y))
    largest = max(-float(y[lowest]), float(y[highest]))
    moderate = y / largest if largest > _LARGE else y  # at a scale where areas of triangles do not overflow
    shape = MinMaxLTTBDownsampler().downsample(x, moderate, n_out=max_points - 4)
    return np.unique(np.concatenate([shape.astype(np.int64), np.array([0, len(y) - 1, lowest, highest])]))


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
