"""The story of a task, deleted in pieces: its log, series with points, bars, near misses, checkpoints and images."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.connect import Database
from agent.store.schema import (
    attempts,
    checkpoints,
    line_blocks,
    near_misses,
    placements,
    point_blocks,
    point_summaries,
    progress,
    series,
    task_images,
)

_EVENTS = 200_000  # numbers of events in one transaction, which takes a fraction of a second
_SERIES = 100


def has_job(connection: sa.Connection, task_id: int) -> bool:
    """Whether a cluster may have a job of the task."""
    job = sa.select(placements.c.number).where(placements.c.task_id == task_id, placements.c.state != "ended")
    return connection.execute(job.limit(1)).first() is not None


def delete_story(database: Database, task_id: int) -> None:
    """Delete all rows of a task but its own, a transaction for each piece; begun anew, it goes on."""
    while (first := _first(database, line_blocks.c.first_seq, line_blocks.c.task_id == task_id)) is not None:
        with database.writing(durable=False) as connection:  # the task is given up: what is left goes another time
            some = sa.and_(line_blocks.c.task_id == task_id, line_blocks.c.first_seq < first + _EVENTS)
            connection.execute(sa.delete(line_blocks).where(some))
    while (first := _first(database, series.c.id, series.c.task_id == task_id)) is not None:
        with database.writing(durable=False) as connection:
            found = sa.select(series.c.id).where(series.c.task_id == task_id, series.c.id >= first)
            ids = connection.execute(found.order_by(series.c.id).limit(_SERIES)).scalars().all()
            for table in (point_summaries, point_blocks):
                connection.execute(sa.delete(table).where(table.c.series_id.in_(ids)))
            connection.execute(sa.delete(series).where(series.c.id.in_(ids)))
    with database.writing(durable=False) as connection:
        for table in (attempts, progress, near_misses, checkpoints, placements, task_images):
            connection.execute(sa.delete(table).where(table.c.task_id == task_id))


def _first(database: Database, column: sa.Column[int], condition: sa.ColumnElement[bool]) -> int | None:
    with database.reading() as connection:
        found: int | None = connection.execute(sa.select(sa.func.min(column)).where(condition)).scalar()
    return found
