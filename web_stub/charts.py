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
    return Chart(xs[chosen], ys[chosen], rows[chosen], in_window, shown, gaps)


def thin(x: Floats, y: Floats, max_points: int) -> Ints:
    """Indices, ascending, of at most `max_points` points that keep the curve's shape, extremes and ends.

    x ascending without NaN. Of the runs of NaN in y the longest keep their gap, one index each.
    """
    if len(y) <= max_points:
        return np.arange(len(y), dtype=np.int64)
    is_gap = np.isnan(y)
    finite = np.flatnonzero(~is_gap)
    gaps = _longest_runs(is_gap, max_points // _GAPS_SHARE)
    room = max_points - len(gaps)
    if len(finite) > room:
        fx, fy = np.ascontiguousarray(x[finite]), np.ascontiguousarray(y[finite])
        shape = MinMaxLTTBDownsampler().downsample(fx, _moderate(fy), n_out=room - 4)
        keep = np.array([0, len(fy) - 1, int(np.argmin(fy)), int(np.argmax(fy))], dtype=np.int64)
        finite = finite[np.unique(np.concatenate([shape.astype(np.int64), keep]))]
    return np.union1d(finite, gaps).astype(np.int64)


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


def _moderate(y: Floats) -> Floats:
    """The same curve at a scale where areas of triangles do not overflow."""
    largest = float(np.max(np.abs(y))) if len(y) else 0.0
    return y / largest if largest > 1e100 else y
