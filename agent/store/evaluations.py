"""Evaluations: the predictions of one project against the ground truth of another.

What is counted belongs to a key, the sha256 of what is compared and how: two evaluations of the same content have the
same parts, and nothing is counted twice.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from agent.errors import NotFound
from agent.store.among import among
from agent.store.columns import from_json_or_none, int64, to_json
from agent.store.evaluation_control import EvaluationControl, forget, take_over_figures
from agent.store.evaluation_parts import KEYS
from agent.store.evaluation_rows import (
    LONG,
    OPEN,
    Evaluation,
    EvaluationStatus,
    NewEvaluation,
    Results,
    evaluation_of,
    missing,
    plan_columns,
    row_of,
)
from agent.store.schema import evaluations, projects
from agent.store.wake import QUEUE


class Evaluations(EvaluationControl):
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
                    sa.insert(evaluations).values(row_of(new)).returning(evaluations.c.id)
                ).scalar_one()
            if new.planned is not None:
                take_over_figures(connection, id_, new.planned.key)
            row = connection.execute(sa.select(*self._columns).where(evaluations.c.id == id_)).one()
        return evaluation_of(row)

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
            connection.execute(planned.values(plan_columns(new.planned)))
        if row.status == EvaluationStatus.ERROR.value:
            again = {"status": EvaluationStatus.QUEUED.value, "reason": None, "finished_us": None}
            connection.execute(sa.update(evaluations).where(columns.id == row.id).values(again))
        return int(row.id)

    # ---------------------------------------------------------------- questions

    def get(self, id: int) -> Evaluation:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(*self._columns).where(evaluations.c.id == int64(id))).first()
        if row is None:
            raise missing(id)
        return evaluation_of(row)

    def results(self, id: int) -> Results:  # noqa: A002
        found = sa.select(*(evaluations.c[name] for name in LONG)).where(evaluations.c.id == int64(id))
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
            return [evaluation_of(row) for row in connection.execute(found)]

    def of_models(self, model_ids: Collection[int]) -> builtins.list[Evaluation]:
        """Those of predictions of these models, newest first."""
        found = sa.select(*self._columns).where(among(self._db, evaluations.c.model_id, model_ids))
        with self._db.reading() as connection:
            return [evaluation_of(row) for row in connection.execute(found.order_by(evaluations.c.id.desc()))]

    def waiting(self) -> builtins.list[Evaluation]:
        """Those that are not over, oldest first."""
        found = sa.select(*self._columns).where(evaluations.c.status.in_(OPEN)).order_by(evaluations.c.id)
        with self._db.reading() as connection:
            return [evaluation_of(row) for row in connection.execute(found)]

    def remove(self, id: int) -> None:  # noqa: A002
        """Forget an evaluation; the parts that no other has go with it. NotFound."""
        with self._db.writing() as connection:
            if not forget(self._db, connection, evaluations.c.id == int64(id)):
                raise missing(id)


def queue_evaluation(connection: sa.Connection, task: sa.Row[Any]) -> None:
    """Queue the evaluation of what an inference made, in the transaction that ends the task."""
    new = NewEvaluation(
        truth_id=task.project_id, predicted_id=task.result_project_id, task_id=task.id, model_id=task.model_id
    )
    connection.execute(sa.insert(evaluations).values(row_of(new)))


def _require_projects(connection: sa.Connection, *ids: int) -> None:
    """They stay until the transaction ends."""
    there = sa.select(projects.c.id).where(projects.c.id.in_(ids)).order_by(projects.c.id)
    found = connection.execute(there.with_for_update(read=True, key_share=True)).scalars().all()
    if gone := set(ids) - set(found):
        raise NotFound(f"There is no project {min(gone)}.")
