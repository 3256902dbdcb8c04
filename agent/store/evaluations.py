"""Evaluations: the predictions of one project against the ground truth of another.

What is counted belongs to a key, the sha256 of what is compared and how: two evaluations of the same content have the
same parts, and nothing is counted twice. An evaluation has at most one controller, the process that computes it.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from agent.errors import NotFound
from agent.store.among import among
from agent.store.clock import age, age_us, clock_us
from agent.store.columns import clean, from_json, from_json_or_none, from_us, from_us_or_none, int64, now_us, to_json
from agent.store.connect import Database
from agent.store.evaluation_parts import KEYS, EvaluationParts, forget_unused
from agent.store.schema import evaluations, projects
from agent.store.wake import QUEUE


class EvaluationStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"  # begun, whether its controller lives or not
    DONE = "done"
    ERROR = "error"  # `reason` says why; asking for it again queues it again


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is compared and how, as it was when the key was made."""

    key: str
    contents: tuple[str, str]  # of truth and predictions (`evaluation_parts.contents_of`)
    plan: Mapping[str, Any]
    images_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvaluation:
    truth_id: int
    predicted_id: int
    task_id: int | None = None  # the inference that predicted
    model_id: int | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)  # mapping and suffix
    planned: Planned | None = None  # None: whoever computes it works it out first


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    id: int
    truth_id: int
    predicted_id: int
    key: str | None
    status: EvaluationStatus
    reason: str | None
    task_id: int | None
    model_id: int | None
    images_total: int
    images_done: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    controller: str | None
    controller_info: Mapping[str, Any]
    unseen_for: timedelta | None  # since the controller's last heartbeat
    contents: tuple[str, str] | None
    headline: Mapping[str, Mapping[str, Any]]
    asked: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        return self.status in (EvaluationStatus.DONE, EvaluationStatus.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What is long: of one evaluation at a time."""

    plan: Mapping[str, Any] | None
    remarks: tuple[str, ...]
    figures: Mapping[str, Any] | None  # of all images


_LONG = ("plan", "remarks", "figures")
_OPEN = (EvaluationStatus.QUEUED.value, EvaluationStatus.RUNNING.value)


class Evaluations(EvaluationParts):
    def add(self, new: NewEvaluation) -> Evaluation:
        """The evaluation of these projects by this plan: the one that exists, else a new one in the queue.

        One that failed is queued again. Where another of the same key is done, so is this: nothing is left to count.
        NotFound when one of the projects is gone.
        """
        with self._db.writing(asks=[QUEUE]) as connection:
            _require_projects(connection, new.truth_id, new.predicted_id)
            self._db.lock(connection, KEYS)
            id_ = self._known(connection, new)
            if id_ is None:
                id_ = connection.execute(
                    sa.insert(evaluations).values(_values(new)).returning(evaluations.c.id)
                ).scalar_one()
            if new.planned is not None:
                _take_over_figures(connection, id_, new.planned.key)
            row = connection.execute(sa.select(*self._columns).where(evaluations.c.id == id_)).one()
        return _evaluation(row)

    def _known(self, connection: sa.Connection, new: NewEvaluation) -> int | None:
        """The row of the same evaluation, in the queue if it had failed; one that waits for its plan has it now."""
        if new.planned is None:
            return None
        columns = evaluations.c
        of_pair = sa.select(columns.id, columns.status).where(
            columns.truth_project_id == new.truth_id, columns.predicted_project_id == new.predicted_id
        )
        row = connection.execute(of_pair.where(columns.key == new.planned.key).with_for_update()).first()
        if row is None:
            unplanned = of_pair.where(columns.key.is_(None), columns.asked == to_json(new.asked))
            row = connection.execute(unplanned.limit(1).with_for_update()).first()
            if row is None:
                return None
            planned = sa.update(evaluations).where(columns.id == row.id)
            connection.execute(planned.values(_plan_values(new.planned)))
        if row.status == EvaluationStatus.ERROR.value:
            again = {"status": EvaluationStatus.QUEUED.value, "reason": None, "finished_us": None}
            connection.execute(sa.update(evaluations).where(columns.id == row.id).values(again))
        return int(row.id)

    # ---------------------------------------------------------------- questions

    @property
    def _columns(self) -> builtins.list[sa.ColumnElement[Any]]:
        short = [column for column in evaluations.c if column.name not in _LONG]
        return [*short, age_us(self._db, evaluations.c.seen_us).label("unseen_us")]

    def get(self, id: int) -> Evaluation:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(*self._columns).where(evaluations.c.id == int64(id))).first()
        if row is None:
            raise missing(id)
        return _evaluation(row)

    def results(self, id: int) -> Results:  # noqa: A002
        found = sa.select(*(evaluations.c[name] for name in _LONG)).where(evaluations.c.id == int64(id))
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise missing(id)
        remarks = tuple(from_json_or_none(row.remarks) or ())
        return Results(plan=from_json_or_none(row.plan), remarks=remarks, figures=from_json_or_none(row.figures))

    def list(
        self,
        *,
        limit: int = 100,
        before_id: int | None = None,
        project_id: int | None = None,
        task_id: int | None = None,
        model_id: int | None = None,
    ) -> builtins.list[Evaluation]:
        """Newest first. Where given: those in which the project is on either side, of the inference, of the model."""
        found = sa.select(*self._columns).order_by(evaluations.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(evaluations.c.id < int64(before_id))
        if project_id is not None:
            sides = (evaluations.c.truth_project_id, evaluations.c.predicted_project_id)
            found = found.where(sa.or_(*(side == int64(project_id) for side in sides)))
        if task_id is not None:
            found = found.where(evaluations.c.task_id == int64(task_id))
        if model_id is not None:
            found = found.where(evaluations.c.model_id == int64(model_id))
        with self._db.reading() as connection:
            return [_evaluation(row) for row in connection.execute(found)]

    def of_models(self, model_ids: Collection[int]) -> builtins.list[Evaluation]:
        """Those of predictions of these models, newest first."""
        found = sa.select(*self._columns).where(among(self._db, evaluations.c.model_id, model_ids))
        with self._db.reading() as connection:
            return [_evaluation(row) for row in connection.execute(found.order_by(evaluations.c.id.desc()))]

    def waiting(self) -> builtins.list[Evaluation]:
        """Those that are not over, oldest first."""
        found = sa.select(*self._columns).where(evaluations.c.status.in_(_OPEN)).order_by(evaluations.c.id)
        with self._db.reading() as connection:
            return [_evaluation(row) for row in connection.execute(found)]

    # ---------------------------------------------------------------- the controller

    def control(
        self,
        id: int,  # noqa: A002
        controller: str,
        info: Mapping[str, Any],
        *,
        instead_of: str | None,
    ) -> bool:
        """Become the controller of one that is not over; False when another was quicker.

        `instead_of` was seen there and is dead.
        """
        with self._db.writing() as connection:
            free = evaluations.c.controller.is_not_distinct_from(instead_of)
            taken = sa.update(evaluations).where(evaluations.c.id == id, free, evaluations.c.status.in_(_OPEN))
            values = {
                "controller": controller,
                "controller_info": to_json(info),
                "seen_us": clock_us(self._db),
                "status": EvaluationStatus.RUNNING.value,
                "started_us": sa.func.coalesce(evaluations.c.started_us, now_us()),
            }
            return connection.execute(taken.values(values)).rowcount == 1

    def beat(self, id: int, controller: str) -> None:  # noqa: A002
        """The controller is alive now. Conflict when another process computes it, or it is gone."""
        with self._db.writing(durable=False, wakes=False) as connection:
            self._change(connection, id, controller, seen_us=clock_us(self._db))

    def release(self, id: int, controller: str) -> None:  # noqa: A002
        """Leave it to others. One that is not over waits in the queue again."""
        with self._db.writing(asks=[QUEUE]) as connection:
            mine = sa.update(evaluations).where(evaluations.c.id == id, evaluations.c.controller == controller)
            is_running = evaluations.c.status == EvaluationStatus.RUNNING.value
            queued = sa.case((is_running, EvaluationStatus.QUEUED.value), else_=evaluations.c.status)
            connection.execute(mine.values(controller=None, controller_info=None, seen_us=None, status=queued))

    def plan(self, id: int, controller: str, planned: Planned) -> Evaluation:  # noqa: A002
        """What is compared and how, of one that was queued without.

        Where another of the same key is done, so is this; where these projects have one of this key already, that one
        is given and this is no more. Conflict when it is not this controller's any more.
        """
        with self._db.writing() as connection:
            self._db.lock(connection, KEYS)
            if (same := self._twin(connection, id, planned.key)) is not None:
                forget(self._db, connection, evaluations.c.id == id)
                return _evaluation(same)
            self._change(connection, id, controller, **_plan_values(planned))
            _take_over_figures(connection, id, planned.key)
            row = connection.execute(sa.select(*self._columns).where(evaluations.c.id == id)).one()
        return _evaluation(row)

    def _twin(self, connection: sa.Connection, id_: int, key: str) -> sa.Row[Any] | None:
        mine = evaluations.alias("mine")
        same = sa.and_(
            mine.c.id == id_,
            evaluations.c.id != id_,
            evaluations.c.key == key,
            evaluations.c.truth_project_id == mine.c.truth_project_id,
            evaluations.c.predicted_project_id == mine.c.predicted_project_id,
        )
        return connection.execute(sa.select(*self._columns).select_from(evaluations.join(mine, same))).first()

    def finish(
        self,
        id: int,  # noqa: A002
        controller: str,
        *,
        figures: Mapping[str, Any],
        headline: Mapping[str, Mapping[str, Any]],
        remarks: Collection[str],
    ) -> None:
        """Conflict when it is not this controller's any more, or a project was changed meanwhile."""
        with self._db.writing() as connection:
            self._require_unchanged(connection, id, controller)
            self._change(
                connection,
                id,
                controller,
                status=EvaluationStatus.DONE.value,
                finished_us=now_us(),
                images_done=evaluations.c.images_total,
                figures=to_json(figures),
                headline=to_json(headline),
                remarks=to_json(list(remarks)),
            )

    def fail(self, id: int, controller: str, reason: str, *, forgets_parts: bool = False) -> None:  # noqa: A002
        """It ends without figures. Its parts stay for the next time, or go, unless another evaluation has them."""
        with self._db.writing() as connection:
            values = {"status": EvaluationStatus.ERROR.value, "finished_us": now_us(), "reason": clean(reason)}
            self._change(connection, id, controller, **values, images_done=0)
            if forgets_parts:
                forget_unused(self._db, connection, evaluations.c.id == id)

    def remove(self, id: int) -> None:  # noqa: A002
        """Forget an evaluation; the parts that no other has go with it. NotFound."""
        with self._db.writing() as connection:
            if not forget(self._db, connection, evaluations.c.id == int64(id)):
                raise missing(id)


def forget(database: Database, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    """Delete evaluations with the parts that no other has; how many there were."""
    forget_unused(database, connection, condition)
    return connection.execute(sa.delete(evaluations).where(condition)).rowcount


def forget_project(database: Database, connection: sa.Connection, project_id: int) -> None:
    """Delete the evaluations in which the project is on either side."""
    sides = (evaluations.c.truth_project_id, evaluations.c.predicted_project_id)
    forget(database, connection, sa.or_(*(side == project_id for side in sides)))


def queue_evaluation(connection: sa.Connection, task: sa.Row[Any]) -> None:
    """Queue the evaluation of what an inference made, in the transaction that ends the task."""
    new = NewEvaluation(
        truth_id=task.project_id, predicted_id=task.result_project_id, task_id=task.id, model_id=task.model_id
    )
    connection.execute(sa.insert(evaluations).values(_values(new)))


def missing(id_: int) -> NotFound:
    return NotFound(f"There is no evaluation {id_}; see `agent evaluate list`.")


def _require_projects(connection: sa.Connection, *ids: int) -> None:
    """They stay until the transaction ends."""
    there = sa.select(projects.c.id).where(projects.c.id.in_(ids)).order_by(projects.c.id)
    found = connection.execute(there.with_for_update(read=True, key_share=True)).scalars().all()
    if gone := set(ids) - set(found):
        raise NotFound(f"There is no project {min(gone)}.")


def _values(new: NewEvaluation) -> dict[str, Any]:
    return {
        "truth_project_id": new.truth_id,
        "predicted_project_id": new.predicted_id,
        "status": EvaluationStatus.QUEUED.value,
        "task_id": new.task_id,
        "model_id": new.model_id,
        "created_us": now_us(),
        "asked": to_json(new.asked),
        **(_plan_values(new.planned) if new.planned is not None else {}),
    }


def _plan_values(planned: Planned) -> dict[str, Any]:
    return {
        "key": planned.key,
        "contents": to_json(list(planned.contents)),
        "plan": to_json(planned.plan),
        "images_total": planned.images_total,
    }


def _take_over_figures(connection: sa.Connection, id_: int, key: str) -> None:
    """Where another evaluation of this key is done, so is this one, with the same figures."""
    other = evaluations.alias("other")
    done = sa.select(other.c.figures, other.c.headline, other.c.remarks, other.c.images_done)
    done = done.where(other.c.key == key, other.c.status == EvaluationStatus.DONE.value, other.c.id != id_).limit(1)
    if (row := connection.execute(done).first()) is None:
        return
    now = now_us()
    mine = sa.update(evaluations).where(
        evaluations.c.id == id_, evaluations.c.status != EvaluationStatus.DONE.value, evaluations.c.key == key
    )
    times = {"started_us": sa.func.coalesce(evaluations.c.started_us, now), "finished_us": now}
    connection.execute(mine.values(status=EvaluationStatus.DONE.value, **row._mapping, **times))


def _evaluation(row: Any) -> Evaluation:
    contents = from_json_or_none(row.contents)
    return Evaluation(
        id=row.id,
        truth_id=row.truth_project_id,
        predicted_id=row.predicted_project_id,
        key=row.key,
        status=EvaluationStatus(row.status),
        reason=row.reason,
        task_id=row.task_id,
        model_id=row.model_id,
        images_total=row.images_total,
        images_done=row.images_done,
        created_at=from_us(row.created_us),
        started_at=from_us_or_none(row.started_us),
        finished_at=from_us_or_none(row.finished_us),
        controller=row.controller,
        controller_info=from_json_or_none(row.controller_info) or {},
        unseen_for=None if row.unseen_us is None else age(row.unseen_us),
        contents=None if contents is None else (contents[0], contents[1]),
        headline=from_json_or_none(row.headline) or {},
        asked=from_json(row.asked),
    )
