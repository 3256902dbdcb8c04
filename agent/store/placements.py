"""Placements: the jobs by which a cluster is to start the agent of a task.

A task that is placed is claimed by the agent of its newest placement and by no other: `tasks.placement` is its number.
The row of a placement is written before its job is submitted, so a job is never forgotten; its label finds the job.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, LOCAL_IMAGES, Task, TaskStatus
from agent.errors import Conflict
from agent.store.among import among
from agent.store.attempts import Decide, lose
from agent.store.cluster_control import ClusterControl, require_control
from agent.store.columns import clean, clean_or_none, from_us, from_us_or_none, now_us, to_us
from agent.store.schema import clusters, placements, plugins, tasks
from agent.store.task_claims import LIVE
from agent.store.task_rows import TASK_COLUMNS, change_task, lock_task, to_task

NEVER_TOLD = "placing"  # the cluster may know the job or not


@dataclass(frozen=True, slots=True)
class Placement:
    task_id: int
    number: int  # of the task's placements, from 1 on; a later one fences off the earlier ones
    cluster: str
    label: str  # by which the job is found while its id is not known
    job: str | None  # its id on the cluster
    state: str  # placing, waiting, running, ended
    why: str | None  # it waits, or ended so: a sentence
    node: str | None
    submitted_at: datetime
    started_at: datetime | None
    claimed_at: datetime | None  # its agent has taken the task
    ended_at: datetime | None
    how: str | None  # it ended: `agent.clusters.How`
    is_given_up: bool = False  # its task was started anew without it; told by `unsettled` only

    @property
    def is_over(self) -> bool:
        return self.state == "ended"

    @property
    def title(self) -> str:
        """The job and its node for a list: `slurm 77 on n1`."""
        name = f"{self.cluster} {self.job}" if self.job is not None else self.cluster
        return f"{name} on {self.node}" if self.node else name

    @property
    def waits_for(self) -> str:
        """Why a task that is queued still has not begun, a sentence."""
        if self.is_over:
            return f"It is placed again in a moment: {self.why or self.how}."
        if self.job is None:
            return self.why or f"It is handed to {self.cluster}."
        if self.state == "running":
            return f"Job {self.job} of {self.cluster} has begun on {self.node}; its agent starts."
        return (
            f"Job {self.job} of {self.cluster} waits: {self.why}."
            if self.why
            else f"Job {self.job} of {self.cluster} waits."
        )


class Placements(ClusterControl):
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
                found.setdefault(row.task_id, []).append(_placement(row))
        return found

    def unsettled(self, cluster: str) -> list[tuple[Placement, Task]]:
        """The placements that have not ended, oldest first."""
        columns = [column.label(f"placement_{column.name}") for column in placements.c]
        found = (
            sa.select(*TASK_COLUMNS, *columns, tasks.c.placement)
            .join(tasks, tasks.c.id == placements.c.task_id)
            .where(placements.c.state.in_(["placing", "waiting", "running"]), placements.c.cluster == cluster)
            .order_by(placements.c.task_id)
        )
        many = len(TASK_COLUMNS)
        with self._db.reading() as connection:
            return [
                (replace(_of_values(row[many:-1]), is_given_up=row[-1] != row.placement_number), to_task(row[:many]))
                for row in connection.execute(found)
            ]

    def to_place(self, cluster: str, limit: int, *, hardened: bool = True, loads: bool = True) -> list[Task]:
        """Queued tasks that wait for nobody else, oldest first.

        Those with `--on` wait for an agent of such a node; hardened ones for any agent, where the cluster cannot; those
        whose image is in the artifacts only as well, where it does not load images.
        """
        may = sa.or_(tasks.c.only_for.is_(None), tasks.c.only_for == cluster)
        found = sa.select(*TASK_COLUMNS).where(
            tasks.c.status == TaskStatus.QUEUED.value, tasks.c.placement.is_(None), may
        )
        if not loads:
            columns = plugins.c
            is_local = columns.image.startswith(LOCAL_IMAGES, autoescape=True)
            only_kept = sa.and_(columns.kept_bytes.is_not(None), columns.pushed.is_(None), is_local)
            found = found.where(tasks.c.plugin_id.not_in(sa.select(columns.id).where(only_kept)))
        with self._db.reading() as connection:
            queued = map(to_task, connection.execute(found.order_by(tasks.c.id)))
            mine = (task for task in queued if not task.options.on and (hardened or not task.options.hardened))
            return list(islice(mine, limit))

    # ---------------------------------------------------------------- for the controller

    def place(self, cluster: str, controller: str, task_id: int, label: str) -> Placement | None:
        """Give a queued task to the cluster, before its job is submitted; None when it is not free any more.

        `label` gets the number of the placement behind it.
        """
        with self._db.writing() as connection:
            require_control(connection, cluster, controller)
            lock_task(connection, task_id)
            free = sa.select(tasks.c.id).where(
                tasks.c.id == task_id, tasks.c.status == TaskStatus.QUEUED.value, tasks.c.placement.is_(None)
            )
            if connection.execute(free).first() is None:
                return None
            last = sa.select(sa.func.max(placements.c.number)).where(placements.c.task_id == task_id)
            number = (connection.execute(last).scalar() or 0) + 1
            row = connection.execute(
                sa.insert(placements)
                .values(
                    task_id=task_id,
                    number=number,
                    cluster=cluster,
                    label=f"{label}-{number}",
                    state=NEVER_TOLD,
                    submitted_us=now_us(),
                )
                .returning(*placements.c)
            ).one()
            change_task(connection, task_id, {"placement": number})
            return _placement(row)

    def follow(
        self,
        placement: Placement,
        controller: str,
        *,
        state: str,
        job: str | None = None,
        why: str | None = None,
        node: str | None = None,
        started_at: datetime | None = None,
    ) -> None:
        """Record what the cluster says of a job that has not ended."""
        changed: dict[str, Any] = {"state": state, "why": clean_or_none(why), "node": clean_or_none(node)}
        if job is not None:
            changed["job"] = clean(job)
        if started_at is not None:
            changed["started_us"] = to_us(started_at)
        with self._db.writing() as connection:
            require_control(connection, placement.cluster, controller)
            connection.execute(_row(placement).where(placements.c.state != "ended").values(changed))

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


def _of_values(values: Any) -> Placement:
    by_name = dict(zip(placements.c.keys(), values, strict=True))
    times = {name: by_name.pop(f"{name}_us") for name in ("submitted", "started", "claimed", "ended")}
    return Placement(
        **by_name,
        submitted_at=from_us(times["submitted"]),
        started_at=from_us_or_none(times["started"]),
        claimed_at=from_us_or_none(times["claimed"]),
        ended_at=from_us_or_none(times["ended"]),
    )


def _placement(row: sa.Row[Any]) -> Placement:
    return _of_values(tuple(row))
