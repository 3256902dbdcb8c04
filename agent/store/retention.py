"""What is kept and what may go: pins, the trash, and which blobs some row still names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import sqlalchemy as sa

from agent.domain import FINAL, Model
from agent.errors import Conflict, NotFound
from agent.store.columns import now_us
from agent.store.connect import Database
from agent.store.models import model_of
from agent.store.schema import checkpoints, images, models, projects, tasks


class KeptCheckpoint(msgspec.Struct, frozen=True):
    """A model made by a checkpoint of a task that has ended."""

    model_id: int
    task_id: int
    name: str
    size_bytes: int
    position: int  # from 1, among all checkpoints the task reported, also those whose model is gone
    is_best: bool  # the best so far when it was reported: of several the last is the best
    is_last: bool
    pinned: bool
    used: bool  # a task starts from it


class Retention:
    def __init__(self, database: Database) -> None:
        self._db = database

    def pin(self, id: int, *, pinned: bool = True) -> Model:  # noqa: A002
        """A pinned model is kept whatever the policy says."""
        return self._change(id, pinned=pinned)

    def trash(self, id: int) -> Model:  # noqa: A002
        """Hide a model; it can be restored until it is purged. Conflict when it is pinned or a task starts from it."""
        with self._db.writing() as connection:
            row = connection.execute(sa.select(models).where(models.c.id == id).with_for_update()).first()
            if row is None:
                raise NotFound(f"There is no model {id}.")
            if row.pinned:
                raise Conflict(f"Model {id} is pinned; `agent model unpin {id}` first.")
            user = connection.execute(sa.select(tasks.c.id).where(tasks.c.model_id == id).limit(1)).scalar()
            if user is not None:
                raise Conflict(f"Task {user} starts from model {id}; it stays as long as the task is kept.")
            if row.deleted_us is None:
                connection.execute(sa.update(models).where(models.c.id == id).values(deleted_us=now_us()))
            return model_of(connection.execute(sa.select(models).where(models.c.id == id)).one())

    def restore(self, id: int) -> Model:  # noqa: A002
        """Take a model out of the trash; one that is not in it stays as it is. NotFound when it is gone for good."""
        return self._change(id, deleted_us=None)

    def trashed(self, *, before_us: int | None = None) -> list[Model]:
        """What is in the trash, deleted before that time where given; the oldest first."""
        found = sa.select(models).where(models.c.deleted_us.is_not(None)).order_by(models.c.deleted_us, models.c.id)
        if before_us is not None:
            found = found.where(models.c.deleted_us < before_us)
        with self._db.reading() as connection:
            return [model_of(row) for row in connection.execute(found)]

    def purge(self, id: int) -> str | None:  # noqa: A002
        """Forget a model of the trash for good; the hash of its bytes. None when it is not there any more.

        One from which a task starts by now is restored instead.
        """
        with self._db.writing() as connection:
            in_trash = sa.and_(models.c.id == id, models.c.deleted_us.is_not(None))
            row = connection.execute(sa.select(models.c.sha256).where(in_trash).with_for_update()).first()
            if row is None:
                return None
            if connection.execute(sa.select(tasks.c.id).where(tasks.c.model_id == id).limit(1)).scalar() is not None:
                connection.execute(sa.update(models).where(in_trash).values(deleted_us=None))
                return None
            connection.execute(sa.update(checkpoints).where(checkpoints.c.model_id == id).values(model_id=None))
            connection.execute(sa.delete(models).where(in_trash))
            return str(row.sha256)

    def checkpoints(self) -> list[KeptCheckpoint]:
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

    # ---------------------------------------------------------------- blobs

    def named_blobs(self) -> set[str]:
        """The hashes some row names: of models, those in the trash too, and of images."""
        found = sa.union(sa.select(models.c.sha256), sa.select(images.c.sha256))
        with self._db.reading() as connection:
            return set(connection.execute(found).scalars())

    @contextmanager
    def unnamed(self, sha256: str) -> Iterator[bool]:
        """Whether no row names this blob; while the block runs none can begin to. Keep it short: writers wait."""
        named = sa.union(
            sa.select(models.c.id).where(models.c.sha256 == sha256),
            sa.select(images.c.id).where(images.c.sha256 == sha256),
        )
        with self._db.writing() as connection:
            if not self._db.is_sqlite:  # there, one transaction does not keep others from adding rows
                connection.exec_driver_sql("LOCK TABLE models, images IN SHARE MODE")
            yield connection.execute(named).first() is None

    # ---------------------------------------------------------------- who takes how much

    def models_by_task(self) -> dict[int, tuple[int, int]]:
        """Task → number and bytes of the models it made; equal content counts once a task."""
        kinds = sa.select(models.c.task_id, models.c.sha256, models.c.size_bytes).distinct().subquery()
        found = (
            sa.select(kinds.c.task_id, sa.func.count(), sa.func.sum(kinds.c.size_bytes))
            .where(kinds.c.task_id.is_not(None), kinds.c.sha256 != "")
            .group_by(kinds.c.task_id)
        )
        with self._db.reading() as connection:
            return {row[0]: (row[1], int(row[2])) for row in connection.execute(found)}

    def largest_models(self, limit: int) -> list[Model]:
        found = sa.select(models).where(models.c.deleted_us.is_(None)).order_by(models.c.size_bytes.desc(), models.c.id)
        with self._db.reading() as connection:
            return [model_of(row) for row in connection.execute(found.limit(limit))]

    def largest_projects(self, limit: int) -> Sequence[tuple[int, str, int, int]]:
        """Id, name, images and bytes."""
        found = sa.select(projects.c.id, projects.c.name, projects.c.images_count, projects.c.size_bytes)
        ordered = found.order_by(projects.c.size_bytes.desc(), projects.c.id).limit(limit)
        with self._db.reading() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(ordered)]

    def _change(self, id_: int, **changed: object) -> Model:
        change = sa.update(models).where(models.c.id == id_).values(changed).returning(*models.c)
        with self._db.writing() as connection:
            row = connection.execute(change).first()
        if row is None:
            raise NotFound(f"There is no model {id_}.")
        return model_of(row)
