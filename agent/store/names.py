"""Names of what tasks refer to: many at once, without the long texts beside them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from agent.store.among import portions
from agent.store.connect import Database
from agent.store.schema import models, plugins, projects


class Names:
    """Ids → names. An id that nothing has is left out."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def plugins(self, ids: Collection[int]) -> dict[int, str]:
        return self._names(plugins.c.id, plugins.c.title, ids)

    def projects(self, ids: Collection[int]) -> dict[int, str]:
        return self._names(projects.c.id, projects.c.name, ids)

    def models(self, ids: Collection[int]) -> dict[int, str]:
        """Also of models in the trash."""
        return self._names(models.c.id, models.c.name, ids)

    def _names(self, key: sa.Column[int], name: sa.Column[str], ids: Collection[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        with self._db.reading() as connection:
            for some in portions(set(ids)):
                rows = connection.execute(sa.select(key, name).where(key.in_(some)))
                found |= {row[0]: row[1] for row in rows}
        return found
