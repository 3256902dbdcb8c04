"""What is drawn of a series: from its outline, or from all of its points, and kept for the next request."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import le
from typing import TYPE_CHECKING

import numpy as np
from cachetools import LRUCache

from web_stub.charts.axes import Axis, places
from web_stub.charts.cache import PointsCache
from web_stub.charts.distance import Groups, along, distant_chart, groups
from web_stub.charts.downsample import Chart, chart
from web_stub.charts.statistics import Floats

if TYPE_CHECKING:
    from agent.store import Outline, Series, Store, Stretch

_DRAWN_BYTES = 64 << 20
_OUTLINES_BYTES = 128 << 20
_LEAST = 1 << 16  # points of a series that is drawn from its outline
_SHORT = 256  # points of a series that is read and kept with others
_TOGETHER = 3  # series: fewer are read one by one as quickly
_MOST_TOGETHER, _KEPT_TOGETHER = 10_000, 4  # series that are kept together, which takes 10 MB; and how many times
_ROWS = np.arange(_SHORT)
_STEPS = np.arange(1.0, _SHORT + 1)


@dataclass(frozen=True, slots=True)
class Look:
    """What of a series is drawn, and how (`downsample.py`)."""

    axis: Axis
    max_points: int
    window: tuple[float | None, float | None] = (None, None)
    as_means: bool = False
    smoothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    chart: Chart
    count: int  # points of the series that were there
    last_seq: int

    @property
    def size_bytes(self) -> int:
        values = (getattr(self.chart, field.name) for field in fields(Chart))
        return 512 + sum(value.nbytes for value in values if isinstance(value, np.ndarray))


class Curves:
    """Safe to use from several threads."""

    def __init__(self, store: Store, points: PointsCache) -> None:
        self._store = store
        self._points = points
        self._lock = threading.Lock()
        self._drawn: LRUCache[Hashable, Curve] = LRUCache(_DRAWN_BYTES, getsizeof=lambda curve: curve.size_bytes)
        self._together: LRUCache[Hashable, dict[int, Curve]] = LRUCache(_KEPT_TOGETHER)
        self._outlines: LRUCache[int, _Outlined] = LRUCache(
            _OUTLINES_BYTES, getsizeof=lambda outlined: outlined.groups.size_bytes
        )

    def draw_all(
        self, many: Sequence[Series], look: Look, starts_us: Callable[[Series], int | None] = lambda _: 0
    ) -> Iterator[Curve]:
        """The curves of these series, in their order. Short ones are read together: there may be ten thousand.

        `starts_us`: where the time axis of a series begins, as in `draw`.
        """
        short = self._short(many, look)
        for series in many:
            yield short.get(series.id) or self.draw(series, look, start_us=starts_us(series))

    def _short(self, many: Sequence[Series], look: Look) -> dict[int, Curve]:
        if look.axis == "time" or look.window != (None, None) or look.smoothing > 0:
            return {}
        most = min(_SHORT, look.max_points - 2)
        wanted = [series for series in many if series.count <= most]
        if len(wanted) < _TOGETHER:
            return {}
        key = (look.axis, tuple((series.id, series.count, series.last_seq) for series in wanted))
        with self._lock:
            known = self._together.get(key)
        if known is None:
            stretches = self._store.metrics.short([series.id for series in wanted])
            drawn = ((one.id, _exact(one, stretches[one.id], look.axis)) for one in wanted if one.id in stretches)
            known = {series_id: curve for series_id, curve in drawn if curve is not None}
            if len(wanted) <= _MOST_TOGETHER:
                with self._lock:
                    self._together[key] = known
        return known

    def draw(self, series: Series, look: Look, *, start_us: int | None) -> Curve:
        """The curve of the points that `series` counts, or of more, if more have been written since.

        `start_us`: where a time axis begins; None: at the first point.
        """
        key = (series.id, series.count, series.last_seq, look, start_us)
        with self._lock:
            if (known := self._drawn.get(key)) is not None:
                return known
        curve = self._from_outline(series, look) or self._from_points(series, look, start_us)
        if curve.count == series.count and curve.size_bytes <= _DRAWN_BYTES:
            with self._lock:
                self._drawn[key] = curve
        return curve

    def _from_points(self, series: Series, look: Look, start_us: int | None) -> Curve:
        seq, epoch, value, time_us = self._points.read(series.id, last_seq=series.last_seq)
        if start_us is None:
            start_us = int(time_us[0]) if len(time_us) else 0
        x = places(look.axis, epoch, time_us, start_us=start_us)
        drawn = chart(
            x,
            value,
            max_points=look.max_points,
            window=look.window,
            as_means=look.as_means,
            smoothing=look.smoothing,
        )
        return Curve(drawn, len(seq), int(seq[-1]) if len(seq) else 0)

    def _from_outline(self, series: Series, look: Look) -> Curve | None:
        if series.count < _LEAST or look.smoothing > 0 or look.axis == "time" or self._points.has(series.id):
            return None
        outlined = self._outlined(series)
        whole = None if outlined is None else along(look.axis, outlined.groups)
        if outlined is None or whole is None:
            return None
        try:
            drawn = distant_chart(
                whole,
                lambda start, stop: outlined.read(self._store, look.axis, start, stop),
                max_points=look.max_points,
                window=look.window,
                as_means=look.as_means,
            )
        except Changed:
            with self._lock:
                self._outlines.pop(series.id, None)
            return None
        return None if drawn is None else Curve(drawn, series.count, series.last_seq)

    def _outlined(self, series: Series) -> _Outlined | None:
        with self._lock:
            known = self._outlines.get(series.id)
        if known is None or known.count != series.count:
            outline = self._store.metrics.outline(series.id)
            if outline is None or outline.count != series.count:
                return None
            known = _Outlined(series.id, outline)
            with self._lock:
                self._outlines[series.id] = known
        return known


def _exact(series: Series, stretch: Stretch, axis: Axis) -> Curve | None:
    """The curve of all points of a short series; None for points that have to be put into order, or are not all."""
    count = len(stretch.epoch)
    epochs, values = stretch.epoch.tolist(), stretch.value.tolist()
    if count != series.count or not (axis == "step" or all(map(le, epochs, [*epochs[1:], math.inf]))):
        return None
    gaps = 0 if math.isfinite(sum(values)) else sum(value != value for value in values)
    drawn = Chart(
        x=np.array(epochs) if axis == "epoch" else _STEPS[:count],
        y=np.array(values),
        rows=_ROWS[:count],
        low=None,
        high=None,
        smooth=None,
        in_window=count,
        shown=count,
        gaps=gaps,
        numbers=count - gaps,
        smooth_last=None,
    )
    return Curve(drawn, count, series.last_seq)


class Changed(Exception):
    """The blocks of a series are not those of its outline any more: they were packed meanwhile."""


class _Outlined:
    """The outline of a series, and the points behind it."""

    def __init__(self, series_id: int, outline: Outline) -> None:
        self.groups: Groups = groups(outline)
        self.count = outline.count
        self._series_id = series_id
        self._first = np.array([first for first, _ in outline.blocks], np.int64)
        self._before = np.array([points for _, points in outline.blocks] + [outline.count], np.int64)

    def read(self, store: Store, axis: Axis, start: int, stop: int) -> tuple[Floats, Floats]:
        """The places and values of points `start` to before `stop`. Raises Changed."""
        if start >= stop:
            return np.empty(0), np.empty(0)
        low = int(np.searchsorted(self._before, start, side="right")) - 1
        high = int(np.searchsorted(self._before, stop, side="left")) - 1
        stretch = store.metrics.stretch(self._series_id, int(self._first[low]), int(self._first[high]))
        offset = int(self._before[low])
        if len(stretch.epoch) != self._before[high + 1] - offset:
            raise Changed
        wanted = slice(start - offset, stop - offset)
        epoch = np.asarray(stretch.epoch, np.float64)[wanted]
        value = np.asarray(stretch.value, np.float64)[wanted]
        return (np.arange(start + 1, stop + 1, dtype=np.float64) if axis == "step" else epoch), value
