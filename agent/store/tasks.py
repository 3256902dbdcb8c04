"""Tasks: submitted, moved from status to status, ended. `task_claims.py` says which agent runs them."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal

import sqlalchemy as sa

from agent.domain import FINAL, NewTask, Step, Task, TaskStatus, TaskType, may_become
from agent.errors import Conflict, NotFound
from agent.store.among import among
from agent.store.append import add_note
from agent.store.attempts import Decide, begin_attempt, end_attempt, lose, was_lost_so
from agent.store.columns import clean, now_us, to_json
from agent.store.failures import taken_over
from agent.store.kept import Described, take
from agent.store.listing import Listing, Window
from agent.store.new_tasks import insert_task, needs
from agent.store.paging import Page, page_of
from agent.store.schema import tasks
from agent.store.task_claims import UNCLAIMED, TaskClaims
from agent.store.task_rows import (
    SUMMARY_COLUMNS,
    TASK_COLUMNS,
    TaskSummary,
    change_task,
    lock_task,
    to_summary,
    to_task,
)
from agent.store.task_search import IS_ARCHIVED, IS_LISTED, TaskQuestion, search_tasks
from agent.store.task_story import delete_story, has_job
from agent.store.wake import QUEUE

StopCause = Literal["trial_pruned"]


class Tasks(TaskClaims, Described[Task]):
    _noun, _table = "task", tasks
    _of_given_up: ClassVar[Mapping[str, object]] = {
        **Described._of_given_up,
        "study_id": None,  # its trial stands without it; one that has no value yet has failed
        "trial_number": None,
    }

    def add(
        self,
        new: NewTask,
        *,
        agent_id: str | None = None,
        node: str | None = None,
        only_for: str | None = None,
    ) -> Task:
        """Add a queued task, or with `agent_id` a task that this agent of `node` has claimed, so that no other agent
        comes first.

        The first free agent takes a queued task; with `only_for` the first free agent of that name. What it uses comes
        out of the trash. NotFound when its plugin, project or model is not in the store.
        """
        taken: dict[str, Any] = {}
        if agent_id is not None:
            taken = {"status": TaskStatus.CONSUMED.value, "agent_id": agent_id, "node": node}
        with self._db.writing(asks=[QUEUE]) as connection:
            return insert_task(connection, new, only_for=only_for, **taken)

    def request_stop(self, id: int, *, cause: StopCause | None = None) -> Task:  # noqa: A002
        """Ask for the end: a queued task ends at once, a running one becomes terminating. Idempotent.

        `cause` says why; None: a person asked. The first request decides.
        The log of a queued task that an agent has begun and given back gets its last event here: no agent will end it.
        """
        with self._db.writing(asks=[id]) as connection:
            row = lock_task(connection, id)
            status = TaskStatus(row.status)
            if status.is_final:
                return to_task(row)
            changed: dict[str, Any] = {"stop_requested": True}
            if not row.stop_requested:
                changed["stop_cause"] = cause
            if status is TaskStatus.QUEUED:
                reason, by = cause or "stopped_by_user", cause or "by_user"
                said = {"stopped": by, "reason": reason}
                add_note(connection, id, message="TASK_END", event_type="TASK_STOPPED", fields=said)
                message = "Stopped before it started." if row.attempt == 1 else "Stopped before its next attempt."
                end_attempt(connection, row, reason, message)
                changed |= {
                    "status": TaskStatus.STOPPED.value,
                    "reason": reason,
                    "message": message,
                    "finished_us": now_us(),
                }
            elif may_become(status, TaskStatus.TERMINATING):
                changed["status"] = TaskStatus.TERMINATING.value
            return change_task(connection, id, changed)

    def get(self, id: int) -> Task:  # noqa: A002
        """Also a task of the trash: its models, and its own page, still find it. NotFound."""
        return self.get_anywhere(id)

    def list(
        self,
        *,
        statuses: Collection[TaskStatus] | None = None,
        limit: int = 100,
        before_id: int | None = None,
        archived: bool | None = False,
    ) -> list[Task]:
        """Newest first; without those of the archive, with `archived` only those, with None both."""
        found = _page(sa.select(*TASK_COLUMNS), statuses, limit, before_id).where(IS_LISTED)
        if archived is not None:
            found = found.where(IS_ARCHIVED if archived else sa.not_(IS_ARCHIVED))
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return [to_task(row) for row in rows]

    def search(self, question: TaskQuestion, window: Window) -> Listing[Task]:
        """The tasks that fit the question; `counts` are by status, whatever statuses are asked for."""
        return search_tasks(self._db, question, window)

    def page(self, *, limit: int, offset: int = 0, ascending: bool = False) -> Page[Task]:
        """`limit` tasks after `offset`, by id; those of the archive, too."""
        listed = sa.select(*TASK_COLUMNS).where(IS_LISTED)
        found = page_of(self._db, listed, tasks.c.id, limit=limit, offset=offset, ascending=ascending)
        return Page([to_task(row) for row in found.values], found.total)

    def summaries(
        self, *, statuses: Collection[TaskStatus] | None = None, limit: int = 100, before_id: int | None = None
    ) -> builtins.list[TaskSummary]:
        """Newest first, like `list`, at a fraction of its cost."""
        found = _page(sa.select(*SUMMARY_COLUMNS), statuses, limit, before_id).where(IS_LISTED)
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return [to_summary(row) for row in rows]

    def serving(self, model_id: int) -> builtins.list[Task]:
        """The tasks that serve a model or will, oldest first: those of type deploy that have not ended."""
        is_on = tasks.c.status.not_in([status.value for status in FINAL])
        found = sa.select(*TASK_COLUMNS).where(
            tasks.c.model_id == model_id, tasks.c.type == TaskType.DEPLOY.value, is_on
        )
        with self._db.reading(brief=True) as connection:
            rows = connection.execute(found.order_by(tasks.c.id)).all()
        return [to_task(row) for row in rows]

    def inferences(self, model_ids: Collection[int], project_id: int) -> builtins.list[Task]:
        """The inferences with these models on this project that are not in the trash, newest first."""
        found = sa.select(*TASK_COLUMNS).where(
            among(self._db, tasks.c.model_id, model_ids),
            tasks.c.project_id == project_id,
            tasks.c.type == TaskType.INFERENCE.value,
            tasks.c.deleted_us.is_(None),
        )
        with self._db.reading() as connection:
            return [to_task(row) for row in connection.execute(found.order_by(tasks.c.id.desc()))]

    def stop_requested(self, id: int, *, agent_id: str | None = None) -> bool:  # noqa: A002
        """With `agent_id`, TakenOver unless the task is this agent's."""
        found = sa.select(tasks.c.stop_requested, tasks.c.agent_id).where(tasks.c.id == id)
        with self._db.reading(brief=True) as connection:
            row = connection.execute(found).first()
        if row is None:
            raise NotFound(f"There is no task {id}.")
        if agent_id is not None and row.agent_id != agent_id:
            raise taken_over(id)
        return bool(row.stop_requested)

    def stop_cause(self, id: int) -> str | None:  # noqa: A002
        """Why the stop was requested; None: a person asked, or nobody."""
        with self._db.reading() as connection:
            return connection.execute(sa.select(tasks.c.stop_cause).where(tasks.c.id == id)).scalar()

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

        With `agent_id`, TakenOver unless the task is this agent's. An agent may say the same again, when it lost the
        answer with its connection: the task is what it became then.
        """
        asks = [QUEUE] if status is TaskStatus.QUEUED else []
        with self._db.writing(asks=asks) as connection:
            row = lock_task(connection, id)
            if agent_id is not None and row.agent_id != agent_id:
                raise taken_over(id)
            current = TaskStatus(row.status)
            if agent_id is not None and current is status:
                return to_task(row)
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
                changed["finished_us"] = now_us()
                end_attempt(connection, row, reason, message)
            if status is TaskStatus.QUEUED:
                changed |= UNCLAIMED
            if status is TaskStatus.FINISHED and _is_to_be_evaluated(row):
                from agent.store.evaluations import queue_evaluation  # late: only inferences need it

                queue_evaluation(connection, row)
                asks.append(QUEUE)
            return change_task(connection, id, changed)

    def set_step(self, id: int, step: Step, *, agent_id: str | None = None) -> None:  # noqa: A002
        self._set(id, agent_id, step=int(step))

    def launching(
        self,
        id: int,  # noqa: A002
        *,
        engine: str,
        spec: Mapping[str, Any],
        image_digest: str | None,
        agent_id: str | None = None,
    ) -> None:
        """Record how the container of a task is about to be started, so that a restarted agent knows where to look."""
        changed = {"engine": engine, "container_spec": to_json(spec), "image_digest": image_digest}
        with self._db.writing() as connection:
            row = lock_task(connection, id)
            if agent_id is not None and row.agent_id != agent_id:
                raise taken_over(id)
            change_task(connection, id, changed)
            begin_attempt(self._db, connection, row)

    def launched(self, id: int, *, container_id: str, agent_id: str | None = None) -> None:  # noqa: A002
        """Record the container of a task: it runs."""
        self._set(id, agent_id, container_id=container_id)

    def decide(
        self,
        id: int,  # noqa: A002
        *,
        reason: str,
        message: str | None,
        exit_code: int | None,
        agent_id: str | None = None,
    ) -> None:
        """Record why a task ends, before its container and folder are removed; `become` makes the end final.

        A task with a `reason` that has not ended is at this point. With `agent_id`, TakenOver unless the task is this
        agent's.
        """
        with self._db.writing() as connection:
            row = lock_task(connection, id)
            if agent_id is not None and row.agent_id != agent_id:
                raise taken_over(id)
            said = clean(message) if message is not None else None
            change_task(connection, id, {"reason": reason, "message": said, "exit_code": exit_code})

    def lose(self, id: int, node: str, attempt: int, decide: Decide) -> Task | None:  # noqa: A002
        """Take a task from the lost node that launched this attempt: `attempts.lose` says how.

        None where the task is no longer the node's, or in another attempt.
        """

        def is_lost(_: sa.Connection, row: sa.Row[Any]) -> bool:
            is_there = row.node == node and row.engine is not None and row.attempt == attempt
            return is_there and not TaskStatus(row.status).is_final

        return lose(self._db, id, is_lost, decide)

    def lose_own(self, id: int, agent_id: str | None, attempt: int, decide: Decide) -> Task:  # noqa: A002
        """As `lose`, by the agent that has the task, which goes on with its placement. Gives it as it is then.

        TakenOver unless this attempt is the agent's, also where another has ended or queued the task meanwhile. It may
        say the same again, when it lost the answer.
        """

        def is_lost(_: sa.Connection, row: sa.Row[Any]) -> bool:
            if row.attempt != attempt or TaskStatus(row.status).is_final:
                return False
            if row.agent_id != agent_id:
                raise taken_over(id)
            return True

        changed = lose(self._db, id, is_lost, decide, keeps_placement=True)
        if changed is None and not was_lost_so(self._db, id, attempt, decide):
            raise taken_over(id)
        return changed or self.get(id)

    def set_result_project(self, id: int, project_id: int, *, agent_id: str | None = None) -> None:  # noqa: A002
        self._set(id, agent_id, result_project_id=project_id)

    # ---------------------------------------------------------------- the archive and the trash

    def archive(self, id: int, *, archived: bool = True) -> Task:  # noqa: A002
        """Leave an ended task out of lists, or take it back into them. Conflict while it has not ended; NotFound."""
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            if archived and (hindrance := self._hindrance(connection, row)) is not None:
                raise Conflict(hindrance)
            if archived == (row.archived_us is not None):
                return self._changed(connection, id)
            return self._changed(connection, id, archived_us=now_us() if archived else None)

    def purge(self, id: int) -> bool:  # noqa: A002
        """Delete a task of the trash, and its log, series, bars and checkpoints; whether it is gone.

        It is given up first, and a long log goes in pieces, so that writers do not wait for it. Its models and the
        project that it made stay. Its folders are the caller's, who deletes them after `give_up` and before this.
        False, too, while a cluster may have a job of it: the job is found by what the store knows of it.
        """
        with self._db.writing() as connection:
            if has_job(connection, id):
                return False
            of_trash = sa.and_(tasks.c.id == id, tasks.c.deleted_us.is_not(None))
            if connection.execute(sa.update(tasks).where(of_trash).values(self._of_given_up)).rowcount == 0:
                return False
        delete_story(self._db, id)
        with self._db.writing() as connection:
            return self._purged(connection, id) is not None

    def _columns(self) -> Sequence[sa.ColumnElement[Any]]:
        return TASK_COLUMNS

    def _value(self, row: Any) -> Task:
        return to_task(row)

    def _hindrance(self, connection: sa.Connection, row: sa.Row[Any]) -> str | None:  # noqa: ARG002 - as for all
        if TaskStatus(row.status).is_final:
            return None
        return f"Task {row.id} is {row.status}; `agent task stop {row.id}` ends it, then it can go."

    def _brought_back(self, connection: sa.Connection, row: sa.Row[Any]) -> None:
        for noun, table, id_ in needs(row):
            if not take(connection, table, id_):
                raise Conflict(
                    f"Task {row.id} cannot come back: its {noun} {id_} was deleted for good. "
                    f"`agent task rm --for-good {row.id}` deletes the task, too."
                )

    def _set(self, id_: int, agent_id: str | None = None, **changed: Any) -> None:
        """With `agent_id`, TakenOver unless the task is this agent's."""
        with self._db.writing() as connection:
            if agent_id is not None and lock_task(connection, id_).agent_id != agent_id:
                raise taken_over(id_)
            change_task(connection, id_, changed)


def _is_to_be_evaluated(row: sa.Row[Any]) -> bool:
    return row.type == TaskType.INFERENCE.value and row.result_project_id is not None and to_task(row).options.evaluate


def _page(
    found: sa.Select[Any], statuses: Collection[TaskStatus] | None, limit: int, before_id: int | None
) -> sa.Select[Any]:
    if statuses is not None:
        found = found.where(tasks.c.status.in_([status.value for status in statuses]))
    if before_id is not None:
        found = found.where(tasks.c.id < before_id)
    return found.order_by(tasks.c.id.desc()).limit(limit)
