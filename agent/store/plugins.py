"""Plugin versions this store knows, one per image and tag."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from agent.domain import ImageBlob, Plugin
from agent.errors import Conflict, NotFound
from agent.store.columns import clean, from_json, from_us, from_us_or_none, now_us, to_json
from agent.store.connect import Database
from agent.store.kept import Kept, stays_for, users
from agent.store.listing import Listing, Question, Window, listed
from agent.store.schema import plugin_blobs, plugins, tasks
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
        """Add this version, or replace the version of this image and tag.

        Where its image can be had stays known as long as `image_digest` says that the image is the same.
        """
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
        before = sa.select(plugins).where(plugins.c.image == image, plugins.c.tag == tag).with_for_update()
        with self._db.writing() as connection:
            known = connection.execute(before).first()
            row = connection.execute(put).one()
            if known is not None and (image_digest is None or known.image_digest != image_digest):
                return self._changed(connection, row.id, **_unshared(connection, row.id))
            return _plugin(row)

    # ---------------------------------------------------------------- where its image can be had

    def set_pushed(self, id: int, image_digest: str, reference: str) -> Plugin:  # noqa: A002
        """The image was pushed to a registry; `reference` names it by the registry's digest. NotFound."""
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            others = {} if row.image_digest == image_digest else _unshared(connection, id)
            return self._changed(connection, id, **{**others, "image_digest": image_digest, "pushed": clean(reference)})

    def set_kept(self, id: int, image_digest: str, blobs: Sequence[ImageBlob]) -> Plugin:  # noqa: A002
        """The artifacts have the image: its config, then its layers from below. NotFound."""
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            others = {} if row.image_digest == image_digest else _unshared(connection, id)
            connection.execute(sa.delete(plugin_blobs).where(plugin_blobs.c.plugin_id == id))
            connection.execute(
                sa.insert(plugin_blobs),
                [
                    {"plugin_id": id, "number": number, "sha256": blob.sha256, "size_bytes": blob.size_bytes}
                    for number, blob in enumerate(blobs)
                ],
            )
            kept_bytes = sum(blob.size_bytes for blob in set(blobs))  # an image may have the same layer twice
            return self._changed(connection, id, **{**others, "image_digest": image_digest, "kept_bytes": kept_bytes})

    def set_image(self, id: int, image_digest: str) -> Plugin:  # noqa: A002
        """The image with this id is the plugin's; one that was built anew can be had at its node only. NotFound."""
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            others = {} if row.image_digest == image_digest else _unshared(connection, id)
            return self._changed(connection, id, **{**others, "image_digest": image_digest})

    def forget_kept(self) -> None:
        """The artifacts keep no image of any plugin: those of a copy of this store."""
        with self._db.writing() as connection:
            connection.execute(sa.delete(plugin_blobs))
            connection.execute(sa.update(plugins).values(kept_bytes=None))

    def image_blobs(self, id: int) -> builtins.list[ImageBlob]:  # noqa: A002
        """What the artifacts keep of its image: the config, then the layers from below; empty without."""
        found = sa.select(plugin_blobs).where(plugin_blobs.c.plugin_id == id).order_by(plugin_blobs.c.number)
        with self._db.reading() as connection:
            return [ImageBlob(row.sha256, row.size_bytes) for row in connection.execute(found)]

    # ---------------------------------------------------------------- reading

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


def _unshared(connection: sa.Connection, id_: int) -> dict[str, None]:
    """What a row says of an image that nobody else can get; the blobs that it named are named no more."""
    connection.execute(sa.delete(plugin_blobs).where(plugin_blobs.c.plugin_id == id_))
    return {"pushed": None, "kept_bytes": None}


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
        pushed=row.pushed,
        kept_bytes=row.kept_bytes,
    )
