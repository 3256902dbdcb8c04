"""Checkpoints a plugin reported, from snapshot to published model state."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, Checkpoint, CheckpointState, Model, NewModel
from agent.errors import Conflict, NotFound
from agent.events.model import CheckpointReported
from agent.keep_policy import KeptCheckpoint
from agent.store.among import portions
from agent.store.columns import clean, from_json_or_none, from_us, int64, now_us, to_json_or_none
from agent.store.connect import Database
from agent.store.failures import taken_over
from agent.store.model_rows import insert_model, model_of
from agent.store.schema import checkpoints, models, tasks
from agent.store.task_rows import lock_task


class Checkpoints:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, task_id: int, seq: int, reported: CheckpointReported, *, agent_id: str | None = None) -> Checkpoint:
        """Add a checkpoint in state snapshot. The same (task_id, seq) again gives the first checkpoint, unchanged.

        With `agent_id`, TakenOver unless the task is this agent's. NotFound without such a task.
        """
        insert = (
            self._db.insert(checkpoints)
            .values(
                task_id=task_id,
                seq=seq,
                checkpoint_index=int64(reported.index),
                subdir=clean(reported.subdir),
                size_bytes=int64(reported.size_bytes),
                is_best=reported.is_best,
                optional=to_json_or_none(reported.optional),
                state=CheckpointState.SNAPSHOT.value,
                created_us=now_us(),
            )
            .on_conflict_do_nothing(index_elements=["task_id", "seq"])
        )
        known = sa.select(checkpoints).where(checkpoints.c.task_id == task_id, checkpoints.c.seq == seq)
        with self._db.writing(durable=False) as connection:  # called in the log loop
            if agent_id is not None and lock_task(connection, task_id).agent_id != agent_id:
                raise taken_over(task_id)
            try:
                connection.execute(insert)
            except sa.exc.IntegrityError as error:
                raise NotFound(f"There is no task {task_id}.") from error
            return to_checkpoint(connection.execute(known).one())

    def publish(self, id: int, new: NewModel, *, agent_id: str | None = None) -> Model:  # noqa: A002
        """Add its model state and mark it published, in one transaction: a crash leaves both or neither.

        The same bytes again give the first model, unchanged: its agent may have lost the answer with its connection.
        Conflict when it is published as anything else; NotFound without such a checkpoint. With `agent_id`, TakenOver
        unless the task is this agent's.
        """
        with self._db.writing() as connection:
            _require_holder(connection, id, agent_id)
            row = connection.execute(sa.select(checkpoints).where(checkpoints.c.id == id).with_for_update()).first()
            if row is not None and row.state == CheckpointState.PUBLISHED.value:
                known = connection.execute(sa.select(models).where(models.c.id == row.model_id)).first()
                if known is not None and known.sha256 == new.sha256:
                    return model_of(known)
                raise Conflict(f"Checkpoint {id} is already published as model {row.model_id}.")
            model = insert_model(connection, new)
            _changed(connection, id, {"state": CheckpointState.PUBLISHED.value, "model_id": model.id, "reason": None})
            return model

    def adopt(self, id: int, model_id: int, *, agent_id: str | None = None) -> Checkpoint:  # noqa: A002
        """Mark it published as a model that was uploaded by itself, which learns from which checkpoint it is.

        Conflict when it is published as another; NotFound without such a checkpoint. With `agent_id`, TakenOver unless
        the task is this agent's.
        """
        with self._db.writing() as connection:
            _require_holder(connection, id, agent_id)
            row = connection.execute(sa.select(checkpoints).where(checkpoints.c.id == id).with_for_update()).first()
            if row is not None and row.state == CheckpointState.PUBLISHED.value and row.model_id != model_id:
                raise Conflict(f"Checkpoint {id} is already published as model {row.model_id}.")
            changed = {"state": CheckpointState.PUBLISHED.value, "model_id": model_id, "reason": None}
            adopted = _changed(connection, id, changed)
            of_model = {
                "checkpoint_index": int64(adopted.index),
                "is_best": adopted.is_best,
                "optional": to_json_or_none(adopted.optional),
            }
            connection.execute(sa.update(models).where(models.c.id == model_id).values(of_model))
            return adopted

    def fail(self, id: int, reason: str, *, agent_id: str | None = None) -> Checkpoint:  # noqa: A002
        """Record that it will not become a model state, and the reason. Conflict for a published checkpoint.

        With `agent_id`, TakenOver unless the task is this agent's.
        """
        with self._db.writing() as connection:
            _require_holder(connection, id, agent_id)
            row = connection.execute(sa.select(checkpoints).where(checkpoints.c.id == id).with_for_update()).first()
            if row is not None and row.state == CheckpointState.PUBLISHED.value:
                raise Conflict(f"Checkpoint {id} is already published as model {row.model_id}.")
            return _changed(connection, id, {"state": CheckpointState.FAILED.value, "reason": clean(reason)})

    def get(self, id: int) -> Checkpoint:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(checkpoints).where(checkpoints.c.id == id)).first()
        if row is None:
            raise NotFound(f"There is no checkpoint {id}.")
        return to_checkpoint(row)

    def list(self, task_id: int) -> list[Checkpoint]:
        """In the order reported."""
        found = sa.select(checkpoints).where(checkpoints.c.task_id == task_id).order_by(checkpoints.c.seq)
        with self._db.reading() as connection:
            return [to_checkpoint(row) for row in connection.execute(found)]

    def counts(self, task_ids: Collection[int]) -> dict[int, int]:
        """Task → the number of its checkpoints; a task without checkpoints is left out."""
        found: dict[int, int] = {}
        task_id = checkpoints.c.task_id
        with self._db.reading() as connection:
            for some in portions(task_ids):
                by_task = sa.select(task_id, sa.func.count()).where(task_id.in_(some)).group_by(task_id)
                found |= {row[0]: row[1] for row in connection.execute(by_task)}
        return found

    def published(self) -> builtins.list[KeptCheckpoint]:
        """Models that checkpoints of ended tasks became and that are not in the trash, in the order reported."""
        used = sa.exists().where(tasks.c.model_id == models.c.id).correlate(models)
        task_of = checkpoints.c.task_id
        numbered = sa.select(
            checkpoints.c.task_id,
            checkpoints.c.model_id,
            checkpoints.c.is_best,
            sa.func.row_number().over(partition_by=task_of, order_by=checkpoints.c.seq).label("position"),
            sa.func.count().over(partition_by=task_of).label("count"),
        ).subquery()
        task = tasks.alias()
        found = (
            sa.select(numbered, models.c.name, models.c.size_bytes, models.c.pinned, used.label("used"))
            .join(models, models.c.id == numbered.c.model_id)
            .join(task, task.c.id == numbered.c.task_id)
            .where(models.c.deleted_us.is_(None), task.c.status.in_([status.value for status in FINAL]))
            .order_by(numbered.c.task_id, numbered.c.position)
        )
        with self._db.reading() as connection:
            return [
                KeptCheckpoint(
                    model_id=row.model_id,
                    task_id=row.task_id,
                    name=row.name,
                    size_bytes=row.size_bytes,
                    position=row.position,
                    is_best=row.is_best,
                    is_last=row.position == row.count,
                    pinned=row.pinned,
                    used=row.used,
                )
                for row in connection.execute(found)
            ]


def _require_holder(connection: sa.Connection, id_: int, agent_id: str | None) -> None:
    """TakenOver unless the task of this checkpoint is this agent's, until the transaction ends."""
    if agent_id is None:
        return
    task = sa.select(tasks.c.id, tasks.c.agent_id).join(checkpoints, checkpoints.c.task_id == tasks.c.id)
    row = connection.execute(task.where(checkpoints.c.id == id_).with_for_update(of=tasks)).first()
    if row is not None and row.agent_id != agent_id:
        raise taken_over(row.id)


def _changed(connection: sa.Connection, id_: int, changed: dict[str, Any]) -> Checkpoint:
    row = connection.execute(
        sa.update(checkpoints).where(checkpoints.c.id == id_).values(changed).returning(*checkpoints.c)
    ).first()
    if row is None:
        raise NotFound(f"There is no checkpoint {id_}.")
    return to_checkpoint(row)


def to_checkpoint(row: sa.Row[Any]) -> Checkpoint:
    return Checkpoint(
        id=row.id,
        task_id=row.task_id,
        seq=row.seq,
        index=row.checkpoint_index,
        subdir=row.subdir,
        size_bytes=row.size_bytes,
        is_best=row.is_best,
        optional=from_json_or_none(row.optional),
        state=CheckpointState(row.state),
        reason=row.reason,
        model_id=row.model_id,
        created_at=from_us(row.created_us),
    )
