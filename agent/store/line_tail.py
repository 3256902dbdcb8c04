"""Writing lines: the newest blocks of a log are small, one for each commit, until they are joined into a whole one.

Whatever is committed can be read at once, and joining changes no line: it happens in the transaction of the lines that
fill a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.errors import Conflict, StorageFailed
from agent.store.line_blocks import LineColumns, cut, head, is_ascending, is_whole, pack, unpack
from agent.store.schema import LINES_ARE_OPEN, line_blocks


@dataclass(slots=True)
class Tail:
    """The end of a log as its writer knows it: how much lies in open blocks only says when to join them."""

    last_seq: int = 0
    lines: int = 0
    size: int = 0  # bytes


def read_tail(connection: sa.Connection, task_id: int) -> Tail:
    """Read within the transaction that will write."""
    heads = line_blocks.c
    lines, size = sa.func.sum(heads.lines), sa.func.sum(sa.func.length(heads.data))
    found = connection.execute(sa.select(lines, size).where(*_open(task_id))).one()
    return Tail(last_seq_of(connection, task_id), *(int(number or 0) for number in found))


def last_seq_of(connection: sa.Connection, task_id: int) -> int:
    """The number of the task's last event; 0 without any."""
    found = sa.select(line_blocks.c.last_seq).where(line_blocks.c.task_id == task_id)
    last: int | None = connection.execute(found.order_by(line_blocks.c.first_seq.desc()).limit(1)).scalar()
    return last or 0


def add_lines(connection: sa.Connection, task_id: int, tail: Tail, columns: LineColumns) -> None:
    """Append events to the log. Changes `tail`, which holds only if the transaction is committed.

    Conflict unless their numbers ascend, from beyond the last one.
    """
    if not is_ascending(columns, tail.last_seq):
        raise Conflict(f"Task {task_id} already has an event between {columns.seqs[0]} and {columns.seqs[-1]}.")
    if not columns:
        return
    tail.last_seq = columns.seqs[-1]
    is_full = is_whole(columns, lines=tail.lines, size=tail.size)
    if is_full and tail.lines:
        columns = _taken(connection, task_id, columns)
    rows = [_row(task_id, piece, is_open=not is_full) for piece in cut(columns)]
    if is_full:
        tail.lines = tail.size = 0
    else:
        tail.lines += len(columns)
        tail.size += len(rows[0]["data"])
    connection.execute(sa.insert(line_blocks), rows)


def seal(connection: sa.Connection, task_id: int) -> None:
    """Join the open blocks of a task to which nothing is added for now. The task's row is locked, or being changed."""
    if columns := _taken(connection, task_id, LineColumns()):
        rows = [_row(task_id, piece, is_open=False) for piece in cut(columns)]
        connection.execute(sa.insert(line_blocks), rows)


def _taken(connection: sa.Connection, task_id: int, later: LineColumns) -> LineColumns:
    """The events of the open blocks, which are deleted, and later ones.

    Damage is told to those who read. It keeps no task from going on or from ending: such blocks stay as they are.
    """
    found = sa.select(line_blocks.c.data).where(*_open(task_id)).order_by(line_blocks.c.first_seq)
    joined = LineColumns()
    try:
        for data in connection.execute(found).scalars().all():
            joined.extend(unpack(data))
    except StorageFailed:
        connection.execute(sa.update(line_blocks).where(*_open(task_id)).values(is_open=False))
        return later
    connection.execute(sa.delete(line_blocks).where(*_open(task_id)))
    joined.extend(later)
    return joined


def _row(task_id: int, columns: LineColumns, *, is_open: bool) -> dict[str, Any]:
    data = pack(columns, compress=not is_open)
    return {"task_id": task_id, **head(columns)._asdict(), "is_open": is_open, "data": data}


def _open(task_id: int) -> tuple[Any, ...]:
    return (line_blocks.c.task_id == task_id, LINES_ARE_OPEN)
