"""The tasks of trials: a trial of a study has one task and never gets a second."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from agent.domain import Task
from agent.store.among import among
from agent.store.connect import Database
from agent.store.schema import tasks
from agent.store.task_rows import TASK_COLUMNS, to_task


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial by its study and its number there, which counts from 0."""

    study_id: int
    number: int


def task_of_trial(connection: sa.Connection, trial: Trial) -> Task | None:
    found = sa.select(*TASK_COLUMNS).where(tasks.c.study_id == trial.study_id, tasks.c.trial_number == trial.number)
    row = connection.execute(found).first()
    return None if row is None else to_task(row)


class Trials:
    """The part of `Studies` that reads tasks."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def tasks(self, study_id: int, numbers: Collection[int] | None = None) -> dict[int, Task]:
        """Number of the trial → its task, in the order of the trials; with `numbers` only of these trials."""
        found = sa.select(tasks.c.trial_number, *TASK_COLUMNS).where(tasks.c.study_id == study_id)
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
