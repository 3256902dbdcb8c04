"""A chart of a long series from its outline: the lowest, the highest and the mean of every 64 points. Pure.

Ends, extremes and counts are those of all points. The border between two columns of means, or between two thinned
points, lies where a bin ends. Of a window, the points at its edges are read themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from agent.store.point_summaries import BIN, Bins
from web_stub.charts.downsample import Chart, chart, thin
from web_stub.charts.statistics import Columns, Floats, Ints, grouped

if TYPE_CHECKING:
    from agent.store import Outline

Read = Callable[[int, int], tuple[Floats, Floats]]  # the epochs and values from a point to before another

_BINS_PER_POINT = 2  # fewer would not keep the shape
_MOST_READ = 1 << 18  # points that are read for one chart and then forgotten


@dataclass(frozen=True, slots=True)
class Groups:
    """Neighbouring points, as columns: bins of them, and single points."""

    start: Ints  # the number of the first point, from 0
    points: Ints
    first: Floats  # x, as `last`, `low_x` and `high_x`
    last: Floats
    low: Floats  # NaN, as `high` and `mean`: a single point that is not a number
    low_x: Floats
    low_row: Ints
    high: Floats
    high_x: Floats
    high_row: Ints
    mean: Floats

    def __getitem__(self, part: slice) -> Groups:
        return Groups(*(getattr(self, name)[part] for name in self.__slots__))

    @property
    def size_bytes(self) -> int:
        return 8 * len(self.start) * len(self.__slots__)


def joined(*parts: Groups) -> Groups:
    return Groups(*(np.concatenate([getattr(part, name) for part in parts]) for name in Groups.__slots__))


def singles(epoch: Floats, value: Floats, start: int) -> Groups:
    row = np.arange(start, start + len(epoch), dtype=np.int64)
    one = np.ones(len(epoch), np.int64)
    return Groups(row, one, epoch, epoch, value, epoch, row, value, epoch, row, value)


def groups(outline: Outline) -> Groups:
    parts, start = [], 0
    for count, part in outline.parts:
        if isinstance(part, Bins):
            parts.append(_of_bins(part, count, start))
        else:
            parts.append(singles(np.asarray(part.epoch, np.float64), np.asarray(part.value, np.float64), start))
        start += count
    return joined(*parts)


def _of_bins(bins: Bins, count: int, start: int) -> Groups:
    first, last, low_x, high_x, low, high, mean = (np.asarray(column, np.float64) for column in bins[:7])
    low_at, high_at = (np.asarray(column, np.int64) for column in bins[7:])
    starts = np.arange(start, start + count, BIN, dtype=np.int64)
    points = np.diff(np.append(starts, start + count))
    return Groups(starts, points, first, last, low, low_x, starts + low_at, high, high_x, starts + high_at, mean)


def along(axis: Literal["epoch", "step"], whole: Groups) -> Groups | None:
    """The groups with their places on this axis; None where their points do not ascend on it."""
    if axis == "step":
        return replace(
            whole,
            first=(whole.start + 1).astype(np.float64),
            last=(whole.start + whole.points).astype(np.float64),
            low_x=(whole.low_row + 1).astype(np.float64),
            high_x=(whole.high_row + 1).astype(np.float64),
        )
    ascends = np.all(whole.first[1:] >= whole.last[:-1]) and not np.isnan(whole.first[:1]).any()
    return whole if ascends else None


def distant_chart(
    whole: Groups,
    read: Read,
    *,
    max_points: int,
    window: tuple[float | None, float | None] = (None, None),
    as_means: bool = False,
) -> Chart | None:
    """As `chart` of all points; None where so many of them are needed that they are best read as a whole.

    `read` gives places and values of points; few where much is shown.
    """
    count = int(whole.start[-1] + whole.points[-1])
    start, stop = _rows(whole, read, count, window)
    # One point or more at either end is read, so that the ends of the curve are drawn as they are.
    inner = slice(
        int(np.searchsorted(whole.start, start, side="right")),
        int(np.searchsorted(whole.start + whole.points, stop, side="left")),
    )
    numbers = count - int(np.count_nonzero(np.isnan(whole.mean)))
    if inner.stop - inner.start < _BINS_PER_POINT * max_points:
        if stop - start > _MOST_READ:
            return None
        x, y = read(max(start - 1, 0), min(stop + 1, count))
        near = chart(x, y, max_points=max_points, window=window, as_means=as_means)
        return replace(near, rows=near.rows + max(start - 1, 0), numbers=numbers)
    middle = whole[inner]
    head, tail = int(middle.start[0]), int(middle.start[-1] + middle.points[-1])
    before, behind = singles(*read(start, head), start), singles(*read(tail, stop), tail)
    inside = joined(before, middle, behind)
    drawn, rows = _means(inside, max_points - 2) if as_means else _extremes(inside, max_points - 2)
    edges = [(read(row, row + 1), row) for row in (start - 1, stop) if 0 <= row < count]
    for (x, y), row in edges:
        place = 0 if row < start else len(drawn.x)
        drawn, rows = _with_edge(drawn, rows, place, float(x[0]), float(y[0]), row)
    return Chart(
        x=drawn.x,
        y=drawn.mean,
        rows=rows,
        low=drawn.low,
        high=drawn.high,
        smooth=None,
        in_window=stop - start,
        shown=len(drawn.x) - len(edges),
        gaps=int(np.count_nonzero(np.isnan(inside.mean))),
        numbers=numbers,
        smooth_last=None,
    )


def _rows(whole: Groups, read: Read, count: int, window: tuple[float | None, float | None]) -> tuple[int, int]:
    """The points inside the window: the number of the first, and of the one behind the last."""
    low, high = window
    start, stop = 0, count
    if low is not None:
        place = int(np.searchsorted(whole.last, low, side="left"))
        start = count if place == len(whole.last) else _row(whole, read, place, low, "left")
    if high is not None:
        place = int(np.searchsorted(whole.first, high, side="right")) - 1
        stop = 0 if place < 0 else _row(whole, read, place, high, "right")
    return start, max(start, stop)


def _row(whole: Groups, read: Read, place: int, x: float, side: Literal["left", "right"]) -> int:
    start = int(whole.start[place])
    return start + int(np.searchsorted(read(start, start + int(whole.points[place]))[0], x, side=side))


def _extremes(inside: Groups, max_points: int) -> tuple[Columns, Ints]:
    """The lowest and the highest point of each group, thinned."""
    low_first = inside.low_row <= inside.high_row
    rows, x, y = (
        np.stack([np.where(low_first, low, high), np.where(low_first, high, low)], axis=1).ravel()
        for low, high in (
            (inside.low_row, inside.high_row),
            (inside.low_x, inside.high_x),
            (inside.low, inside.high),
        )
    )
    once = np.append(True, rows[1:] != rows[:-1])
    rows, x, y = rows[once], x[once], y[once]
    chosen = thin(x, y, max_points)
    return Columns(x[chosen], y[chosen], None, None, None), rows[chosen]


def _means(inside: Groups, most: int) -> tuple[Columns, Ints]:
    drawn = grouped(inside.first, inside.last, inside.mean, inside.points, inside.low, inside.high, most)
    return drawn, np.empty(0, np.int64)


def _with_edge(drawn: Columns, rows: Ints, place: int, x: float, y: float, row: int) -> tuple[Columns, Ints]:
    """The point beside the window, at the beginning or at the end."""
    with_it = Columns(
        np.insert(drawn.x, place, x),
        np.insert(drawn.mean, place, y),
        None if drawn.low is None else np.insert(drawn.low, place, y),
        None if drawn.high is None else np.insert(drawn.high, place, y),
        None,
    )
    return with_it, np.insert(rows, place, row) if len(rows) else rows
