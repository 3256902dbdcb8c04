"""Progress bars of a task: the latest state of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

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
            return [
                ProgressBar(
                    row.subtask,
                    row.current,
                    row.total,
                    row.current_label,
                    row.total_label,
                    from_us(row.updated_us),
                    row.seq,
                )
                for row in connection.execute(found)
            ]
