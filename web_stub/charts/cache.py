"""Points of series, kept as arrays between requests.

Points are only ever added, so a request reads the rows written since the last request and nothing else. When the
memory bound is met, the least recently used series go first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from cachetools import LRUCache

from web_stub.charts.statistics import Floats, Ints

if TYPE_CHECKING:
    from agent.store import Store

_BYTES_PER_POINT = 32  # four columns of eight bytes


class SeriesPoints:
    """A series in the order printed: sequence number, epoch, value (NaN: not a number), time in µs."""

    __slots__ = ("_columns", "count", "lock")

    def __init__(self) -> None:
        self._columns = (np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.int64))
        self.count = 0
        self.lock = threading.Lock()

    @property
    def seq(self) -> Ints:
        return self._columns[0][: self.count]

    @property
    def epoch(self) -> Floats:
        return self._columns[1][: self.count]

    @property
    def value(self) -> Floats:
        return self._columns[2][: self.count]

    @property
    def time_us(self) -> Ints:
        return self._columns[3][: self.count]

    @property
    def last_seq(self) -> int:
        return int(self._columns[0][self.count - 1]) if self.count else 0

    @property
    def capacity_bytes(self) -> int:
        return len(self._columns[0]) * _BYTES_PER_POINT

    def extend(self, store: Store, series_id: int) -> None:
        """Read the new points. Arrays that were handed out before stay as they are."""
        if self.count == 0:
            whole = store.metrics.points_arrays(series_id)
            self._columns = (
                np.asarray(whole.seq, np.int64),
                np.asarray(whole.epoch, np.float64),
                np.asarray(whole.value, np.float64),
                np.asarray(whole.time_us, np.int64),
            )
            self.count = len(whole.seq)
            return
        new = store.metrics.points(series_id, after_seq=self.last_seq)
        if new.seq:
            self._append(
                np.array(new.seq, np.int64),
                np.array(new.epoch, np.float64),  # None becomes NaN
                np.array(new.value, np.float64),
                np.array(new.time_us, np.int64),
            )

    def _append(self, *new: Ints | Floats) -> None:
        need = self.count + len(new[0])
        if need > len(self._columns[0]):
            room = max(need, 2 * self.count, 1024)
            grown = tuple(np.empty(room, column.dtype) for column in self._columns)
            for old, fresh in zip(self._columns, grown, strict=True):
                fresh[: self.count] = old[: self.count]
            self._columns = grown  # type: ignore[assignment]
        for column, values in zip(self._columns, new, strict=True):
            column[self.count : need] = values
        self.count = need


class PointsCache:
    """Series by id, bounded by memory. Safe to use from several threads."""

    def __init__(self, store: Store, *, limit_bytes: int = 512 << 20) -> None:
        self._store = store
        # A single series beyond the limit is kept alone.
        self._series: LRUCache[int, SeriesPoints] = LRUCache(
            limit_bytes, getsizeof=lambda series: min(series.capacity_bytes, limit_bytes)
        )
        self._lock = threading.Lock()

    def has(self, series_id: int) -> bool:
        """Whether points of the series are kept already."""
        with self._lock:
            return series_id in self._series

    def read(self, series_id: int, *, last_seq: int | None = None) -> tuple[Ints, Floats, Floats, Ints]:
        """Everything committed so far: (seq, epoch, value, time_us), equally long, read-only by convention.

        With `last_seq` at least up to that event: a series that has it is not read again.
        """
        with self._lock:
            kept = self._series.setdefault(series_id, SeriesPoints())
        with kept.lock:
            if last_seq is None or kept.last_seq < last_seq:
                kept.extend(self._store, series_id)
            columns = kept.seq, kept.epoch, kept.value, kept.time_us
        with self._lock:
            self._series[series_id] = kept  # once more, now with its new size
        return columns
