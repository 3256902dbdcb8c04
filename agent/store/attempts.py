"""The attempts of a task: its runs, each from the launch of a container on; a lost node makes room for another one.

The attempts of a task are one story: events go on in the same numbering, and each attempt knows its first number.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, NODE_LOST, Attempt, Checkpoint, CheckpointState, Task, TaskStatus
from agent.store.append import add_note
from agent.store.checkpoints import to_checkpoint
from agent.store.columns import clean, from_us_or_none, now_us
from agent.store.connect import Database
from agent.store.events import has_note
from agent.store.kept import is_not_given_up, take
from agent.store.line_tail import last_seq_of
from agent.store.schema import attempts, checkpoints, models, tasks
from agent.store.task_rows import TASK_COLUMNS, change_task, lock_task, to_task
from agent.store.wake import QUEUE

_AS_NEW = {
    **dict.fromkeys(("engine", "container_id", "container_spec", "image_digest", "reason", "message", "exit_code")),
    "agent_id": None,
    "node": None,
    "step": 0,
    "placement": None,  # a cluster's controller cancels the job of before, and may place the task anew
    "lines_read": 0,  # the reading position in the log of a container, of which there will be a new one
}


class Attempts:
    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self, task_id: int) -> builtins.list[Attempt]:
        """In their order. A task that was never launched, or by an older release only, has none."""
        found = sa.select(attempts).where(attempts.c.task_id == task_id).order_by(attempts.c.number)
        with self._db.reading() as connection:
            return [_attempt(row) for row in connection.execute(found)]

    def get(self, task_id: int, number: int) -> Attempt | None:
        return next((attempt for attempt in self.list(task_id) if attempt.number == number), None)


def begin_attempt(database: Database, connection: sa.Connection, row: sa.Row[Any]) -> None:
    """A container of the task is about to be launched. `row` is the task's."""
    said = {"node": row.node, "agent_id": row.agent_id, "started_us": now_us()}
    new = {"task_id": row.id, "number": row.attempt, "first_seq": 1, "model_id": row.model_id}
    insert = database.insert(attempts).values(**new, **said)
    connection.execute(insert.on_conflict_do_update(index_elements=["task_id", "number"], set_=said))


def end_attempt(connection: sa.Connection, row: sa.Row[Any], reason: str | None, message: str | None) -> None:
    """The attempt that the task is in has ended, if it had begun."""
    its = (attempts.c.task_id == row.id, attempts.c.number == row.attempt, attempts.c.ended_us.is_(None))
    said = None if message is None else clean(message)
    connection.execute(sa.update(attempts).where(*its).values(ended_us=now_us(), reason=reason, message=said))


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a task that was taken from its agent: its status, reason and message; None: another attempt."""

    end: tuple[TaskStatus, str, str] | None
    note: Mapping[str, Any] = field(repr=False)  # the event that tells it, as `add_note` takes it
    attempt_end: tuple[str, str]  # reason and message of the attempt that is over
    model_id: int | None = None  # from which another attempt starts; None: from the task's own


Decide = Callable[[Task, Sequence[Checkpoint], str | None], Fate]
IsLost = Callable[[sa.Connection, sa.Row[Any]], bool]


def lose(
    database: Database,
    id_: int,
    is_lost: IsLost,
    decide: Decide,
    *,
    keeps_placement: bool = False,
    may: Callable[[sa.Connection], None] = lambda _: None,
) -> Task | None:
    """Take a task from its agent: end it, or queue another attempt. None where `is_lost` does not hold for its row.

    `decide` says which, from the task, its checkpoints whose models are there, and why its stop was requested, as they
    are while nobody can change them. The agent that had the task can write about it no more. With `keeps_placement`
    another attempt belongs to the same placement, until its job has ended: a cluster may start that job once more.
    `may` raises where the caller may not; it is asked before the task is locked.
    """
    with database.writing(asks=[id_, QUEUE]) as connection:
        may(connection)
        row = lock_task(connection, id_)
        if not is_lost(connection, row):
            return None
        stop_cause = connection.execute(sa.select(tasks.c.stop_cause).where(tasks.c.id == id_)).scalar()
        usable = _usable(connection, id_)
        fate = decide(to_task(row), usable, stop_cause)
        while fate.end is None and fate.model_id is not None and not take(connection, models, fate.model_id):
            usable = [checkpoint for checkpoint in usable if checkpoint.model_id != fate.model_id]  # it has just gone
            fate = decide(to_task(row), usable, stop_cause)
        lost = (checkpoints.c.task_id == id_, checkpoints.c.state == CheckpointState.SNAPSHOT.value)
        failed = {"state": CheckpointState.FAILED.value, "reason": NODE_LOST}
        connection.execute(sa.update(checkpoints).where(*lost).values(failed))
        # The agent that had the task may have written the last event of its log, and not have lived to end it.
        if fate.end is None or not has_note(connection, id_, fate.note["event_type"]):
            add_note(connection, id_, **fate.note, opens_log=True)
        if fate.end is None:
            _have_begun(database, connection, row)
        end_attempt(connection, row, *fate.attempt_end)
        if fate.end is not None:
            status, reason, message = fate.end
            changed = {"status": status.value, "reason": reason, "message": clean(message), "finished_us": now_us()}
            return change_task(connection, id_, {**changed, "agent_id": None})
        connection.execute(
            sa.insert(attempts).values(
                task_id=id_,
                number=row.attempt + 1,
                first_seq=last_seq_of(connection, id_) + 1,
                model_id=row.model_id if fate.model_id is None else fate.model_id,
            )
        )
        again = {**_AS_NEW, "status": TaskStatus.QUEUED.value, "attempt": row.attempt + 1}
        if keeps_placement:
            del again["placement"]
        return change_task(connection, id_, again)


def was_lost_so(database: Database, id_: int, number: int, decide: Decide) -> bool:
    """Whether this attempt of the task is over as `decide` says: a loss that is told again, or another's that is alike.

    The sentence of a loss names who took the task, so a node that was declared lost does not end as a job that was.
    """
    its = (attempts.c.task_id == id_, attempts.c.number == number, attempts.c.ended_us.is_not(None))
    with database.reading() as connection:
        over = connection.execute(sa.select(attempts.c.reason, attempts.c.message).where(*its)).first()
        row = connection.execute(sa.select(*TASK_COLUMNS).where(tasks.c.id == id_)).first()
        if over is None or row is None:
            return False
        stop_cause = connection.execute(sa.select(tasks.c.stop_cause).where(tasks.c.id == id_)).scalar()
        before = replace(to_task(row), attempt=number, reason=None, message=None)
        reason, message = decide(before, _usable(connection, id_), stop_cause).attempt_end
    return (over.reason, over.message) == (reason, clean(message))


def _have_begun(database: Database, connection: sa.Connection, row: sa.Row[Any]) -> None:
    """An attempt that was lost before its launch is one of the task's, too."""
    said = {"model_id": row.model_id, "node": row.node, "agent_id": row.agent_id}
    new = database.insert(attempts).values(task_id=row.id, number=row.attempt, first_seq=1, **said)
    connection.execute(new.on_conflict_do_nothing(index_elements=["task_id", "number"]))


def starts_from(model_id: int) -> sa.ColumnElement[bool]:
    """The tasks that start from this model, in the attempt in which they are, and have not ended."""
    its = sa.select(attempts.c.task_id).where(
        attempts.c.task_id == tasks.c.id, attempts.c.number == tasks.c.attempt, attempts.c.model_id == model_id
    )
    return sa.and_(tasks.c.status.not_in([status.value for status in FINAL]), its.exists())


def _usable(connection: sa.Connection, task_id: int) -> builtins.list[Checkpoint]:
    """The published checkpoints whose models are not deleted for good, in the order reported."""
    there = sa.select(models.c.id).where(models.c.id == checkpoints.c.model_id, is_not_given_up(models)).exists()
    found = sa.select(checkpoints).where(checkpoints.c.task_id == task_id, there).order_by(checkpoints.c.seq)
    return [to_checkpoint(row) for row in connection.execute(found)]


def _attempt(row: sa.Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        first_seq=row.first_seq,
        model_id=row.model_id,
        node=row.node,
        agent_id=row.agent_id,
        started_at=from_us_or_none(row.started_us),
        ended_at=from_us_or_none(row.ended_us),
        reason=row.reason,
        message=row.message,
    )
