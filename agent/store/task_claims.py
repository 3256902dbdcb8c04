"""Which agent runs a task: claims, the leases that keep them, and taking over from an agent that died."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from agent.domain import FINAL, Task, TaskStatus, may_become
from agent.store.columns import agent_name, now_us
from agent.store.connect import Database
from agent.store.failures import taken_over
from agent.store.schema import plugins, tasks
from agent.store.task_rows import TASK_COLUMNS, change_task, lock_task, to_task

LIVE = [status for status in TaskStatus if status not in FINAL and status is not TaskStatus.QUEUED]
IS_NOT_PLACED = tasks.c.placement.is_(None)  # a cluster's controller answers for the others (`placements.py`)
UNCLAIMED = {"agent_id": None, "lease_until_us": None, "started_us": None}


class TaskClaims:
    """The part of `Tasks` that only agents use."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def held_by(self, agent_id: str) -> list[Task]:
        """Tasks this agent claimed that have not ended, oldest first."""
        found = (
            sa.select(*TASK_COLUMNS).where(tasks.c.status.in_(LIVE), tasks.c.agent_id == agent_id).order_by(tasks.c.id)
        )
        with self._db.reading() as connection:
            return [to_task(row) for row in connection.execute(found)]

    def engines_wanted(self, agent_id: str, setting: str = "auto", *, study_id: int | None = None) -> set[str]:
        """The engines that the queued tasks want which this agent may take: docker, process, auto (either).

        With `study_id` only of this study's tasks.
        `setting` is the engine of the agent's settings, for tasks that leave it to the agent. A plugin that is known by
        its image only wants docker.
        """
        with self._db.reading() as connection:
            found = sa.select(self._engine_wanted(setting)).where(_queued(agent_id), _of_study(study_id)).distinct()
            return set(connection.execute(found).scalars())

    def last_engine(self) -> str | None:
        """The engine of the newest task that was launched and had left the engine to its agent."""
        auto = self._engine_asked() == "auto"
        found = sa.select(tasks.c.engine).where(tasks.c.engine.is_not(None), auto).order_by(tasks.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            return connection.execute(found).scalar()

    def _engine_asked(self) -> sa.ColumnElement[str]:
        """The engine in a task's options. Options of older tasks may lack it."""
        if self._db.is_sqlite:
            engine: sa.ColumnElement[str] = sa.func.json_extract(tasks.c.options, "$.engine")
        else:
            engine = sa.cast(tasks.c.options, sa.JSON)["engine"].as_string()
        return sa.func.coalesce(engine, "auto")

    def _engine_wanted(self, setting: str) -> sa.ColumnElement[str]:
        asked = self._engine_asked()
        engine = sa.case((asked == "auto", sa.literal(setting)), else_=asked)
        folder = sa.select(plugins.c.folder).where(plugins.c.id == tasks.c.plugin_id).scalar_subquery()
        return sa.case((sa.and_(engine == "auto", folder.is_(None)), sa.literal("docker")), else_=engine)

    def claim(
        self,
        agent_id: str,
        *,
        task_id: int | None = None,
        lease_s: float = 30,
        engines: Collection[str] | None = None,
        setting: str = "auto",
        study_id: int | None = None,
    ) -> Task | None:
        """Take the oldest queued task that this agent may take, or `task_id` if it is queued; None without a task.

        With `engines` only a task that wants one of these, see `engines_wanted`; with `study_id` only one of its tasks.

        One short exclusive transaction: of any number of agents exactly one gets a task. The claim holds
        for `lease_s` seconds and is kept by `renew`.
        """
        oldest = sa.select(tasks.c.id).order_by(tasks.c.id).limit(1)
        if task_id is not None:
            oldest = oldest.where(tasks.c.status == TaskStatus.QUEUED.value, tasks.c.id == task_id, IS_NOT_PLACED)
        else:
            oldest = oldest.where(_queued(agent_id), _of_study(study_id))
        if engines is not None:
            oldest = oldest.where(self._engine_wanted(setting).in_(engines))
        with self._db.reading() as connection:  # most searches find nothing: writers need not wait for them
            if connection.execute(oldest).first() is None:
                return None
        with self._db.writing() as connection:
            found = connection.execute(oldest.with_for_update(skip_locked=True)).scalar()
            if found is None:
                return None
            return change_task(
                connection,
                found,
                {"status": TaskStatus.CONSUMED.value, "agent_id": agent_id, "lease_until_us": lease_until_us(lease_s)},
            )

    def give_back(self, id: int, agent_id: str | None) -> bool:  # noqa: A002
        """Put a task back into the queue, as if nobody had claimed it; its events stay.

        False when its container was launched, or when it is to be stopped. TakenOver unless the task is this agent's.
        """
        with self._db.writing() as connection:
            row = lock_task(connection, id)
            if row.agent_id != agent_id:
                raise taken_over(id)
            status = TaskStatus(row.status)
            if row.stop_requested or row.engine is not None or not may_become(status, TaskStatus.QUEUED):
                return False
            change_task(connection, id, {"status": TaskStatus.QUEUED.value, **UNCLAIMED})
            return True

    def renew(self, agent_id: str, lease_s: float = 30) -> None:
        """Keep the claim on every task this agent has that has not ended."""
        with self._db.writing(durable=False) as connection:
            connection.execute(
                sa.update(tasks)
                .where(tasks.c.status.in_(LIVE), tasks.c.agent_id == agent_id)
                .values(lease_until_us=lease_until_us(lease_s))
            )

    def holders(self) -> set[str]:
        """The agents that have a task which has not ended."""
        found = sa.select(tasks.c.agent_id).where(tasks.c.status.in_(LIVE), tasks.c.agent_id.is_not(None)).distinct()
        with self._db.reading() as connection:
            return set(connection.execute(found).scalars())

    def lost(self, *, gone: Collection[str] = (), alive: Collection[str] = ()) -> list[Task]:
        """Tasks that no agent runs though they have not ended, oldest first; see `take_over`."""
        found = sa.select(*TASK_COLUMNS).where(tasks.c.status.in_(LIVE), IS_NOT_PLACED, _unattended(gone, alive))
        found = found.order_by(tasks.c.id)
        with self._db.reading() as connection:
            return [to_task(row) for row in connection.execute(found)]

    def take_over(
        self,
        agent_id: str,
        lease_s: float = 30,
        *,
        gone: Collection[str] = (),
        alive: Collection[str] = (),
        task_id: int | None = None,
        study_id: int | None = None,
    ) -> list[Task]:
        """Claim tasks whose agent has not renewed in time, oldest first. They keep their status and step.

        An agent in `gone` is known to be dead: its lease is not waited for. An agent in `alive` is known to live,
        however late its lease is (the machine slept). With `task_id` only this task, with `study_id` only this study's.
        """
        lost = (
            sa.select(tasks.c.id)
            .where(tasks.c.status.in_(LIVE), tasks.c.agent_id != agent_id, _unattended(gone, alive))
            .where(_of_study(study_id), IS_NOT_PLACED)
            .order_by(tasks.c.id)
        )
        if task_id is not None:
            lost = lost.where(tasks.c.id == task_id)
        with self._db.reading() as connection:
            if connection.execute(lost.limit(1)).first() is None:
                return []
        with self._db.writing() as connection:
            return [
                change_task(connection, id_, {"agent_id": agent_id, "lease_until_us": lease_until_us(lease_s)})
                for id_ in connection.execute(lost.with_for_update(skip_locked=True)).scalars().all()
            ]


def _queued(agent_id: str) -> sa.ColumnElement[bool]:
    """The queued tasks that this agent may take."""
    may_take = tasks.c.only_for.is_(None) | (tasks.c.only_for == agent_name(agent_id))
    return sa.and_(tasks.c.status == TaskStatus.QUEUED.value, IS_NOT_PLACED, may_take)


def _of_study(study_id: int | None) -> sa.ColumnElement[bool]:
    """The tasks of this study; None: every task."""
    return sa.true() if study_id is None else tasks.c.study_id == study_id


def _unattended(gone: Collection[str], alive: Collection[str]) -> sa.ColumnElement[bool]:
    ran_out = sa.and_(tasks.c.lease_until_us < now_us(), tasks.c.agent_id.not_in(alive))
    return sa.or_(ran_out, tasks.c.agent_id.in_(gone))


def lease_until_us(lease_s: float) -> int:
    return now_us() + int(lease_s * 1_000_000)
