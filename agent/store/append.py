"""The hot path: a batch of events becomes rows, points and tallies, in one transaction.

Gathering is pure and happens before the transaction; the writer remembers the series of the tasks it
writes, so a metric line costs no query.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from agent.errors import Conflict, NotFound
from agent.events.model import Event, Metrics, Progress
from agent.store.bulk import BulkInsert
from agent.store.columns import clean, clean_or_none, finite, int64, key, to_json
from agent.store.connect import Database
from agent.store.failures import taken_over
from agent.store.points import PointColumns, pack_floats, pack_ints
from agent.store.schema import events, point_blocks, progress, series, tasks

EVENT_COLUMNS = ("task_id", "seq", "time_us", "stream", "level", "event_type", "raw", "message", "fields")
_SMALL_BLOCK = 128  # points: a block below this grows, so that a slow training does not leave a row per point
_TASKS_REMEMBERED = 64
_COMMON_TYPES = frozenset({"METRICS", "PROGRESS"})


class EventRow(msgspec.Struct, frozen=True, gc=False):
    seq: int  # number of the event in its task, ascending
    event: Event


class Batch:
    """What a sequence of events adds to the tables, by table."""

    __slots__ = ("events", "last_metrics", "points", "progress")

    def __init__(self) -> None:
        self.events: list[Any] = []  # values of `EVENT_COLUMNS`, row after row
        self.points: dict[tuple[str, str], PointColumns] = {}  # by kind and name
        self.progress: dict[str, tuple[int, int, int, Progress]] = {}  # subtask → first seq, seq, time, body
        self.last_metrics: Metrics | None = None


def gather(task_id: int, rows: Sequence[EventRow]) -> Batch:
    """Pure. Rows for `EVENT_COLUMNS`; the raw line is kept once, what it says is parsed again when read."""
    batch = Batch()
    values, points, bars = batch.events, batch.points, batch.progress
    for row in rows:
        seq, event = row.seq, row.event
        raw, event_type, stream = event.raw, event.event_type, int(event.stream)
        if not raw.isascii() or "\0" in raw:
            raw = clean(raw)
        if event_type is not None and event_type not in _COMMON_TYPES:
            event_type = key(event_type)
        message = fields = None
        if not stream:
            message = clean(event.message)
            fields = to_json(event.fields) if event.fields else None
        values += (task_id, seq, event.time_us, stream, int(event.level), event_type, raw, message, fields)
        body = event.body
        if body is None:
            continue
        if type(body) is Metrics:
            batch.last_metrics = body
            kind, epoch, time_us = body.kind, body.epoch, event.time_us
            for name, value in body.values.items():
                columns = points.get((kind, name))
                if columns is None:
                    columns = points[kind, name] = PointColumns()
                columns.seqs.append(seq)
                columns.epochs.append(epoch)
                columns.values.append(value)
                columns.times_us.append(time_us)
        elif type(body) is Progress:
            first_seq = bars[body.subtask][0] if body.subtask in bars else seq
            bars[body.subtask] = (first_seq, seq, event.time_us, body)
    return batch


@dataclass(slots=True)
class _Series:
    """A series as its writer knows it. `tail` is its last block while that is small."""

    id: int
    tail: PointColumns | None = None


@dataclass(slots=True)
class _Known:
    """A task as its writer left it: valid while nobody else appended to the task."""

    events_count: int
    series: dict[tuple[str, str], _Series]


class Appender:
    """Writes batches. Thread-safe; remembers the series of the last tasks it wrote."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lock = threading.Lock()
        self._known: dict[int, _Known] = {}
        self._insert_events = BulkInsert(database, events, EVENT_COLUMNS)

    def append(self, task_id: int, rows: Sequence[EventRow], *, lines_read: int, agent_id: str | None = None) -> None:
        batch = gather(task_id, rows)
        with self._lock:
            known = self._known.pop(task_id, None)  # forgotten if the transaction fails
            with self._db.writing() as connection:
                events_count = _tally(connection, task_id, batch, len(rows), lines_read, agent_id)
                if known is None or known.events_count + len(rows) != events_count:
                    known = _Known(0, _series_of(connection, task_id))
                known.events_count = events_count
                try:
                    self._insert_events.run(connection, batch.events)
                except sa.exc.IntegrityError as error:
                    span = f"{rows[0].seq} and {rows[-1].seq}"
                    raise Conflict(f"Task {task_id} already has an event between {span}.") from error
                if batch.points:
                    self._add_points(connection, task_id, batch.points, known.series)
                if batch.progress:
                    self._add_progress(connection, task_id, batch.progress)
            self._known[task_id] = known
            if len(self._known) > _TASKS_REMEMBERED:
                del self._known[next(iter(self._known))]

    def _add_points(
        self,
        connection: sa.Connection,
        task_id: int,
        points: dict[tuple[str, str], PointColumns],
        known: dict[tuple[str, str], _Series],
    ) -> None:
        tallies, blocks = [], []
        for (kind, name), columns in points.items():
            entry = known.get((kind, name))
            if entry is None:
                entry = known[kind, name] = self._series(connection, task_id, key(kind), key(name))
            tallies.append(
                {
                    "series": entry.id,
                    "more": len(columns.seqs),
                    "last_seq": columns.seqs[-1],
                    "last_epoch": finite(columns.epochs[-1]),
                    "last_value": finite(columns.values[-1]),
                }
            )
            block = columns
            if entry.tail is not None:
                block = entry.tail
                block.extend(columns)
            blocks.append(_block(entry.id, block))
            entry.tail = block if len(block.seqs) < _SMALL_BLOCK else None
        connection.execute(_TALLY_SERIES, tallies)
        insert = self._db.insert(point_blocks)
        grown = {name: insert.excluded[name] for name in _BLOCK_GROWS}
        connection.execute(insert.on_conflict_do_update(index_elements=_BLOCK_KEY, set_=grown), blocks)

    def _series(self, connection: sa.Connection, task_id: int, kind: str, name: str) -> _Series:
        insert = self._db.insert(series).values(task_id=task_id, kind=kind, name=name, count=0, last_seq=0)
        # Two names that differ only in what cannot be stored are one series.
        same = insert.on_conflict_do_update(index_elements=["task_id", "kind", "name"], set_={"name": name})
        return _Series(connection.execute(same.returning(series.c.id)).scalar_one())

    def _add_progress(
        self, connection: sa.Connection, task_id: int, bars: dict[str, tuple[int, int, int, Progress]]
    ) -> None:
        insert = self._db.insert(progress)
        moved = {name: insert.excluded[name] for name in _PROGRESS_MOVES}
        rows = [
            {
                "task_id": task_id,
                "subtask": key(subtask),
                "first_seq": first_seq,
                "seq": seq,
                "current": int64(bar.current),
                "total": int64(bar.total),
                "current_label": clean_or_none(bar.current_label),
                "total_label": clean_or_none(bar.total_label),
                "updated_us": time_us,
            }
            for subtask, (first_seq, seq, time_us, bar) in bars.items()
        ]
        connection.execute(insert.on_conflict_do_update(index_elements=["task_id", "subtask"], set_=moved), rows)


_BLOCK_KEY = ("series_id", "first_seq")
_BLOCK_GROWS = ("last_seq", "count", "epoch_min", "epoch_max", "epochs", "point_values", "seqs", "times_us")
_PROGRESS_MOVES = ("seq", "current", "total", "current_label", "total_label", "updated_us")
_TALLY_SERIES = (
    sa.update(series)
    .where(series.c.id == sa.bindparam("series"))
    .values(
        count=series.c.count + sa.bindparam("more"),
        last_seq=sa.bindparam("last_seq"),
        last_epoch=sa.bindparam("last_epoch"),
        last_value=sa.bindparam("last_value"),
    )
)


def _tally(
    connection: sa.Connection, task_id: int, batch: Batch, more: int, lines_read: int, agent_id: str | None
) -> int:
    """Move the task's counters with the rows they count. The number of events it has then."""
    changed: dict[str, Any] = {
        "lines_read": lines_read,
        "events_count": tasks.c.events_count + more,
    }
    if batch.progress:
        bar = max(batch.progress.values(), key=lambda entry: entry[1])[3]
        changed |= {
            "progress_subtask": key(bar.subtask),
            "progress_current": int64(bar.current),
            "progress_total": int64(bar.total),
        }
    if batch.last_metrics is not None and batch.last_metrics.values:
        name, value = next(iter(batch.last_metrics.values.items()))
        changed |= {
            "metric_kind": key(batch.last_metrics.kind),
            "metric_name": key(name),
            "metric_epoch": finite(batch.last_metrics.epoch),
            "metric_value": finite(value),
        }
    task = sa.update(tasks).where(tasks.c.id == task_id).values(changed).returning(tasks.c.events_count)
    if agent_id is not None:
        task = task.where(tasks.c.agent_id == agent_id)
    events_count: int | None = connection.execute(task).scalar()
    if events_count is None:
        if agent_id is not None and connection.execute(sa.select(tasks.c.id).where(tasks.c.id == task_id)).first():
            raise taken_over(task_id)
        raise NotFound(f"There is no task {task_id}.")
    return events_count


def _series_of(connection: sa.Connection, task_id: int) -> dict[tuple[str, str], _Series]:
    rows = connection.execute(sa.select(series.c.kind, series.c.name, series.c.id).where(series.c.task_id == task_id))
    return {(row.kind, row.name): _Series(row.id) for row in rows}


def _block(series_id: int, columns: PointColumns) -> dict[str, Any]:
    epochs = [epoch for epoch in map(finite, columns.epochs) if epoch is not None]
    return {
        "series_id": series_id,
        "first_seq": columns.seqs[0],
        "last_seq": columns.seqs[-1],
        "count": len(columns.seqs),
        "epoch_min": min(epochs, default=None),
        "epoch_max": max(epochs, default=None),
        "epochs": pack_floats(columns.epochs),
        "point_values": pack_floats(columns.values),
        "seqs": pack_ints(columns.seqs),
        "times_us": pack_ints(columns.times_us),
    }
