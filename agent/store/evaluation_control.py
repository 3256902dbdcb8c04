"""What the process does that computes an evaluation: take it, plan it, end it. And how evaluations are forgotten."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from agent.store.clock import age_us
from agent.store.columns import clean, now_us, to_json
from agent.store.connect import Database
from agent.store.evaluation_parts import KEYS, EvaluationParts, forget_unused
from agent.store.evaluation_rows import LONG, OPEN, Evaluation, EvaluationStatus, Planned, evaluation_of, plan_columns
from agent.store.schema import evaluations
from agent.store.wake import QUEUE


class EvaluationControl(EvaluationParts):
    """An evaluation has at most one controller."""

    @property
    def _columns(self) -> builtins.list[sa.ColumnElement[Any]]:
        short = [column for column in evaluations.c if column.name not in LONG]
        return [*short, age_us(self._db, evaluations.c.seen_us).label("unseen_us")]

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
        begun = {
            "status": EvaluationStatus.RUNNING.value,
            "started_us": sa.func.coalesce(evaluations.c.started_us, now_us()),
        }
        is_open = evaluations.c.status.in_(OPEN)
        with self._db.writing() as connection:
            return self._lease.take(connection, id, controller, info, instead_of=instead_of, only=[is_open], **begun)

    def beat(self, id: int, controller: str) -> None:  # noqa: A002
        """The controller is alive now. Conflict when another process computes it, or it is gone."""
        self._lease.beat(id, controller)

    def release(self, id: int, controller: str) -> None:  # noqa: A002
        """Leave it to others. One that is not over waits in the queue again."""
        with self._db.writing(asks=[QUEUE]) as connection:
            is_running = evaluations.c.status == EvaluationStatus.RUNNING.value
            queued = sa.case((is_running, EvaluationStatus.QUEUED.value), else_=evaluations.c.status)
            self._lease.release(connection, id, controller, status=queued)

    def plan(self, id: int, controller: str, planned: Planned) -> Evaluation:  # noqa: A002
        """What is compared and how, of one that was queued without.

        Where another of the same key is done, so is this; where these projects have one of this key already, that one
        is given and this is no more. Conflict when it is not this controller's any more.
        """
        with self._db.writing() as connection:
            self._db.lock(connection, KEYS)
            if (same := self._twin(connection, id, planned.key)) is not None:
                forget(self._db, connection, evaluations.c.id == id)
                return evaluation_of(same)
            self._lease.change(connection, id, controller, **plan_columns(planned))
            take_over_figures(connection, id, planned.key)
            row = connection.execute(sa.select(*self._columns).where(evaluations.c.id == id)).one()
        return evaluation_of(row)

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
            self._lease.change(
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
            self._lease.change(connection, id, controller, **values, images_done=0)
            if forgets_parts:
                forget_unused(self._db, connection, evaluations.c.id == id)


def forget(database: Database, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    """Delete evaluations with the parts that no other has; how many there were."""
    forget_unused(database, connection, condition)
    return connection.execute(sa.delete(evaluations).where(condition)).rowcount


def forget_project(database: Database, connection: sa.Connection, project_id: int) -> None:
    """Delete the evaluations in which the project is on either side."""
    sides = (evaluations.c.truth_project_id, evaluations.c.predicted_project_id)
    forget(database, connection, sa.or_(*(side == project_id for side in sides)))


def take_over_figures(connection: sa.Connection, id_: int, key: str) -> None:
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
