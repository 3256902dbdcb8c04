"""Numbers of tasks, checkpoints, events, models and projects: a few sums over indexes, for monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from agent.domain import FINAL, CheckpointState, TaskStatus
from agent.store.columns import from_us_or_none
from agent.store.connect import Database
from agent.store.schema import checkpoints, models, projects, tasks

_LIVE = [status.value for status in TaskStatus if status not in FINAL and status is not TaskStatus.QUEUED]


@dataclass(frozen=True, slots=True)
class Counts:
    tasks: Mapping[TaskStatus, int]  # every status, most of them 0
    checkpoints: Mapping[CheckpointState, int]
    events: int
    lines: int  # printed by plugins
    models: int
    projects: int
    held: Mapping[str, int]  # tasks under way, by the id of the agent that runs them
    oldest_queued: datetime | None  # the time of submission of the task that waits longest


def counts(database: Database) -> Counts:
    """Counted anew, in one transaction."""
    with database.reading() as connection:
        by_status = _count_by(connection, tasks.c.status)
        by_state = _count_by(connection, checkpoints.c.state)
        events, lines = connection.execute(sa.select(_sum(tasks.c.events_count), _sum(tasks.c.lines_read))).one()
        totals = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (models, projects)
        ]
        running = (
            sa.select(tasks.c.agent_id, sa.func.count()).where(tasks.c.status.in_(_LIVE)).group_by(tasks.c.agent_id)
        )
        held = {agent_id: count for agent_id, count in connection.execute(running) if agent_id is not None}
        waiting = sa.select(sa.func.min(tasks.c.created_us)).where(tasks.c.status == TaskStatus.QUEUED.value)
        oldest_us = connection.execute(waiting).scalar()
    return Counts(
        tasks={status: by_status.get(status.value, 0) for status in TaskStatus},
        checkpoints={state: by_state.get(state.value, 0) for state in CheckpointState},
        events=int(events),
        lines=int(lines),
        models=totals[0],
        projects=totals[1],
        held=held,
        oldest_queued=from_us_or_none(oldest_us),
    )


def _sum(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(column), 0)


def _count_by(connection: sa.Connection, column: sa.ColumnElement[str]) -> dict[str, int]:
    rows = connection.execute(sa.select(column, sa.func.count()).group_by(column))
    return {value: count for value, count in rows}  # noqa: C416  rows are not pairs to the type checker
