"""The hot path: a batch of events becomes rows, points and counts, in one transaction.

Gathering (`gathering.py`) is pure and happens before the transaction; the writer remembers the series of the tasks it
writes, so a metric line costs no query.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from cachetools import LRUCache

from agent.domain import TaskStatus
from agent.errors import NotFound, StoreAway
from agent.events.log_lines import LogLines
from agent.events.model import Level
from agent.events.reading import Bar
from agent.store.columns import clean_or_none, finite, int64, key, now_us
from agent.store.connect import Database
from agent.store.failures import taken_over
from agent.store.gathering import Batch, EventRow, NumberedEvents, gather
from agent.store.line_tail import Tail, add_lines, last_seq_of, read_tail
from agent.store.near_misses import counting, rows_of
from agent.store.points import Extremes, PointColumns, bounds, extremes, pack_floats, pack_ints
from agent.store.schema import point_blocks, progress, series, tasks
from agent.store.task_rows import lock_task

_SMALL_BLOCK = 128  # points: a block below this grows, so that a slow training does not leave a row per point
_TASKS_REMEMBERED = 256


@dataclass(slots=True)
class _Series:
    """A series as its writer knows it. `tail` is its last block while that is small."""

    id: int
    tail: PointColumns | None = None


@dataclass(slots=True)
class _Known:
    """A task after its last append: valid as long as no other writer appends to the task."""

    events_count: int
    attempt: int
    series: dict[tuple[str, str], _Series]
    tail: Tail


class Appender:
    """Writes batches. Thread-safe: of one task one after another; remembers the series of the last tasks it wrote."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lock = threading.Lock()
        self._known: LRUCache[int, _Known] = LRUCache(_TASKS_REMEMBERED)
        self._uncertain: set[int] = set()  # tasks whose last batch may have been committed, its answer lost
        new_series = _upsert(database, series, ("task_id", "kind", "name"), ("name",))
        self._insert_series = new_series.returning(series.c.kind, series.c.name, series.c.id)
        self._grow_blocks = _upsert(database, point_blocks, _BLOCK_KEY, _BLOCK_GROWS)
        self._count_near_misses = counting(database)
        self._move_bars = _upsert(database, progress, _PROGRESS_KEY, _PROGRESS_MOVES)

    def append(self, task_id: int, rows: NumberedEvents, *, lines_read: int, agent_id: str | None = None) -> None:
        batch = gather(rows)
        with self._certainty(task_id):
            with self._lock:
                known = self._known.pop(task_id, None)  # forgotten if the transaction fails
            with self._db.writing(durable=False) as connection:
                if task_id in self._uncertain:
                    lock_task(connection, task_id)  # waits for a transaction that is still being committed
                    last_seq = last_seq_of(connection, task_id)
                    rows = rows.beyond(last_seq)
                    batch = gather(rows)
                counted = _move_counters(connection, task_id, batch, len(rows), lines_read, agent_id)
                events_count, attempt, has_ended = counted
                # When a task has ended its blocks are packed, at any time; another attempt may come after that.
                if has_ended or known is None or (known.events_count + len(rows), known.attempt) != counted[:2]:
                    known = self._known_of(connection, task_id, attempt)
                known.events_count = events_count
                add_lines(connection, task_id, known.tail, batch.lines)
                if batch.points:
                    self._add_points(connection, task_id, batch.points, known.series)
                if batch.progress:
                    self._add_progress(connection, task_id, batch.progress)
                if batch.near_misses:
                    connection.execute(self._count_near_misses, rows_of(task_id, batch.near_misses))
        if not has_ended:
            with self._lock:
                self._known[task_id] = known

    @contextmanager
    def _certainty(self, task_id: int) -> Iterator[None]:
        """A connection that is cut during COMMIT does not say whether the server committed: the next batch asks."""
        try:
            yield
        except StoreAway:
            self._uncertain.add(task_id)
            raise
        self._uncertain.discard(task_id)

    def _known_of(self, connection: sa.Connection, task_id: int, attempt: int) -> _Known:
        found = sa.select(series.c.kind, series.c.name, series.c.id).where(series.c.task_id == task_id)
        return _Known(
            0,
            attempt,
            {(row.kind, row.name): _Series(row.id) for row in connection.execute(found)},
            read_tail(connection, task_id),
        )

    def _add_points(
        self,
        connection: sa.Connection,
        task_id: int,
        points: dict[tuple[str, str], PointColumns],
        known: dict[tuple[str, str], _Series],
    ) -> None:
        series_moves, blocks = [], []
        packed: _Packed = {}
        if new := [one for one in points if one not in known]:
            known |= self._add_series(connection, task_id, new)
        for one, columns in points.items():
            entry = known[one]
            found = extremes(columns.epochs, columns.values)
            series_moves.append(
                {
                    "series": entry.id,
                    "more": len(columns.seqs),
                    "last_seq": columns.seqs[-1],
                    "last_epoch": finite(columns.epochs[-1]),
                    "last_value": finite(columns.values[-1]),
                    **{f"new_{name}": value for name, value in zip(Extremes._fields, found, strict=True)},
                }
            )
            block = columns
            if entry.tail is not None:
                block = entry.tail.joined(columns)
            blocks.append(_block(entry.id, block, packed))
            entry.tail = block if len(block.seqs) < _SMALL_BLOCK else None
        connection.execute(_MOVE_SERIES, series_moves)
        connection.execute(self._grow_blocks, blocks)

    def _add_series(
        self, connection: sa.Connection, task_id: int, new: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], _Series]:
        """Add series in the order given, in one statement however many names a line brings."""
        # Two names that differ only in characters that cannot be stored are one series.
        stored = {(kind, name): (key(kind), key(name)) for kind, name in new}
        rows = [
            {"task_id": task_id, "kind": kind, "name": name, "count": 0, "last_seq": 0}
            for kind, name in dict.fromkeys(stored.values())
        ]
        found = connection.execute(self._insert_series, rows)  # SQLAlchemy sends a thousand rows at once
        made = {(row.kind, row.name): _Series(row.id) for row in found}
        return {one: made[spelling] for one, spelling in stored.items()}

    def _add_progress(
        self, connection: sa.Connection, task_id: int, bars: dict[str, tuple[int, int, int, Bar]]
    ) -> None:
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
        connection.execute(self._move_bars, rows)


def add_note(
    connection: sa.Connection,
    task_id: int,
    *,
    message: str,
    event_type: str | None,
    fields: Mapping[str, Any],
    level: Level = Level.INFO,
    opens_log: bool = False,
) -> None:
    """Note something about a task that no agent has, if it has a log, or with `opens_log` in any case."""
    tail = read_tail(connection, task_id)
    if not tail.last_seq and not opens_log:
        return
    note = LogLines(task_id).note(message, level, event_type, fields, now_us())
    add_lines(connection, task_id, tail, gather(NumberedEvents.of([EventRow(tail.last_seq + 1, note)])).lines)
    counted = sa.update(tasks).where(tasks.c.id == task_id).values(events_count=tasks.c.events_count + 1)
    connection.execute(counted)


_BLOCK_KEY = ("series_id", "first_seq")
_BLOCK_GROWS = ("last_seq", "count", "epoch_min", "epoch_max", "epochs", "point_values", "seqs", "times_us")
_PROGRESS_KEY = ("task_id", "subtask")
_PROGRESS_MOVES = ("seq", "current", "total", "current_label", "total_label", "updated_us")


def _extreme(column: str, value: str, is_beyond: str) -> Any:
    """A column of an extreme as it becomes: the new one where its value lies beyond the old one, else the old one."""
    old, new = series.c[value], sa.bindparam(f"new_{value}", type_=series.c[value].type)
    moves = sa.or_(old.is_(None), old.op(is_beyond, is_comparison=True)(new))
    return sa.case((moves, sa.bindparam(f"new_{column}", type_=series.c[column].type)), else_=series.c[column])


_MOVE_SERIES = (
    sa.update(series)
    .where(series.c.id == sa.bindparam("series"))
    .values(
        count=series.c.count + sa.bindparam("more"),
        last_seq=sa.bindparam("last_seq"),
        last_epoch=sa.bindparam("last_epoch"),
        last_value=sa.bindparam("last_value"),
        min_value=_extreme("min_value", "min_value", ">"),
        min_epoch=_extreme("min_epoch", "min_value", ">"),
        max_value=_extreme("max_value", "max_value", "<"),
        max_epoch=_extreme("max_epoch", "max_value", "<"),
    )
)


def _upsert(database: Database, table: sa.Table, index: Sequence[str], moves: Sequence[str]) -> Any:
    """INSERT, or update some columns of the row with this index. Made once: making it takes as long as running it."""
    insert = database.insert(table)
    return insert.on_conflict_do_update(index_elements=index, set_={name: insert.excluded[name] for name in moves})


@cache
def _counting(*, has_bar: bool, has_metrics: bool, of_agent: bool) -> sa.Executable:
    """UPDATE of a task's counters. Made once of each kind: making it takes a third of a small commit's time."""
    moves: dict[str, Any] = {
        "lines_read": sa.bindparam("now_read"),
        "events_count": tasks.c.events_count + sa.bindparam("more"),
    }
    if has_bar:
        moves |= {name: _new(name) for name in _COUNTED_BAR}
    if has_metrics:
        moves |= {name: _new(name) for name in _COUNTED_METRIC}
    task = sa.update(tasks).where(tasks.c.id == sa.bindparam("task")).values(moves)
    if of_agent:
        task = task.where(tasks.c.agent_id == sa.bindparam("agent"))
    return task.returning(tasks.c.events_count, tasks.c.attempt, tasks.c.status)


def _new(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(f"new_{name}", type_=tasks.c[name].type)


_COUNTED_BAR = ("progress_subtask", "progress_current", "progress_total")
_COUNTED_METRIC = ("metric_kind", "metric_name", "metric_epoch", "metric_value")


def _move_counters(
    connection: sa.Connection, task_id: int, batch: Batch, more: int, lines_read: int, agent_id: str | None
) -> tuple[int, int, bool]:
    """Move the task's counters with the rows they count. How many events it has then, its attempt, if it has ended."""
    moved: list[Any] = []
    has_bar, has_metrics = bool(batch.progress), batch.last_metrics is not None and bool(batch.last_metrics.values)
    if has_bar:
        bar = max(batch.progress.values(), key=lambda entry: entry[1])[3]
        moved += zip(_COUNTED_BAR, (key(bar.subtask), int64(bar.current), int64(bar.total)), strict=True)
    if has_metrics:
        assert batch.last_metrics is not None
        kind, epoch = key(batch.last_metrics.kind), finite(batch.last_metrics.epoch)
        name, value = next(iter(batch.last_metrics.values.items()))
        moved += zip(_COUNTED_METRIC, (kind, key(name), epoch, finite(value)), strict=True)
    values = {"task": task_id, "now_read": lines_read, "more": more, **{f"new_{name}": value for name, value in moved}}
    of_agent = agent_id is not None
    if of_agent:
        values["agent"] = agent_id
    found = connection.execute(_counting(has_bar=has_bar, has_metrics=has_metrics, of_agent=of_agent), values).first()
    if found is None:
        if of_agent and connection.execute(sa.select(tasks.c.id).where(tasks.c.id == task_id)).first():
            raise taken_over(task_id)
        raise NotFound(f"There is no task {task_id}.")
    return found.events_count, found.attempt, TaskStatus(found.status).is_final


# Columns that are packed already, by their identity, each kept so that it stays its own: series of a line share three.
_Packed = dict[int, tuple[list[Any], bytes]]


def _block(series_id: int, columns: PointColumns, packed: _Packed) -> dict[str, Any]:
    def once(column: list[Any], pack: Callable[[list[Any]], bytes]) -> bytes:
        if id(column) not in packed:
            packed[id(column)] = column, pack(column)
        return packed[id(column)][1]

    epochs = once(columns.epochs, pack_floats)
    epoch_min, epoch_max = bounds(epochs)
    return {
        "series_id": series_id,
        "first_seq": columns.seqs[0],
        "last_seq": columns.seqs[-1],
        "count": len(columns.seqs),
        "epoch_min": epoch_min,
        "epoch_max": epoch_max,
        "epochs": epochs,
        "point_values": pack_floats(columns.values),
        "seqs": once(columns.seqs, pack_ints),
        "times_us": once(columns.times_us, pack_ints),
    }
