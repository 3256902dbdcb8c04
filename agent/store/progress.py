"""Progress bars of a task: the latest state of each."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.store.among import portions
from agent.store.columns import from_us
from agent.store.connect import Database
from agent.store.schema import progress


@dataclass(frozen=True, slots=True)
class ProgressBar:
    subtask: str  # verbatim, trailing blanks included
    current: int
    total: int
    current_label: str | None
    total_label: str | None
    updated_at: datetime
    seq: int  # of the event that moved it last


class ProgressBars:
    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self, task_id: int) -> list[ProgressBar]:
        """In the order of first appearance."""
        found = sa.select(progress).where(progress.c.task_id == task_id).order_by(progress.c.first_seq)
        with self._db.reading() as connection:
            return [_bar(row) for row in connection.execute(found)]

    def newest(self, task_id: int, limit: int, *, after_seq: int = 0) -> builtins.list[ProgressBar]:
        """The bars that moved last, of those moved by an event behind `after_seq`, in the order of first appearance."""
        found = sa.select(progress).where(progress.c.task_id == task_id, progress.c.seq > after_seq)
        with self._db.reading() as connection:
            rows = connection.execute(found.order_by(progress.c.seq.desc()).limit(limit)).all()
        return [_bar(row) for row in sorted(rows, key=lambda row: row.first_seq)]

    def outermost(self, task_id: int) -> ProgressBar | None:
        """Of the bars that are not full the one that appeared first: bars within it come and go."""
        found = sa.select(progress).where(progress.c.task_id == task_id, progress.c.current < progress.c.total)
        with self._db.reading() as connection:
            row = connection.execute(found.order_by(progress.c.first_seq).limit(1)).first()
        return None if row is None else _bar(row)

    def newest_of_tasks(self, task_ids: Collection[int]) -> dict[int, ProgressBar]:
        """Task → the bar that moved last; a task without bars is left out."""
        place = sa.func.row_number().over(partition_by=progress.c.task_id, order_by=progress.c.seq.desc())
        found: dict[int, ProgressBar] = {}
        with self._db.reading() as connection:
            for some in portions(task_ids):
                ranked = sa.select(*progress.c, place.label("place")).where(progress.c.task_id.in_(some)).subquery()
                rows = connection.execute(sa.select(ranked).where(ranked.c.place == 1))
                found |= {row.task_id: _bar(row) for row in rows}
        return found

    def count(self, task_id: int) -> int:
        found = sa.select(sa.func.count()).select_from(progress).where(progress.c.task_id == task_id)
        with self._db.reading() as connection:
            return int(connection.execute(found).scalar_one())


def _bar(row: Any) -> ProgressBar:
    return ProgressBar(
        row.subtask, row.current, row.total, row.current_label, row.total_label, from_us(row.updated_us), row.seq
    )
