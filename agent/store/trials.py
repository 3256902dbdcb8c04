"""The tasks of trials: a trial of a study is made with its task, and never gets a second.

So a trial without a task is one whose task was deleted for good.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from agent.domain import NewTask, Task
from agent.store.among import among
from agent.store.connect import Database
from agent.store.kept import is_not_given_up
from agent.store.schema import tasks
from agent.store.task_rows import TASK_COLUMNS, to_task


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial by its study and its number there, which counts from 0."""

    study_id: int
    number: int


@dataclass(frozen=True, slots=True)
class NewTrial:
    number: int
    task: NewTask


class Trials:
    """The part of `Studies` that reads tasks."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def tasks(self, study_id: int, numbers: Collection[int] | None = None) -> dict[int, Task]:
        """Number of the trial → its task, in the order of the trials; with `numbers` only of these trials.

        Also tasks in the trash; not those that are deleted for good.
        """
        own = sa.and_(tasks.c.study_id == study_id, is_not_given_up(tasks))
        found = sa.select(tasks.c.trial_number, *TASK_COLUMNS).where(own)
        if numbers is not None:
            found = found.where(among(self._db, tasks.c.trial_number, numbers))
        with self._db.reading() as connection:
            rows = connection.execute(found.order_by(tasks.c.trial_number))
            return {number: to_task(row) for number, *row in rows}

    def of_tasks(self, task_ids: Collection[int]) -> dict[int, Trial]:
        """Task → its trial; a task of no study is left out."""
        found = sa.select(tasks.c.id, tasks.c.study_id, tasks.c.trial_number).where(
            tasks.c.study_id.is_not(None), among(self._db, tasks.c.id, task_ids)
        )
        with self._db.reading() as connection:
            return {id_: Trial(study_id, number) for id_, study_id, number in connection.execute(found)}
