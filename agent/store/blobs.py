"""Which blobs of the artifacts some row names: those that nothing names may go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from agent.store.connect import Database
from agent.store.schema import images, models, plugin_blobs, task_images

_NAMING = (models, images, task_images, plugin_blobs)  # every table whose rows name blobs


class Blobs:
    def __init__(self, database: Database) -> None:
        self._db = database

    def named(self) -> set[str]:
        """The hashes that rows name: of models and of images of plugins, also in the trash, and of images of projects
        and tasks.
        """
        found = sa.union(*(sa.select(table.c.sha256) for table in _NAMING))
        with self._db.reading() as connection:
            return set(connection.execute(found).scalars())

    @contextmanager
    def unnamed(self, sha256: str) -> Iterator[bool]:
        """Whether no row names this blob; no row can begin to while the block runs. Keep it short: writers wait."""
        named = sa.union(*(sa.select(table.c.id).where(table.c.sha256 == sha256) for table in _NAMING))
        with self._db.writing() as connection:
            if not self._db.is_sqlite:  # on PostgreSQL other transactions could add rows meanwhile
                tables = ", ".join(table.name for table in _NAMING)
                connection.exec_driver_sql(f"LOCK TABLE {tables} IN SHARE MODE")
            yield connection.execute(named).first() is None
