"""Which blobs of the artifacts some row names: those that nothing names may go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from agent.store.connect import Database
from agent.store.schema import images, models


class Blobs:
    def __init__(self, database: Database) -> None:
        self._db = database

    def named(self) -> set[str]:
        """The hashes that rows name: of models, also of those in the trash, and of images."""
        found = sa.union(sa.select(models.c.sha256), sa.select(images.c.sha256))
        with self._db.reading() as connection:
            return set(connection.execute(found).scalars())

    @contextmanager
    def unnamed(self, sha256: str) -> Iterator[bool]:
        """Whether no row names this blob; no row can begin to while the block runs. Keep it short: writers wait."""
        named = sa.union(
            sa.select(models.c.id).where(models.c.sha256 == sha256),
            sa.select(images.c.id).where(images.c.sha256 == sha256),
        )
        with self._db.writing() as connection:
            if not self._db.is_sqlite:  # on PostgreSQL other transactions could add rows meanwhile
                connection.exec_driver_sql("LOCK TABLE models, images IN SHARE MODE")
            yield connection.execute(named).first() is None
