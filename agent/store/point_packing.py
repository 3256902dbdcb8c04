"""The points of ended tasks are joined into large blocks of few bytes, a portion in each transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from agent.domain import FINAL
from agent.store.connect import Database
from agent.store.kept import is_not_given_up
from agent.store.point_summaries import summarize
from agent.store.points import pack_points
from agent.store.schema import POINTS_ARE_OPEN, point_blocks, point_summaries, series, tasks
from agent.store.task_rows import lock_task

_PORTION = 1 << 16  # points in a transaction, which takes a fraction of a second
_HEADS = 1000  # blocks in a transaction
_MOST_POINTS = 4096  # in a block
_FEW_POINTS = 16  # of a series: packed they take no fewer bytes
_COLUMNS = ("epochs", "point_values", "seqs", "times_us")
# A task that is given up is being deleted, in pieces that lock no row of it.
_ENDED = sa.and_(tasks.c.status.in_([status.value for status in FINAL]), is_not_given_up(tasks))


class _Packed(NamedTuple):
    """The points of a block before they were packed."""

    first_seq: int
    last_seq: int
    epochs: bytes
    values: bytes


_CLOSE = (
    sa.update(point_blocks)
    .where(point_blocks.c.series_id == sa.bindparam("of_series"), point_blocks.c.first_seq == sa.bindparam("at"))
    .values(is_open=False)
)


def pack_ended(database: Database, *, portions: int) -> bool:
    """Pack so many portions of points of any ended tasks; whether there may be more."""
    of_ended = (
        sa.select(series.c.task_id)
        .join(point_blocks, point_blocks.c.series_id == series.c.id)
        .join(tasks, tasks.c.id == series.c.task_id)
        .where(POINTS_ARE_OPEN, _ENDED)
        .limit(1)
    )
    for _ in range(portions):
        with database.reading() as connection:
            task_id = connection.execute(of_ended).scalar()
        if task_id is None:
            return False
        pack_portion(database, task_id)
    return True


def pack_portion(database: Database, task_id: int) -> bool:
    """Pack some points of a task if it has ended; whether there were any. No reader is woken: nothing is new."""
    with database.writing(durable=False, wakes=False) as connection:
        lock_task(connection, task_id)
        is_over = connection.execute(sa.select(tasks.c.id).where(tasks.c.id == task_id, _ENDED)).first() is not None
        heads = _open_heads(connection, task_id) if is_over else []
        small = []
        for series_id, group in groupby(heads, attrgetter("series_id")):
            of_series = list(group)
            if len(of_series) == 1 and of_series[0].points < _FEW_POINTS:  # of ten thousand series with a point each
                small.append({"of_series": series_id, "at": of_series[0].first_seq})
                continue
            packed = [_pack(connection, series_id, some) for some in _pieces(of_series)]
            _summarize(connection, series_id, packed)
        if small:
            connection.execute(_CLOSE, small)
    return bool(heads)


def _open_heads(connection: sa.Connection, task_id: int) -> list[Any]:
    """Open blocks in their order, as many as a transaction packs."""
    columns = point_blocks.c
    found = (
        sa.select(columns.series_id, columns.first_seq, columns.count.label("points"))
        .join(series, series.c.id == columns.series_id)
        .where(series.c.task_id == task_id, POINTS_ARE_OPEN)
        .order_by(columns.series_id, columns.first_seq)
        .limit(_HEADS)
    )
    heads: list[Any] = []
    points = 0
    for head in connection.execute(found):
        heads.append(head)
        points += head.points
        if points >= _PORTION:
            break
    return heads


def _pieces(heads: Sequence[sa.Row[Any]]) -> Iterator[list[sa.Row[Any]]]:
    """Blocks of a series that become one."""
    piece: list[sa.Row[Any]] = []
    points = 0
    for head in heads:
        if piece and points + head.points > _MOST_POINTS:
            yield piece
            piece, points = [], 0
        piece.append(head)
        points += head.points
    yield piece


def _pack(connection: sa.Connection, series_id: int, heads: Sequence[sa.Row[Any]]) -> _Packed:
    columns = point_blocks.c
    between = columns.first_seq.between(heads[0].first_seq, heads[-1].first_seq)
    its = (columns.series_id == series_id, between, POINTS_ARE_OPEN)
    rows = connection.execute(sa.select(point_blocks).where(*its).order_by(columns.first_seq)).all()
    joined = [b"".join(getattr(row, name) for row in rows) for name in _COLUMNS]
    packed = {
        "series_id": series_id,
        "first_seq": rows[0].first_seq,
        "last_seq": rows[-1].last_seq,
        "count": sum(len(row.epochs) // 8 for row in rows),
        "epoch_min": min((row.epoch_min for row in rows if row.epoch_min is not None), default=None),
        "epoch_max": max((row.epoch_max for row in rows if row.epoch_max is not None), default=None),
        "is_open": False,
        **dict(zip(_COLUMNS, pack_points(joined), strict=True)),
    }
    connection.execute(sa.delete(point_blocks).where(*its))
    connection.execute(sa.insert(point_blocks), packed)
    return _Packed(rows[0].first_seq, rows[-1].last_seq, *joined[:2])


def _summarize(connection: sa.Connection, series_id: int, packed: Sequence[_Packed]) -> None:
    epochs, values = (b"".join(getattr(one, name) for one in packed) for name in ("epochs", "values"))
    data = summarize(epochs, values)
    if data is None:
        return
    summary = {
        "series_id": series_id,
        "first_seq": packed[0].first_seq,
        "last_seq": packed[-1].last_seq,
        "count": len(epochs) // 8,
        "data": data,
    }
    connection.execute(sa.insert(point_summaries), summary)
