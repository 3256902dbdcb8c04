"""How much of everything there is: a few sums over indexes, for monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from agent.domain import CheckpointState, TaskStatus
from agent.store.connect import Database
from agent.store.schema import checkpoints, models, projects, tasks


@dataclass(frozen=True, slots=True)
class Tally:
    tasks: Mapping[TaskStatus, int]  # every status, most of them 0
    checkpoints: Mapping[CheckpointState, int]
    events: int
    lines: int  # printed by plugins
    models: int
    projects: int


def tally(database: Database) -> Tally:
    """Counted anew, in one transaction."""
    with database.reading() as connection:
        by_status = _counts(connection, tasks.c.status)
        by_state = _counts(connection, checkpoints.c.state)
        events, lines = connection.execute(sa.select(_sum(tasks.c.events_count), _sum(tasks.c.lines_read))).one()
        counts = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (models, projects)
        ]
    return Tally(
        tasks={status: by_status.get(status.value, 0) for status in TaskStatus},
        checkpoints={state: by_state.get(state.value, 0) for state in CheckpointState},
        events=int(events),
        lines=int(lines),
        models=counts[0],
        projects=counts[1],
    )


def _sum(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(column), 0)


def _counts(connection: sa.Connection, column: sa.ColumnElement[str]) -> dict[str, int]:
    rows = connection.execute(sa.select(column, sa.func.count()).group_by(column))
    return {value: count for value, count in rows}  # noqa: C416  rows are not pairs to the type checker
