"""Which agent runs a task: claims, and what becomes of the tasks of an agent that has died or is silent.

A claim has no end of its own: it holds until the agent is gone (`liveness.gone_agents`). A launched task stays with its
node, because only the agents there can see its container.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, Task, TaskStatus, may_become
from agent.store.among import portions
from agent.store.columns import agent_name
from agent.store.connect import Database
from agent.store.failures import taken_over
from agent.store.schema import plugins, tasks
from agent.store.task_rows import TASK_COLUMNS, change_task, lock_task, to_task
from agent.store.wake import QUEUE

LIVE = [status for status in TaskStatus if status not in FINAL and status is not TaskStatus.QUEUED]
IS_NOT_PLACED = tasks.c.placement.is_(None)  # a cluster's controller answers for the others (`placements.py`)
UNCLAIMED = {"agent_id": None, "node": None, "started_us": None}


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

    def of_agent(self, agent_id: str, ids: Collection[int]) -> list[int]:
        """Those of these tasks that this agent has or had last, also ended ones; in the order given."""
        found: set[int] = set()
        with self._db.reading() as connection:
            for some in portions(ids):
                its = sa.select(tasks.c.id).where(tasks.c.id.in_(some), tasks.c.agent_id == agent_id)
                found.update(connection.execute(its).scalars())
        return [id_ for id_ in ids if id_ in found]

    def engines_wanted(
        self,
        agent_id: str,
        setting: str = "auto",
        *,
        node: str | None = None,
        needs: Collection[str] | None = None,
        study_id: int | None = None,
    ) -> set[str]:
        """The engines that the queued tasks want which this agent may take: docker, process, auto (either).

        With `study_id` only of this study's tasks; `node` and `needs` as for `claim`.
        `setting` is the engine of the agent's settings, for tasks that leave it to the agent. A plugin that is known by
        its image only wants docker.
        """
        wanted = self._engine_wanted(setting, node)
        may = sa.and_(_queued(agent_id), _of_study(study_id), _fits(node, needs, wanted))
        with self._db.reading() as connection:
            return set(connection.execute(sa.select(wanted).where(may).distinct()).scalars())

    def needs_wanted(self, agent_id: str, *, study_id: int | None = None) -> set[str]:
        """What the queued tasks need that this agent may take, each need once (`needs.py`)."""
        may = sa.and_(_queued(agent_id), _of_study(study_id), tasks.c.needs.is_not(None))
        with self._db.reading() as connection:
            return set(connection.execute(sa.select(tasks.c.needs).where(may).distinct()).scalars())

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

    def _engine_wanted(self, setting: str, node: str | None) -> sa.ColumnElement[str]:
        """As `domain.engine_wanted`: a folder of another node is none here."""
        asked = self._engine_asked()
        engine = sa.case((asked == "auto", sa.literal(setting)), else_=asked)
        here = sa.and_(plugins.c.id == tasks.c.plugin_id, sa.not_(_is_elsewhere(node)))
        folder = sa.select(plugins.c.folder).where(here).scalar_subquery()
        return sa.case((sa.and_(engine == "auto", folder.is_(None)), sa.literal("docker")), else_=engine)

    def claim(
        self,
        agent_id: str,
        *,
        node: str | None = None,
        task_id: int | None = None,
        engines: Collection[str] | None = None,
        setting: str = "auto",
        needs: Collection[str] | None = None,
        study_id: int | None = None,
        but: Collection[int] = (),
        only_own: bool = False,
    ) -> Task | None:
        """Take the oldest queued task that this agent may take, or `task_id` if it is queued; None without a task.

        With `engines` only a task that wants one of these, see `engines_wanted`; with `study_id` only one of its tasks;
        with `needs` only a task that needs nothing, or one of these; with `only_own` any that names this agent.
        None of the tasks in `but`. `node` is the agent's: a plugin that another node has, and whose image no other can
        get, is left to that node.

        One short exclusive transaction: of any number of agents exactly one gets a task.
        """
        oldest = sa.select(tasks.c.id).order_by(tasks.c.id).limit(1)
        if task_id is not None:
            oldest = oldest.where(tasks.c.status == TaskStatus.QUEUED.value, tasks.c.id == task_id, IS_NOT_PLACED)
        else:
            oldest = oldest.where(_queued(agent_id), _of_study(study_id))
        wanted = self._engine_wanted(setting, node)
        if only_own:  # whoever asked for this agent knows what it has
            oldest = oldest.where(tasks.c.only_for == agent_name(agent_id))
        else:
            oldest = oldest.where(_fits(node, needs, wanted), tasks.c.id.not_in(but))
        if engines is not None:
            oldest = oldest.where(wanted.in_(engines))
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
                {"status": TaskStatus.CONSUMED.value, "agent_id": agent_id, "node": node},
            )

    def give_back(self, id: int, agent_id: str | None) -> bool:  # noqa: A002
        """Put a task back into the queue, as if nobody had claimed it; its events stay.

        False when its container was launched, or when it is to be stopped. TakenOver unless the task is this agent's,
        or is in the queue already: the agent may have lost the answer with its connection.
        """
        with self._db.writing(asks=[QUEUE]) as connection:
            row = lock_task(connection, id)
            if row.status == TaskStatus.QUEUED.value:
                return True
            if row.agent_id != agent_id:
                raise taken_over(id)
            status = TaskStatus(row.status)
            if row.stop_requested or row.engine is not None or not may_become(status, TaskStatus.QUEUED):
                return False
            change_task(connection, id, {"status": TaskStatus.QUEUED.value, **UNCLAIMED})
            return True

    def holders(self) -> set[str]:
        """The agents that have a task which has not ended."""
        found = sa.select(tasks.c.agent_id).where(tasks.c.status.in_(LIVE), tasks.c.agent_id.is_not(None)).distinct()
        with self._db.reading() as connection:
            return set(connection.execute(found).scalars())

    def of_agents(self, agents: Collection[str], *, node: str | None = None) -> list[Task]:
        """Tasks of these agents that have not ended and that an agent of this node may take over, oldest first."""
        found = sa.select(*TASK_COLUMNS).where(_left_by(agents, node)).order_by(tasks.c.id)
        with self._db.reading() as connection:
            return [to_task(row) for row in connection.execute(found)]

    def take_over(
        self,
        agent_id: str,
        *,
        gone: Collection[str],
        node: str | None = None,
        task_id: int | None = None,
        study_id: int | None = None,
    ) -> list[Task]:
        """Claim tasks of agents that are gone, oldest first. They keep their status and step.

        What another node has launched stays there. What another node had only claimed is queued again, so that any
        node that can run it takes it; unless there is nothing to run but an end to be recorded. With `task_id` only
        this task, with `study_id` only this study's.
        """
        lost = sa.select(tasks.c.id).where(_left_by(gone, node), tasks.c.agent_id != agent_id, _of_study(study_id))
        if task_id is not None:
            lost = lost.where(tasks.c.id == task_id)
        lost = lost.order_by(tasks.c.id)
        if not gone:
            return []
        with self._db.reading() as connection:
            if connection.execute(lost.limit(1)).first() is None:
                return []
        taken: list[Task] = []
        found: list[int] = []
        with self._db.writing(asks=found) as connection:
            found += connection.execute(lost.with_for_update(skip_locked=True)).scalars()
            for id_ in found[:]:
                row = lock_task(connection, id_)
                is_elsewhere = node is not None and row.node not in (None, node)
                is_to_run = not row.stop_requested and row.reason is None
                changed: dict[str, Any] = {"agent_id": agent_id, "node": node}
                if is_elsewhere and is_to_run and may_become(TaskStatus(row.status), TaskStatus.QUEUED):
                    change_task(connection, id_, {"status": TaskStatus.QUEUED.value, **UNCLAIMED})
                    found.append(QUEUE)
                else:
                    taken.append(change_task(connection, id_, changed))
        return taken


def _queued(agent_id: str) -> sa.ColumnElement[bool]:
    """The queued tasks that this agent may take."""
    may_take = tasks.c.only_for.is_(None) | (tasks.c.only_for == agent_name(agent_id))
    return sa.and_(tasks.c.status == TaskStatus.QUEUED.value, IS_NOT_PLACED, may_take)


def _of_study(study_id: int | None) -> sa.ColumnElement[bool]:
    """The tasks of this study; None: every task."""
    return sa.true() if study_id is None else tasks.c.study_id == study_id


def _is_elsewhere(node: str | None) -> sa.ColumnElement[bool]:
    """The plugins that another node has."""
    return sa.false() if node is None else sa.and_(plugins.c.node.is_not(None), plugins.c.node != node)


def _fits(node: str | None, needs: Collection[str] | None, engine: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """The tasks that a node can run: it can have their plugin (`domain.can_have`), and has what else they need.

    None: this is not asked.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    if node is not None:
        is_shared = sa.or_(plugins.c.pushed.is_not(None), plugins.c.kept_bytes.is_not(None))
        alone = sa.select(plugins.c.id).where(_is_elsewhere(node), sa.not_(is_shared))
        shared = sa.select(plugins.c.id).where(_is_elsewhere(node), is_shared)
        conditions.append(tasks.c.plugin_id.not_in(alone))
        conditions.append(sa.or_(tasks.c.plugin_id.not_in(shared), engine != "process"))
    if needs is not None:
        conditions.append(sa.or_(tasks.c.needs.is_(None), tasks.c.needs.in_(needs)))
    return sa.and_(sa.true(), *conditions)


def may_be_taken_over(node: str) -> sa.ColumnElement[bool]:
    """The tasks that an agent of this node could go on with: those that no other node has launched."""
    here = sa.or_(tasks.c.node.is_(None), tasks.c.node == node, tasks.c.engine.is_(None))
    return sa.and_(IS_NOT_PLACED, here)


def _left_by(agents: Collection[str], node: str | None) -> sa.ColumnElement[bool]:
    """The tasks of these agents that have not ended, without those that were launched on another node than this."""
    left = sa.and_(tasks.c.status.in_(LIVE), tasks.c.agent_id.in_(agents))
    return sa.and_(left, IS_NOT_PLACED if node is None else may_be_taken_over(node))
