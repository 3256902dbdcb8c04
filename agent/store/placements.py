"""Placements: the jobs by which a cluster is to start the agent of a task.

A task that is placed is claimed by the agent of its newest placement and by no other: `tasks.placement` is its number.
The row of a placement is written before its job is submitted, so a job is never forgotten; its label finds the job.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, Task, TaskStatus
from agent.errors import Conflict
from agent.store.among import among
from agent.store.attempts import Decide, lose
from agent.store.cluster_control import require_control
from agent.store.columns import clean, clean_or_none, now_us, to_us
from agent.store.placement_rows import UNSETTLED, Placement, of_values, to_placement
from agent.store.placing import Placing
from agent.store.schema import clusters, placements, plugins, tasks
from agent.store.task_claims import LIVE
from agent.store.task_rows import TASK_COLUMNS, change_task, lock_task, to_task

_PAGE = 500  # queued tasks that are looked at in one statement


class Placements(Placing):
    """Methods with a `controller` raise Conflict unless it controls the cluster."""

    # ---------------------------------------------------------------- reading

    def of_task(self, task_id: int) -> list[Placement]:
        """Oldest first."""
        return self.of_tasks([task_id]).get(task_id, [])

    def of_tasks(self, task_ids: Collection[int]) -> dict[int, list[Placement]]:
        """Task → its placements, oldest first; a task that was never placed is left out."""
        found: dict[int, list[Placement]] = {}
        which = sa.select(placements).where(among(self._db, placements.c.task_id, task_ids))
        with self._db.reading() as connection:
            for row in connection.execute(which.order_by(placements.c.task_id, placements.c.number)):
                found.setdefault(row.task_id, []).append(to_placement(row))
        return found

    def unsettled(self, cluster: str) -> list[tuple[Placement, Task]]:
        """The placements that have not ended, oldest first."""
        columns = [column.label(f"placement_{column.name}") for column in placements.c]
        found = (
            sa.select(*TASK_COLUMNS, *columns, tasks.c.placement)
            .join(tasks, tasks.c.id == placements.c.task_id)
            .where(placements.c.state.in_(UNSETTLED), placements.c.cluster == cluster)
            .order_by(placements.c.task_id)
        )
        many = len(TASK_COLUMNS)
        with self._db.reading() as connection:
            return [
                (replace(of_values(row[many:-1]), is_given_up=row[-1] != row.placement_number), to_task(row[:many]))
                for row in connection.execute(found)
            ]

    def to_place(self, cluster: str, limit: int, *, hardened: bool = True, loads: bool = True) -> list[Task]:
        """Queued tasks that wait for nobody else, oldest first.

        Those with `--on` wait for an agent of such a node; hardened ones for any agent, where the cluster cannot; those
        whose image is in the artifacts only as well, where it does not load images.
        """
        may = sa.or_(tasks.c.only_for.is_(None), tasks.c.only_for == cluster)
        waits = sa.select(*TASK_COLUMNS).where(
            tasks.c.status == TaskStatus.QUEUED.value, tasks.c.placement.is_(None), may
        )
        if not loads:
            columns = plugins.c
            only_kept = sa.and_(columns.kept_bytes.is_not(None), columns.pushed.is_(None))
            waits = waits.where(tasks.c.plugin_id.not_in(sa.select(columns.id).where(only_kept)))
        found, last_id, is_more = list[Task](), 0, True
        with self._db.reading() as connection:
            while is_more and len(found) < limit:  # the queue may be long, and few of it wanted
                page = waits.where(tasks.c.id > last_id).order_by(tasks.c.id).limit(_PAGE)
                queued = [to_task(row) for row in connection.execute(page)]
                found += [one for one in queued if not one.options.on and (hardened or not one.options.hardened)]
                last_id, is_more = (queued[-1].id, True) if len(queued) == _PAGE else (0, False)
        return found[:limit]

    def load(self, cluster: str) -> tuple[int, int]:
        """How many placements have not ended: those that were not refused, and those that were."""
        is_refused = placements.c.job.is_(None) & placements.c.why.is_not(None)
        counted = sa.select(sa.func.count(), sa.func.count().filter(is_refused)).where(
            placements.c.state.in_(UNSETTLED), placements.c.cluster == cluster
        )
        with self._db.reading(brief=True) as connection:
            all_, refused = connection.execute(counted).one()
        return all_ - refused, refused

    # ---------------------------------------------------------------- for the controller

    def end(
        self, placement: Placement, controller: str, *, how: str, why: str | None, ended_at: datetime | None = None
    ) -> None:
        """Record the end of its job. A task that is queued still is free again: for another placement, or any agent."""
        ended_us = to_us(ended_at) if ended_at is not None else now_us()
        with self._db.writing() as connection:
            require_control(connection, placement.cluster, controller)
            row = lock_task(connection, placement.task_id)  # before the placement, as `claim` does
            status = TaskStatus(row.status)
            is_its = _is_placed_so(connection, placement.task_id, placement.number)
            if is_its and not status.is_final and status is not TaskStatus.QUEUED:
                return  # an agent has claimed the task since the cluster was asked: the next look sees both
            changed = {"state": "ended", "how": how, "why": clean_or_none(why), "ended_us": ended_us}
            connection.execute(_row(placement).where(placements.c.state != "ended").values(changed))
            connection.execute(
                sa.update(tasks)
                .where(
                    tasks.c.id == placement.task_id,
                    tasks.c.placement == placement.number,
                    tasks.c.status == TaskStatus.QUEUED.value,
                )
                .values(placement=None)
            )

    def take(self, placement: Placement, controller: str, agent_id: str, *, instead_of: str | None) -> Task | None:
        """Take a task whose job has ended, to record its end.

        None when it has ended, is placed anew, or is no longer this agent's.
        """
        with self._db.writing() as connection:
            require_control(connection, placement.cluster, controller)
            row = lock_task(connection, placement.task_id)
            if TaskStatus(row.status).is_final or not _is_placed_so(connection, placement.task_id, placement.number):
                return None
            if row.agent_id != instead_of:
                return None
            changed: dict[str, Any] = {"agent_id": agent_id}
            if TaskStatus(row.status) is TaskStatus.QUEUED:
                changed["status"] = TaskStatus.CONSUMED.value
            return change_task(connection, placement.task_id, changed)

    def lose(self, placement: Placement, controller: str, agent_id: str | None, decide: Decide) -> Task | None:
        """Take a task from this agent, which was lost with the placement's job: `attempts.lose` says how.

        None when the task has ended, was placed anew, or is another agent's.
        """

        def is_lost(connection: sa.Connection, row: sa.Row[Any]) -> bool:
            is_its = row.agent_id == agent_id and _is_placed_so(connection, placement.task_id, placement.number)
            return is_its and TaskStatus(row.status) in LIVE

        may = partial(require_control, name=placement.cluster, controller=controller)
        return lose(self._db, placement.task_id, is_lost, decide, keeps_placement=True, may=may)

    def forget_jobs(self) -> None:
        """Of the copy of a store: the jobs are those of the installation that was copied. Its tasks are not placed."""
        ended = {"state": "ended", "how": "vanished", "why": "its installation was restored", "ended_us": now_us()}
        with self._db.writing() as connection:
            connection.execute(sa.update(placements).where(placements.c.state != "ended").values(ended))
            connection.execute(
                sa.update(tasks)
                .where(tasks.c.placement.is_not(None), tasks.c.status.not_in([status.value for status in FINAL]))
                .values(placement=None)
            )
            connection.execute(sa.delete(clusters))

    # ---------------------------------------------------------------- for the agent of a job

    def claim(
        self,
        task_id: int,
        number: int,
        agent_id: str,
        *,
        job: str | None,
        node: str | None,
        home: str | None = None,
        restarted: bool = False,
    ) -> Task:
        """Take the task for the agent of this placement, whose installation has the node id `home`.

        `restarted`: the cluster has started its job once more.

        A restarted job takes the task from the agent of its first start, which is gone. Raises Conflict, with one
        sentence, for a task that has ended, a placement that is not the newest, a second job of one placement, and a
        task that runs.
        """
        with self._db.writing() as connection:
            task = lock_task(connection, task_id)
            one = sa.select(placements).where(placements.c.task_id == task_id, placements.c.number == number)
            known = connection.execute(one.with_for_update()).first()
            status = TaskStatus(task.status)
            if known is None:
                raise Conflict(f"Task {task_id} has no placement {number}.")
            if status.is_final:
                raise Conflict(f"Task {task_id} has ended ({status.value}); nothing is left to run.")
            if not _is_placed_so(connection, task_id, number) or known.state == "ended":
                raise Conflict(f"Placement {number} of task {task_id} is over: its cluster has given the task up.")
            if known.job is not None and job is not None and known.job != job:
                raise Conflict(f"Placement {number} of task {task_id} belongs to job {known.job}, not to job {job}.")
            if status in LIVE and task.agent_id is not None and not restarted:
                raise Conflict(f"Task {task_id} is not free: agent {task.agent_id} runs it.")
            changed: dict[str, Any] = {"claimed_us": now_us(), "state": "running", "node": clean_or_none(node)}
            if job is not None:
                changed["job"] = clean(job)
            connection.execute(
                sa.update(placements)
                .where(placements.c.task_id == task_id, placements.c.number == number)
                .values(changed)
            )
            claimed: dict[str, Any] = {"agent_id": agent_id, "node": home}
            if status is TaskStatus.QUEUED:
                claimed["status"] = TaskStatus.CONSUMED.value
            return change_task(connection, task_id, claimed)


def _is_placed_so(connection: sa.Connection, task_id: int, number: int) -> bool:
    placed = sa.select(tasks.c.id).where(tasks.c.id == task_id, tasks.c.placement == number)
    return connection.execute(placed).first() is not None


def _row(placement: Placement) -> sa.Update:
    return sa.update(placements).where(
        placements.c.task_id == placement.task_id, placements.c.number == placement.number
    )
