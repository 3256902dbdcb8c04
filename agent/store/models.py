"""Model states in the library: where each came from, and which are pinned."""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from agent.domain import Model, NewModel, Provenance
from agent.errors import Conflict, NotFound
from agent.store.among import portions
from agent.store.attempts import starts_from
from agent.store.columns import clean, now_us, to_json_or_none
from agent.store.connect import Database
from agent.store.kept import Described, is_not_given_up, stays_for, users
from agent.store.listing import Listing, Window
from agent.store.model_rows import insert_model, model_of
from agent.store.model_search import EXISTS, IS_LISTED, ModelQuestion, best_of_tasks, search_models
from agent.store.paging import Page, page_of
from agent.store.schema import checkpoints, models, tasks

_SHA256_START = re.compile(r"[0-9a-f]{8,64}")


class Models(Described[Model]):
    _noun, _table = "model", models
    _needed_as = tasks.c.model_id

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, new: NewModel) -> Model:
        """A new entry; the same bytes may be in the library under several names."""
        with self._db.writing() as connection:
            return insert_model(connection, new)

    def get(self, id: int) -> Model:  # noqa: A002
        """Also a model of the trash: tasks and checkpoints that name it still find it. NotFound."""
        with self._db.reading() as connection:
            row = connection.execute(sa.select(models).where(models.c.id == id, EXISTS)).first()
        if row is None:
            raise NotFound(f"There is no model {id}.")
        return model_of(row)

    def by_id(self, ids: Collection[int]) -> dict[int, Model]:
        """The models that exist, as `get` finds them, by their ids."""
        found: dict[int, Model] = {}
        with self._db.reading() as connection:
            for some in portions(ids):
                rows = connection.execute(sa.select(models).where(models.c.id.in_(some), EXISTS))
                found |= {row.id: model_of(row) for row in rows}
        return found

    def list(
        self,
        *,
        limit: int = 100,
        before_id: int | None = None,
        name: str | None = None,
        task_id: int | None = None,
    ) -> list[Model]:
        """Newest first, of this exact name, from this task where given."""
        found = sa.select(models).where(IS_LISTED).order_by(models.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(models.c.id < before_id)
        if name is not None:
            found = found.where(models.c.name == clean(name))
        if task_id is not None:
            found = found.where(models.c.task_id == task_id)
        with self._db.reading() as connection:
            return [model_of(row) for row in connection.execute(found)]

    def search(self, question: ModelQuestion, window: Window) -> Listing[Model]:
        """The models that fit the question; `counts` are by origin."""
        return search_models(self._db, question, window)

    def best_of_tasks(self, task_ids: Collection[int]) -> set[int]:
        """Ids of the best models of these tasks, at most one of each."""
        return best_of_tasks(self._db, task_ids)

    def page(self, *, limit: int, offset: int = 0, ascending: bool = False, name: str | None = None) -> Page[Model]:
        """`limit` models after `offset`, by id; of this exact name where given."""
        found = sa.select(models).where(IS_LISTED)
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
            contents = (
                connection.execute(sa.select(models.c.sha256).where(begins, IS_LISTED).distinct().limit(5))
                .scalars()
                .all()
            )
        if len(contents) > 1:
            raise Conflict(f"Several models have a sha256 that begins with {name_or_sha}: {', '.join(contents)}.")
        return self._one(begins, missing)

    def of_bytes(self, sha: str) -> builtins.list[Model]:
        """Every listed model state with these bytes, the newest first."""
        found = sa.select(models).where(models.c.sha256 == sha, IS_LISTED).order_by(models.c.id.desc())
        with self._db.reading() as connection:
            return [model_of(row) for row in connection.execute(found)]

    def used_by(self, id: int, *, limit: int = 100) -> Page[int]:  # noqa: A002
        """Ids of the newest tasks that start, or started, from this model, newest first; and the number of all."""
        found = sa.select(tasks.c.id).where(tasks.c.model_id == id, tasks.c.deleted_us.is_(None))
        with self._db.reading() as connection:
            ids = connection.execute(found.order_by(tasks.c.id.desc()).limit(limit)).scalars().all()
            total = connection.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one()
        return Page(ids, int(total))

    def rename(self, id: int, name: str, *, instead_of: str) -> None:  # noqa: A002
        """Give it another name, unless it has not this one any more, or is gone: a person decided otherwise."""
        wanted = sa.and_(models.c.id == id, models.c.name == clean(instead_of))
        with self._db.writing() as connection:
            connection.execute(sa.update(models).where(wanted).values(name=clean(name), updated_us=now_us()))

    def set_plugin(self, id: int, origin: Provenance) -> Model:  # noqa: A002
        """Say which plugin a model belongs to: the plugin's part of this origin."""
        return self._change(
            id,
            plugin_id=origin.plugin_id,
            plugin_image=origin.plugin_image,
            image_digest=origin.image_digest,
            updated_us=now_us(),
        )

    def reserve(self, upload_hash: str, name: str, provenance: Provenance) -> int:
        """The id of a model whose bytes will be uploaded under this word; until then no list shows it."""
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
        """Record the bytes of a reserved model. NotFound; Conflict when other bytes were uploaded before."""
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

    # ---------------------------------------------------------------- pins and the trash

    def pin(self, id: int, *, pinned: bool = True) -> Model:  # noqa: A002
        """A pinned model is kept whatever the policy says, and cannot be removed; a pin takes it out of the trash.

        NotFound.
        """
        return self._change(id, pinned=True, deleted_us=None) if pinned else self._change(id, pinned=False)

    def purge(self, id: int) -> str | None:  # noqa: A002
        """Forget a model of the trash for good; the hash of its bytes. None when it is not in the trash any more.

        One from which a task starts by now, or that is pinned by now, is restored instead. A checkpoint that became
        it only forgets its model.
        """
        with self._db.writing() as connection:
            row = self._purged(connection, id)
        return None if row is None else str(row.sha256)

    def _value(self, row: Any) -> Model:
        return model_of(row)

    def _hindrance(self, connection: sa.Connection, row: sa.Row[Any]) -> str | None:
        if row.pinned:
            return f"Model {row.id} is pinned; `agent model unpin {row.id}` first."
        ids = users(connection, sa.or_(tasks.c.model_id == row.id, starts_from(row.id)))
        return stays_for(ids, "start", f"from model {row.id}") if ids else None

    def _is_held(self, connection: sa.Connection, id_: int) -> bool:
        its = connection.execute(sa.select(tasks.c.id).where(starts_from(id_)).limit(1)).first()
        return its is not None or super()._is_held(connection, id_)

    def _let_go(self, connection: sa.Connection, id_: int) -> None:
        connection.execute(sa.update(checkpoints).where(checkpoints.c.model_id == id_).values(model_id=None))

    # ---------------------------------------------------------------- how much space each takes

    def count(self) -> int:
        """Of all models that lists show."""
        with self._db.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(IS_LISTED)).scalar_one())

    def largest(self, limit: int) -> builtins.list[Model]:
        found = sa.select(models).where(models.c.deleted_us.is_(None)).order_by(models.c.size_bytes.desc(), models.c.id)
        with self._db.reading() as connection:
            return [model_of(row) for row in connection.execute(found.limit(limit))]

    def sizes_by_task(self, *, with_trash: bool = True) -> dict[int, tuple[int, int]]:
        """Task → number and bytes of the models it made; equal content counts once a task."""
        condition = sa.true() if with_trash else IS_LISTED
        kinds = sa.select(models.c.task_id, models.c.sha256, models.c.size_bytes).where(condition).distinct().subquery()
        found = (
            sa.select(kinds.c.task_id, sa.func.count(), sa.func.sum(kinds.c.size_bytes))
            .where(kinds.c.task_id.is_not(None), kinds.c.sha256 != "")
            .group_by(kinds.c.task_id)
        )
        with self._db.reading() as connection:
            return {row[0]: (row[1], int(row[2])) for row in connection.execute(found)}

    def _one(self, condition: sa.ColumnElement[bool], missing: str) -> Model:
        found = sa.select(models).where(condition, IS_LISTED).order_by(models.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise NotFound(missing)
        return model_of(row)

    def _locked(self, connection: sa.Connection, id_: int) -> sa.Row[Any]:
        row = super()._locked(connection, id_)
        if not row.sha256:  # reserved, and its bytes have not come yet
            raise NotFound(f"There is no model {id_}.")
        return row

    def _change(self, id_: int, **changed: object) -> Model:
        wanted = sa.and_(models.c.id == id_, is_not_given_up(models))
        change = sa.update(models).where(wanted).values(changed).returning(*models.c)
        with self._db.writing() as connection:
            row = connection.execute(change).first()
        if row is None:
            raise NotFound(f"There is no model {id_}.")
        return model_of(row)
