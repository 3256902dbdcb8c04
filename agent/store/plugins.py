"""Plugin versions this store knows, one per image and tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from agent.domain import Plugin
from agent.errors import Conflict, NotFound
from agent.store.columns import clean, from_json, from_us, from_us_or_none, now_us, to_json
from agent.store.connect import Database
from agent.store.kept import Kept, stays_for, users
from agent.store.listing import Listing, Question, Window, listed
from agent.store.schema import plugins, tasks
from agent.store.search import contains, words_of


class Plugins(Kept[Plugin]):
    _noun, _table = "plugin", plugins
    _needed_as = tasks.c.plugin_id

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(
        self,
        *,
        title: str,
        description: str,
        type: str,  # noqa: A002
        image: str,
        tag: str,
        modes: Sequence[str],
        readme: str,
        configs: Sequence[Mapping[str, Any]],
        config_schemas: Mapping[str, Any] | None = None,
        image_digest: str | None,
        folder: str | None,
        content_sha256: str | None,
        node: str | None = None,
    ) -> Plugin:
        """Add this version, or replace the version of this image and tag."""
        now = now_us()
        said = {
            "title": clean(title),
            "description": clean(description),
            "type": clean(type),
            "modes": to_json(list(modes)),
            "readme": clean(readme),
            "configs": _written(configs, config_schemas or {}),
            "image_digest": image_digest,
            "folder": folder,
            "content_sha256": content_sha256,
            "node": node,
            "updated_us": now,
            "deleted_us": None,  # one that is added again comes out of the trash
        }
        insert = self._db.insert(plugins).values(image=image, tag=tag, created_us=now, **said)
        put = insert.on_conflict_do_update(index_elements=["image", "tag"], set_=said).returning(*plugins.c)
        with self._db.writing() as connection:
            return _plugin(connection.execute(put).one())

    def get(self, id: int) -> Plugin:  # noqa: A002
        """NotFound, also for one in the trash."""
        plugin = self.get_anywhere(id)
        if plugin.deleted_at is not None:
            raise NotFound(f"Plugin {id} is in the trash; `agent plugin restore {id}` brings it back.")
        return plugin

    def list(self) -> list[Plugin]:
        """The plugin changed last comes first."""
        found = sa.select(plugins).where(_IS_LISTED).order_by(*_NEWEST_FIRST)
        with self._db.reading() as connection:
            return [_plugin(row) for row in connection.execute(found)]

    def search(self, words: str, window: Window, *, newest: bool = False) -> Listing[tuple[Plugin, int]]:
        """The versions whose title, description or name has all the words, each with the number of versions of its
        image; the one changed last comes first. With `newest` only the newest version of each image.
        """
        place = sa.func.row_number().over(partition_by=plugins.c.image, order_by=_NEWEST_FIRST).label("place")
        versions = sa.func.count().over(partition_by=plugins.c.image).label("versions")
        ranked = sa.select(*plugins.c, place, versions).where(_IS_LISTED).subquery()
        conditions = [_about(ranked, word) for word in words_of(words)]
        if newest:
            conditions.append(ranked.c.place == 1)
        orders = {"changed": ranked.c.updated_us, "name": sa.func.lower(ranked.c.title)}
        window = replace(window, sort=window.sort or "-changed")
        with self._db.reading() as connection:
            found = listed(connection, list(ranked.c), Question(ranked, conditions), window, orders)
        return Listing([(_plugin(row), row.versions) for row in found.values], found.total, found.counts)

    def find(self, ref: str) -> Plugin:
        """By `image:tag`, by image (its newest tag) or by title (the newest version).

        NotFound; Conflict with the choices when plugins of several images have that title.
        """
        for name in (plugins.c.image + ":" + plugins.c.tag, plugins.c.image, plugins.c.title):
            with self._db.reading() as connection:
                found = sa.select(plugins).where(name == clean(ref), _IS_LISTED).order_by(*_NEWEST_FIRST)
                rows = connection.execute(found).all()
            if len({row.image for row in rows}) > 1:
                choices = ", ".join(_plugin(row).reference for row in rows)
                raise Conflict(f"Several plugins are called {ref!r}: {choices}. Name one of these images.")
            if rows:
                return _plugin(rows[0])
        raise NotFound(f"There is no plugin {ref!r}, neither as image:tag, nor as image, nor as title.")

    def purge(self, id: int) -> bool:  # noqa: A002
        """Forget a plugin of the trash; whether it is gone. One that a task uses by now is restored instead."""
        with self._db.writing() as connection:
            return self._purged(connection, id) is not None

    def _value(self, row: Any) -> Plugin:
        return _plugin(row)

    def _hindrance(self, connection: sa.Connection, row: sa.Row[Any]) -> str | None:
        ids = users(connection, tasks.c.plugin_id == row.id)
        return stays_for(ids, "use", f"plugin {row.id}") if ids else None


def _written(configs: Sequence[Mapping[str, Any]], schemas: Mapping[str, Any]) -> str:
    """The presets as a list; with schemas an object of both, which spares a column that few plugins need."""
    return to_json({"presets": list(configs), "schemas": schemas} if schemas else list(configs))


def _about(table: sa.Subquery, word: str) -> sa.ColumnElement[bool]:
    texts = (table.c.title, table.c.description, table.c.image + ":" + table.c.tag)
    return sa.or_(*(contains(text, word) for text in texts))


_IS_LISTED = plugins.c.deleted_us.is_(None)  # not in the trash
_NEWEST_FIRST = (plugins.c.updated_us.desc(), plugins.c.id.desc())


def _plugin(row: sa.Row[Any]) -> Plugin:
    kept = from_json(row.configs)
    presets, schemas = (kept["presets"], kept["schemas"]) if isinstance(kept, dict) else (kept, {})
    return Plugin(
        id=row.id,
        title=row.title,
        description=row.description,
        type=row.type,
        image=row.image,
        tag=row.tag,
        modes=tuple(from_json(row.modes)),
        readme=row.readme,
        configs=tuple(presets),
        config_schemas=schemas,
        image_digest=row.image_digest,
        folder=row.folder,
        content_sha256=row.content_sha256,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        deleted_at=from_us_or_none(row.deleted_us),
        node=row.node,
    )
