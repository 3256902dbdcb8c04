"""Chart series and their points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.errors import NotFound
from agent.store.connect import Database
from agent.store.points import floats, ints, with_none
from agent.store.schema import point_blocks, series


@dataclass(frozen=True, slots=True)
class Series:
    id: int
    task_id: int
    kind: str  # "train" or "val"
    name: str
    count: int
    last_epoch: float | None
    last_value: float | None
    last_seq: int


@dataclass(frozen=True, slots=True)
class Points:
    """Columns of one length, in the order printed. `seq` is the number of the event that carried the point."""

    seq: list[int]
    epoch: list[float | None]
    value: list[float | None]
    time_us: list[int]


@dataclass(frozen=True, slots=True)
class PointArrays:
    """The same columns as memory of 8-byte numbers, which `numpy.asarray` takes without a copy; NaN for no number."""

    seq: memoryview[int]
    epoch: memoryview[float]
    value: memoryview[float]
    time_us: memoryview[int]


class MetricSeries:
    def __init__(self, database: Database) -> None:
        self._db = database

    def series(self, task_id: int) -> list[Series]:
        """Every series of a task, in the order of first appearance."""
        columns = [series.c[name] for name in Series.__dataclass_fields__]
        with self._db.reading() as connection:
            rows = connection.execute(sa.select(*columns).where(series.c.task_id == task_id).order_by(series.c.id))
            return [Series(*row) for row in rows]

    def get_series(self, series_id: int) -> Series:
        columns = [series.c[name] for name in Series.__dataclass_fields__]
        with self._db.reading() as connection:
            row = connection.execute(sa.select(*columns).where(series.c.id == series_id)).first()
        if row is None:
            raise NotFound(f"There is no series {series_id}.")
        return Series(*row)

    def points(
        self,
        series_id: int,
        *,
        after_seq: int = 0,
        epoch_from: float | None = None,
        epoch_to: float | None = None,
        limit: int | None = None,
    ) -> Points:
        """Points after an event, within a span of epochs (both ends included), at most `limit` of them.

        Points without an epoch are outside every span. An unknown series has no points.
        """
        blocks = self._blocks(series_id, after_seq, epoch_from, epoch_to)
        seqs, epochs = ints(row.seqs for row in blocks), floats(row.epochs for row in blocks)
        values, times = floats(row.point_values for row in blocks), ints(row.times_us for row in blocks)
        low = -_INFINITY if epoch_from is None else epoch_from
        high = _INFINITY if epoch_to is None else epoch_to
        if epoch_from is None and epoch_to is None:
            wanted: Sequence[int] = [i for i, seq in enumerate(seqs) if seq > after_seq]
        else:
            wanted = [i for i, seq in enumerate(seqs) if seq > after_seq and low <= epochs[i] <= high]
        if limit is not None:
            wanted = wanted[:limit]
        return Points(
            seq=[seqs[i] for i in wanted],
            epoch=with_none(epochs[i] for i in wanted),
            value=with_none(values[i] for i in wanted),
            time_us=[times[i] for i in wanted],
        )

    def points_arrays(self, series_id: int) -> PointArrays:
        """Every point of a series, for charts: a million points take milliseconds."""
        blocks = self._blocks(series_id, 0, None, None)
        return PointArrays(
            seq=ints(row.seqs for row in blocks),
            epoch=floats(row.epochs for row in blocks),
            value=floats(row.point_values for row in blocks),
            time_us=ints(row.times_us for row in blocks),
        )

    def _blocks(
        self, series_id: int, after_seq: int, epoch_from: float | None, epoch_to: float | None
    ) -> Sequence[Any]:
        columns = point_blocks.c
        found = sa.select(columns.epochs, columns.point_values, columns.seqs, columns.times_us).where(
            columns.series_id == series_id, columns.last_seq > after_seq
        )
        if epoch_from is not None:
            found = found.where(columns.epoch_max >= epoch_from)
        if epoch_to is not None:
            found = found.where(columns.epoch_min <= epoch_to)
        with self._db.reading() as connection:
            return connection.execute(found.order_by(columns.first_seq)).all()


_INFINITY = float("inf")
