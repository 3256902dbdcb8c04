"""Tasks: wished for, claimed by an agent, moved from status to status, ended."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, NewTask, Step, Task, TaskOptions, TaskStatus, TaskType, may_become
from agent.errors import Conflict, NotFound
from agent.store.agents import agent_name
from agent.store.columns import (
    clean,
    contains,
    now_us,
    to_json,
)
from agent.store.connect import Database
from agent.store.failures import taken_over
from agent.store.paging import Page, page_of
from agent.store.schema import models, plugins, projects, tasks
from agent.store.task_rows import SUMMARY_COLUMNS, TASK_COLUMNS, TaskSummary, to_summary, to_task

_LIVE = [status for status in TaskStatus if status not in FINAL and status is not TaskStatus.QUEUED]


class Tasks:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, new: NewTask, *, agent_id: str | None = None, lease_s: float = 30, only_for: str | None = None
    ) -> Task:
        """A queued task, or one that `agent_id` has taken already, so that no other agent can come first.

        A queued task is taken by the first agent that is free, with `only_for` by the first of that name.

        NotFound when its plugin, project or model is not in the store.
        """
        taken = {"agent_id": agent_id, "lease_until_us": _lease(lease_s)} if agent_id is not None else {}
        with self._db.writing() as connection:
            for noun, table, wanted in (
                ("plugin", plugins, new.plugin_id),
                ("project", projects, new.project_id),
                ("model", models, new.model_id),
            ):
                if connection.execute(sa.select(table.c.id).where(table.c.id == wanted)).first() is None:
                    raise NotFound(f"There is no {noun} {wanted}.")
            row = connection.execute(
                sa.insert(tasks)
                .values(
                    type=new.type.value,
                    status=(TaskStatus.CONSUMED if taken else TaskStatus.QUEUED).value,
                    **taken,
                    name=clean(new.name),
                    plugin_id=new.plugin_id,
                    project_id=new.project_id,
                    model_id=new.model_id,
                    config=to_json(new.config),
                    options=to_json(asdict(new.options)),
                    created_us=now_us(),
                    only_for=only_for,
                )
                .returning(*TASK_COLUMNS)
            ).one()
        return to_task(row)

    def request_stop(self, id: int) -> Task:  # noqa: A002
        """Ask for the end: a queued task ends at once, a running one becomes terminating. Idempotent."""
        with self._db.writing() as connection:
            row = _locked(connection, id)
            status = TaskStatus(row.status)
            if status.is_final:
                return to_task(row)
            changed: dict[str, Any] = {"stop_requested": True}
            if status is TaskStatus.QUEUED:
                changed |= {
                    "status": TaskStatus.STOPPED.value,
                    "reason": "stopped_by_user",
                    "message": "Stopped before it started.",
                    "finished_us": now_us(),
                }
            elif may_become(status, TaskStatus.TERMINATING):
                changed["status"] = TaskStatus.TERMINATING.value
            return _changed(connection, id, changed)

    def set_options(self, id: int, options: TaskOptions) -> None:  # noqa: A002
        self._set(id, options=to_json(asdict(options)))

    def get(self, id: int) -> Task:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(*TASK_COLUMNS).where(tasks.c.id == id)).first()
        if row is None:
            raise NotFound(f"There is no task {id}.")
        return to_task(row)

    def list(
        self,
        *,
        statuses: Collection[TaskStatus] | None = None,
        type: TaskType | None = None,  # noqa: A002
        name_part: str | None = None,
        limit: int = 100,
        before_id: int | None = None,
    ) -> list[Task]:
        """Newest first. `name_part` is found in whatever case."""
        found = _page(sa.select(*TASK_COLUMNS), statuses, limit, before_id)
        if type is not None:
            found = found.where(tasks.c.type == type.value)
        if name_part is not None:
            found = found.where(contains(tasks.c.name, name_part))
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return [to_task(row) for row in rows]

    def page(self, *, limit: int, offset: int = 0, ascending: bool = False) -> Page[Task]:
        """`limit` tasks after `offset`, by id."""
        found = page_of(self._db, sa.select(*TASK_COLUMNS), tasks.c.id, limit=limit, offset=offset, ascending=ascending)
        return Page([to_task(row) for row in found.values], found.total)

    def summaries(
        self, *, statuses: Collection[TaskStatus] | None = None, limit: int = 100, before_id: int | None = None
    ) -> builtins.list[TaskSummary]:
        """Newest first, like `list`, at a fraction of its cost."""
        found = _page(sa.select(*SUMMARY_COLUMNS), statuses, limit, before_id)
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return [to_summary(row) for row in rows]

    def stop_requested(self, id: int) -> bool:  # noqa: A002
        with self._db.reading() as connection:
            wanted: bool | None = connection.execute(sa.select(tasks.c.stop_requested).where(tasks.c.id == id)).scalar()
        if wanted is None:
            raise NotFound(f"There is no task {id}.")
        return wanted

    def held_by(self, agent_id: str) -> builtins.list[Task]:
        """Tasks this agent claimed that have not ended, oldest first: what to look after following a restart."""
        found = (
            sa.select(*TASK_COLUMNS).where(tasks.c.status.in_(_LIVE), tasks.c.agent_id == agent_id).order_by(tasks.c.id)
        )
        with self._db.reading() as connection:
            return [to_task(row) for row in connection.execute(found)]

    def claim(self, agent_id: str, *, task_id: int | None = None, lease_s: float = 30) -> Task | None:
        """Take the oldest queued task that may be this agent's, or this one if it is still queued: None without one.

        One short exclusive transaction: of any number of agents exactly one gets a task. The claim holds
        for `lease_s` seconds and is kept by `renew`.
        """
        oldest = sa.select(tasks.c.id).where(tasks.c.status == TaskStatus.QUEUED.value).order_by(tasks.c.id).limit(1)
        if task_id is not None:
            oldest = oldest.where(tasks.c.id == task_id)
        else:
            oldest = oldest.where(tasks.c.only_for.is_(None) | (tasks.c.only_for == agent_name(agent_id)))
        with self._db.reading() as connection:  # most looks find nothing: no need to hold up a writer for them
            if connection.execute(oldest).first() is None:
                return None
        with self._db.writing() as connection:
            found = connection.execute(oldest.with_for_update(skip_locked=True)).scalar()
            if found is None:
                return None
            return _changed(
                connection,
                found,
                {"status": TaskStatus.CONSUMED.value, "agent_id": agent_id, "lease_until_us": _lease(lease_s)},
            )

    def renew(self, agent_id: str, lease_s: float = 30) -> None:
        """Keep the claim on every task this agent has that has not ended."""
        with self._db.writing() as connection:
            connection.execute(
                sa.update(tasks)
                .where(tasks.c.status.in_(_LIVE), tasks.c.agent_id == agent_id)
                .values(lease_until_us=_lease(lease_s))
            )

    def holders(self) -> set[str]:
        """The agents that have a task which has not ended."""
        found = sa.select(tasks.c.agent_id).where(tasks.c.status.in_(_LIVE), tasks.c.agent_id.is_not(None)).distinct()
        with self._db.reading() as connection:
            return set(connection.execute(found).scalars())

    def lost(self, *, gone: Collection[str] = (), alive: Collection[str] = ()) -> builtins.list[Task]:
        """Tasks that nobody runs though they have not ended, oldest first; see `take_over`."""
        found = sa.select(*TASK_COLUMNS).where(tasks.c.status.in_(_LIVE), _unattended(gone, alive)).order_by(tasks.c.id)
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
    ) -> builtins.list[Task]:
        """Claim tasks whose agent has not renewed in time, oldest first. They keep their status and step.

        An agent in `gone` is known to be dead: its lease is not waited for. One in `alive` is known to live,
        late as it may be (a machine that slept). With `task_id` this task only.
        """
        lost = (
            sa.select(tasks.c.id)
            .where(tasks.c.status.in_(_LIVE), tasks.c.agent_id != agent_id, _unattended(gone, alive))
            .order_by(tasks.c.id)
        )
        if task_id is not None:
            lost = lost.where(tasks.c.id == task_id)
        with self._db.reading() as connection:
            if connection.execute(lost.limit(1)).first() is None:
                return []
        with self._db.writing() as connection:
            return [
                _changed(connection, id_, {"agent_id": agent_id, "lease_until_us": _lease(lease_s)})
                for id_ in connection.execute(lost.with_for_update(skip_locked=True)).scalars().all()
            ]

    def become(
        self,
        id: int,  # noqa: A002
        status: TaskStatus,
        *,
        reason: str | None = None,
        message: str | None = None,
        exit_code: int | None = None,
        agent_id: str | None = None,
    ) -> Task:
        """Move to another status; Conflict when `may_become` forbids it. Stamps the start and the end.

        With `agent_id`, TakenOver unless the task is this agent's.
        """
        with self._db.writing() as connection:
            row = _locked(connection, id)
            if agent_id is not None and row.agent_id != agent_id:
                raise taken_over(id)
            current = TaskStatus(row.status)
            if not may_become(current, status):
                raise Conflict(f"Task {id} is {current} and cannot become {status}.")
            changed: dict[str, Any] = {"status": status.value}
            if reason is not None:
                changed["reason"] = reason
            if message is not None:
                changed["message"] = clean(message)
            if exit_code is not None:
                changed["exit_code"] = exit_code
            if status in (TaskStatus.STARTED, TaskStatus.DEPLOYED) and row.started_us is None:
                changed["started_us"] = now_us()
            if status.is_final:
                changed |= {"finished_us": now_us(), "lease_until_us": None}
            if status is TaskStatus.QUEUED:  # given back
                changed |= {"agent_id": None, "lease_until_us": None}
            return _changed(connection, id, changed)

    def set_step(self, id: int, step: Step) -> None:  # noqa: A002
        self._set(id, step=int(step))

    def launching(
        self,
        id: int,  # noqa: A002
        *,
        engine: str,
        spec: Mapping[str, Any],
        image_digest: str | None,
    ) -> None:
        """Record how the container of a task is about to be started, so that a restarted agent knows where to look."""
        self._set(id, engine=engine, container_spec=to_json(spec), image_digest=image_digest)

    def launched(self, id: int, *, container_id: str) -> None:  # noqa: A002
        """Record the container of a task: it runs."""
        self._set(id, container_id=container_id)

    def decide(
        self,
        id: int,  # noqa: A002
        *,
        reason: str,
        message: str | None,
        exit_code: int | None,
        agent_id: str | None = None,
    ) -> None:
        """Record why a task ends while it has yet to be tidied up after; `become` makes the end final.

        A `reason` in a task that has not ended says so. With `agent_id`, TakenOver unless the task is this agent's.
        """
        with self._db.writing() as connection:
            row = _locked(connection, id)
            if agent_id is not None and row.agent_id != agent_id:
                raise taken_over(id)
            said = clean(message) if message is not None else None
            _changed(connection, id, {"reason": reason, "message": said, "exit_code": exit_code})

    def set_result_project(self, id: int, project_id: int) -> None:  # noqa: A002
        self._set(id, result_project_id=project_id)

    def _set(self, id_: int, **changed: Any) -> None:
        with self._db.writing() as connection:
            _changed(connection, id_, changed)


def _page(
    found: sa.Select[Any], statuses: Collection[TaskStatus] | None, limit: int, before_id: int | None
) -> sa.Select[Any]:
    if statuses is not None:
        found = found.where(tasks.c.status.in_([status.value for status in statuses]))
    if before_id is not None:
        found = found.where(tasks.c.id < before_id)
    return found.order_by(tasks.c.id.desc()).limit(limit)


def _locked(connection: sa.Connection, id_: int) -> sa.Row[Any]:
    """The task's row, held until the transaction ends (SQLite holds the whole database anyway)."""
    row = connection.execute(sa.select(*TASK_COLUMNS).where(tasks.c.id == id_).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no task {id_}.")
    return row


def _changed(connection: sa.Connection, id_: int, changed: Mapping[str, Any]) -> Task:
    row = connection.execute(sa.update(tasks).where(tasks.c.id == id_).values(changed).returning(*TASK_COLUMNS)).first()
    if row is None:
        raise NotFound(f"There is no task {id_}.")
    return to_task(row)


def _unattended(gone: Collection[str], alive: Collection[str]) -> sa.ColumnElement[bool]:
    ran_out = sa.and_(tasks.c.lease_until_us < now_us(), tasks.c.agent_id.not_in(alive))
    return sa.or_(ran_out, tasks.c.agent_id.in_(gone))


def _lease(lease_s: float) -> int:
    return now_us() + int(lease_s * 1_000_000)
