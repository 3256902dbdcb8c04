"""Chart series and their points."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from agent.store.among import portions
from agent.store.columns import key as stored_name
from agent.store.connect import Database
from agent.store.failures import damaged
from agent.store.outlines import Outline, Stretch, read_outline, read_stretch
from agent.store.packed_numbers import POINTS
from agent.store.point_packing import pack_ended, pack_portion
from agent.store.points import floats, ints, with_none
from agent.store.schema import point_blocks, series

_NEWEST_BLOCKS = 8
_PORTIONS = 16  # packed at the end of a task
_BLOCKS_AT_ONCE = 16  # a reader that wants a few points must not fetch millions


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
    min_value: float | None  # of all its numbers; each with the epoch of the first point that has it
    min_epoch: float | None
    max_value: float | None
    max_epoch: float | None


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

    def series(self, task_id: int, *, after_seq: int = 0, limit: int | None = None) -> list[Series]:
        """The series of a task that have a point behind an event, in the order of first appearance."""
        columns = [series.c[name] for name in Series.__dataclass_fields__]
        found = sa.select(*columns).where(series.c.task_id == task_id, series.c.last_seq > after_seq)
        with self._db.reading() as connection:
            rows = connection.execute(found.order_by(series.c.id).limit(limit))
            return [Series(*row) for row in rows]

    def first_of_tasks(self, task_ids: Collection[int], limit: int) -> dict[int, tuple[list[Series], int]]:
        """Task → its first `limit` series, and the number of all of them; a task without series is left out."""
        columns = [series.c[name] for name in Series.__dataclass_fields__]
        place = sa.func.row_number().over(partition_by=series.c.task_id, order_by=series.c.id).label("place")
        count = sa.func.count().over(partition_by=series.c.task_id).label("of_task")
        found: dict[int, tuple[list[Series], int]] = {}
        with self._db.reading() as connection:
            for some in portions(task_ids):
                ranked = sa.select(*columns, place, count).where(series.c.task_id.in_(some)).subquery()
                first = sa.select(ranked).where(ranked.c.place <= limit).order_by(ranked.c.task_id, ranked.c.place)
                for *values, _, of_task in connection.execute(first):
                    one = Series(*values)
                    found.setdefault(one.task_id, ([], of_task))[0].append(one)
        return found

    def of_tasks(self, task_ids: Collection[int], name: str, kinds: Collection[str] = ()) -> list[Series]:
        """The series of one name of these tasks, by task, in the order of first appearance; of all kinds by default."""
        columns = [series.c[column] for column in Series.__dataclass_fields__]
        found: list[Series] = []
        with self._db.reading() as connection:
            for some in portions(task_ids):
                wanted = sa.select(*columns).where(series.c.task_id.in_(some), series.c.name == stored_name(name))
                if kinds:
                    wanted = wanted.where(series.c.kind.in_([stored_name(kind) for kind in kinds]))
                found += [Series(*row) for row in connection.execute(wanted.order_by(series.c.task_id, series.c.id))]
        return found

    def names_of_tasks(self, task_ids: Collection[int]) -> dict[tuple[str, str], int]:
        """(kind, name) → how many of these tasks have such a series, in the order of first appearance."""
        first: dict[tuple[str, str], int] = {}
        count: dict[tuple[str, str], int] = {}
        found = sa.select(series.c.kind, series.c.name, sa.func.min(series.c.id), sa.func.count())
        with self._db.reading() as connection:
            for some in portions(task_ids):
                grouped = found.where(series.c.task_id.in_(some)).group_by(series.c.kind, series.c.name)
                for kind, name, id_, tasks in connection.execute(grouped):
                    first[kind, name] = min(id_, first.get((kind, name), id_))
                    count[kind, name] = count.get((kind, name), 0) + tasks
        return {pair: count[pair] for pair in sorted(count, key=first.__getitem__)}

    def newest_epochs(self, series_id: int) -> tuple[list[tuple[float, int]], float | None]:
        """The epochs of about the last thousand points, each with its time in microseconds, in the order printed;
        and the least epoch of the first points.
        """
        columns = point_blocks.c
        newest = sa.select(columns.epochs, columns.times_us).where(columns.series_id == series_id)
        first = sa.select(columns.epoch_min).where(columns.series_id == series_id)
        with self._db.reading() as connection:
            blocks = connection.execute(newest.order_by(columns.first_seq.desc()).limit(_NEWEST_BLOCKS)).all()[::-1]
            least: float | None = connection.execute(first.order_by(columns.first_seq).limit(1)).scalar()
        epochs, times = floats(row.epochs for row in blocks), ints(row.times_us for row in blocks)
        if len(epochs) != len(times):
            raise damaged(POINTS)
        return [(epoch, time_us) for epoch, time_us in zip(epochs, times, strict=True) if epoch == epoch], least

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
        columns = point_blocks.c
        found = _blocks(series_id).where(columns.last_seq > after_seq)
        if epoch_from is not None:
            found = found.where(columns.epoch_max >= epoch_from)
        if epoch_to is not None:
            found = found.where(columns.epoch_min <= epoch_to)
        low = -math.inf if epoch_from is None else epoch_from
        high = math.inf if epoch_to is None else epoch_to
        every_epoch = epoch_from is None and epoch_to is None
        seqs: list[int] = []
        epochs: list[float | None] = []
        values: list[float | None] = []
        times: list[int] = []
        with (
            self._db.reading() as connection,
            connection.execution_options(yield_per=_BLOCKS_AT_ONCE).execute(found) as blocks,
        ):
            for block in map(_arrays, blocks):
                wanted: Sequence[int] = range(bisect_right(block.seq, after_seq), len(block.seq))
                if not every_epoch:
                    wanted = [i for i in wanted if low <= block.epoch[i] <= high]
                seqs += [block.seq[i] for i in wanted]
                epochs += with_none(block.epoch[i] for i in wanted)
                values += with_none(block.value[i] for i in wanted)
                times += [block.time_us[i] for i in wanted]
                if limit is not None and len(seqs) >= limit:
                    break
        return Points(seqs[:limit], epochs[:limit], values[:limit], times[:limit])

    def points_between(self, task_id: int, after_seq: int, last_seq: int) -> dict[int, Points]:
        """The points of a task behind an event and up to another, by series; a series without any is left out."""
        blocks = point_blocks.c
        found = (
            sa.select(blocks.series_id, blocks.epochs, blocks.point_values, blocks.seqs, blocks.times_us)
            .join(series, series.c.id == blocks.series_id)
            .where(series.c.task_id == task_id, series.c.last_seq > after_seq)
            .where(blocks.last_seq > after_seq, blocks.first_seq <= last_seq)
            .order_by(blocks.series_id, blocks.first_seq)
        )
        points: dict[int, Points] = {}
        with (
            self._db.reading() as connection,
            connection.execution_options(yield_per=_BLOCKS_AT_ONCE).execute(found) as rows,
        ):
            for row in rows:
                block = _arrays(row)
                start, stop = bisect_right(block.seq, after_seq), bisect_right(block.seq, last_seq)
                if start < stop:
                    known = points.setdefault(row.series_id, Points([], [], [], []))
                    known.seq.extend(block.seq[start:stop])
                    known.epoch.extend(with_none(block.epoch[start:stop]))
                    known.value.extend(with_none(block.value[start:stop]))
                    known.time_us.extend(block.time_us[start:stop])
        return points

    def pack(self, task_id: int) -> None:
        """Pack the first points of a task that has ended; a million takes a second. The rest is left to others."""
        for _ in range(_PORTIONS):
            if not pack_portion(self._db, task_id):
                return

    def pack_ended(self, *, portions: int) -> bool:
        """Pack points of any ended tasks, 65,536 in a portion; whether there may be more."""
        return pack_ended(self._db, portions=portions)

    def short(self, series_ids: Collection[int]) -> dict[int, Stretch]:
        """Every point of many short series, in few questions. A series without points is left out."""
        columns = point_blocks.c
        found = sa.select(columns.series_id, columns.epochs, columns.point_values)
        found = found.order_by(columns.series_id, columns.first_seq)
        stretches: dict[int, Stretch] = {}
        with self._db.reading() as connection:
            for some in portions(series_ids):
                rows = connection.execute(found.where(columns.series_id.in_(some)))
                for series_id, blocks in groupby(rows, itemgetter(0)):
                    epochs, values = zip(*((block[1], block[2]) for block in blocks), strict=True)
                    stretches[series_id] = Stretch(floats(epochs), floats(values))
        return stretches

    def outline(self, series_id: int) -> Outline | None:
        """A long series of an ended task at a distance; None for any other."""
        return read_outline(self._db, series_id)

    def stretch(self, series_id: int, first: int, last: int) -> Stretch:
        """The points of the blocks that begin with these lines, which an outline names, and of those between."""
        return read_stretch(self._db, series_id, first, last)

    def points_arrays(self, series_id: int) -> PointArrays:
        """Every point of a series, for charts: a million points take milliseconds."""
        with self._db.reading() as connection:
            return _arrays(*connection.execute(_blocks(series_id)).all())


def _arrays(*blocks: Any) -> PointArrays:
    """Rows of blocks, joined. StorageFailed unless each point has all its numbers."""
    arrays = PointArrays(
        seq=ints(block.seqs for block in blocks),
        epoch=floats(block.epochs for block in blocks),
        value=floats(block.point_values for block in blocks),
        time_us=ints(block.times_us for block in blocks),
    )
    if not len(arrays.seq) == len(arrays.epoch) == len(arrays.value) == len(arrays.time_us):
        raise damaged(POINTS)
    return arrays


def _blocks(series_id: int) -> sa.Select[Any]:
    columns = point_blocks.c
    return (
        sa.select(columns.epochs, columns.point_values, columns.seqs, columns.times_us)
        .where(columns.series_id == series_id)
        .order_by(columns.first_seq)
    )
