"""Model states in the library and where each came from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from agent.domain import Model, NewModel, Provenance
from agent.errors import Conflict, NotFound
from agent.store.columns import clean, contains, from_json_or_none, from_us, from_us_or_none, now_us, to_json_or_none
from agent.store.connect import Database
from agent.store.paging import Page, page_of
from agent.store.schema import checkpoints, models, tasks

_SHA256_START = re.compile(r"[0-9a-f]{8,64}")
_HAS_BYTES = models.c.sha256 != ""  # not one whose bytes are yet to be uploaded
_IS_THERE = sa.and_(_HAS_BYTES, models.c.deleted_us.is_(None))  # and not in the trash


class Models:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, new: NewModel) -> Model:
        """A new entry; the same bytes may be in the library under several names."""
        with self._db.writing() as connection:
            return insert_model(connection, new)

    def get(self, id: int) -> Model:  # noqa: A002
        """Also one in the trash: what names it still finds it there."""
        with self._db.reading() as connection:
            row = connection.execute(sa.select(models).where(models.c.id == id, _HAS_BYTES)).first()
        if row is None:
            raise NotFound(f"There is no model {id}.")
        return model_of(row)

    def list(
        self,
        *,
        limit: int = 100,
        before_id: int | None = None,
        name: str | None = None,
        task_id: int | None = None,
        text: str | None = None,
    ) -> list[Model]:
        """Newest first, of this exact name, from this task, with this text in the name where given."""
        found = sa.select(models).where(_IS_THERE).order_by(models.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(models.c.id < before_id)
        if name is not None:
            found = found.where(models.c.name == clean(name))
        if task_id is not None:
            found = found.where(models.c.task_id == task_id)
        if text is not None:
            found = found.where(contains(models.c.name, text))
        with self._db.reading() as connection:
            return [model_of(row) for row in connection.execute(found)]

    def page(self, *, limit: int, offset: int = 0, ascending: bool = False, name: str | None = None) -> Page[Model]:
        """`limit` models after `offset`, by id; of this exact name where given."""
        found = sa.select(models).where(_IS_THERE)
        if name is not None:
            found = found.where(models.c.name == clean(name))
        rows = page_of(self._db, found, models.c.id, limit=limit, offset=offset, ascending=ascending)
        return Page([model_of(row) for row in rows.values], rows.total)

    def find(self, name_or_sha: str) -> Model:
        """The newest of this exact name, else the newest whose sha256 begins so (8 digits or more).

        NotFound; Conflict when the beginning fits several contents.
        """
        missing = f"There is no model named {name_or_sha!r}."
        try:
            return self._one(models.c.name == clean(name_or_sha), missing)
        except NotFound:
            if not _SHA256_START.fullmatch(name_or_sha):
                raise
        begins = models.c.sha256.startswith(name_or_sha, autoescape=True)
        with self._db.reading() as connection:
            contents = connection.execute(sa.select(models.c.sha256).where(begins).distinct().limit(5)).scalars().all()
        if len(contents) > 1:
            raise Conflict(f"Several models have a sha256 that begins with {name_or_sha}: {', '.join(contents)}.")
        return self._one(begins, missing)

    def by_sha256(self, sha: str) -> Model | None:
        """The newest model state with these bytes."""
        found = sa.select(models).where(models.c.sha256 == sha, _IS_THERE).order_by(models.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        return None if row is None else model_of(row)

    def used_by(self, id: int, *, limit: int = 100) -> Sequence[int]:  # noqa: A002
        """Ids of the tasks that start, or started, from this model; newest first."""
        found = sa.select(tasks.c.id).where(tasks.c.model_id == id).order_by(tasks.c.id.desc()).limit(limit)
        with self._db.reading() as connection:
            return connection.execute(found).scalars().all()

    def rename(self, id: int, name: str) -> Model:  # noqa: A002
        with self._db.writing() as connection:
            row = connection.execute(
                sa.update(models)
                .where(models.c.id == id)
                .values(name=clean(name), updated_us=now_us())
                .returning(*models.c)
            ).first()
        if row is None:
            raise NotFound(f"There is no model {id}.")
        return model_of(row)

    def reserve(self, upload_hash: str, name: str, provenance: Provenance) -> int:
        """The id of a model whose bytes will be uploaded under this word; nobody else sees it until then."""
        with self._db.writing() as connection:
            return insert_model(connection, NewModel(name, "", 0, None, provenance=provenance), upload_hash).id

    def reserved(self, upload_hash: str) -> Model:
        """The model of this word, with or without its bytes. NotFound."""
        with self._db.reading() as connection:
            row = connection.execute(sa.select(models).where(models.c.upload_hash == clean(upload_hash))).first()
        if row is None:
            raise NotFound("No upload is expected under this hash.")
        return model_of(row)

    def fill(
        self, upload_hash: str, *, name: str, sha256: str, size_bytes: int, config: Mapping[str, Any] | None
    ) -> Model:
        """The bytes of a reserved model have come. NotFound; Conflict when others came before."""
        with self._db.writing() as connection:
            row = connection.execute(
                sa.select(models).where(models.c.upload_hash == clean(upload_hash)).with_for_update()
            ).first()
            if row is None:
                raise NotFound("No upload is expected under this hash.")
            if row.sha256 == sha256:
                return model_of(row)
            if row.sha256:
                raise Conflict(f"Model {row.id} was uploaded already, with other content.")
            said = {"name": clean(name), "sha256": sha256, "size_bytes": size_bytes, "updated_us": now_us()}
            said |= {"config": to_json_or_none(config)}
            filled = sa.update(models).where(models.c.id == row.id).values(said).returning(*models.c)
            return model_of(connection.execute(filled).one())

    def remove(self, id: int) -> None:  # noqa: A002
        """Forget a model. Conflict while a task names it as its input; a checkpoint only forgets its model."""
        with self._db.writing() as connection:
            user = connection.execute(sa.select(tasks.c.id).where(tasks.c.model_id == id).limit(1)).scalar()
            if user is not None:
                raise Conflict(f"Task {user} starts from model {id}; it stays as long as the task is kept.")
            connection.execute(sa.update(checkpoints).where(checkpoints.c.model_id == id).values(model_id=None))
            if connection.execute(sa.delete(models).where(models.c.id == id)).rowcount == 0:
                raise NotFound(f"There is no model {id}.")

    def _one(self, condition: sa.ColumnElement[bool], missing: str) -> Model:
        found = sa.select(models).where(condition, _IS_THERE).order_by(models.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise NotFound(missing)
        return model_of(row)


def model_of(row: sa.Row[Any]) -> Model:
    return Model(
        id=row.id,
        name=row.name,
        description=row.description,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        config=from_json_or_none(row.config),
        only_train=row.only_train,
        provenance=Provenance(
            task_id=row.task_id,
            checkpoint_index=row.checkpoint_index,
            is_best=row.is_best,
            optional=from_json_or_none(row.optional),
            plugin_id=row.plugin_id,
            plugin_image=row.plugin_image,
            image_digest=row.image_digest,
            project_id=row.project_id,
            parent_model_id=row.parent_model_id,
            train_config=from_json_or_none(row.train_config),
        ),
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        upload_hash=row.upload_hash,
        pinned=row.pinned,
        deleted_at=from_us_or_none(row.deleted_us),
    )


def insert_model(connection: sa.Connection, new: NewModel, upload_hash: str | None = None) -> Model:
    """Add a model inside a transaction that may have more to do."""
    origin, now = new.provenance, now_us()
    row = connection.execute(
        sa.insert(models)
        .values(
            name=clean(new.name),
            description=clean(new.description),
            sha256=new.sha256,
            size_bytes=new.size_bytes,
            config=to_json_or_none(new.config),
            only_train=new.only_train,
            task_id=origin.task_id,
            checkpoint_index=origin.checkpoint_index,
            is_best=origin.is_best,
            optional=to_json_or_none(origin.optional),
            plugin_id=origin.plugin_id,
            plugin_image=origin.plugin_image,
            image_digest=origin.image_digest,
            project_id=origin.project_id,
            parent_model_id=origin.parent_model_id,
            train_config=to_json_or_none(origin.train_config),
            created_us=now,
            updated_us=now,
            upload_hash=upload_hash,
        )
        .returning(*models.c)
    ).one()
    return model_of(row)
