"""Control of a row by one process at a time, which says often that it lives: of a study, an evaluation, a cluster.

The table has the columns `controller`, `controller_info` and `seen_us`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa

from agent.errors import Conflict
from agent.store.clock import clock_us
from agent.store.columns import to_json
from agent.store.connect import Database


class Lease:
    """`key`: the column that names a row. `lost`: what is raised for a row that is not the controller's (any more)."""

    def __init__(
        self, database: Database, table: sa.Table, lost: Callable[[Any], Conflict], *, key: str = "id"
    ) -> None:
        self._db, self._table, self._lost, self._key = database, table, lost, table.c[key]

    def take(
        self,
        connection: sa.Connection,
        key: Any,
        controller: str,
        info: Mapping[str, Any],
        /,
        *,
        instead_of: str | None,
        only: Collection[sa.ColumnElement[bool]] = (),
        **changed: Any,
    ) -> bool:
        """Become the controller of a row for which `only` holds; False when another was quicker.

        `instead_of` was seen there and is dead. May be called again by one whose answer was lost.
        """
        present = self._table.c.controller
        free = sa.or_(present.is_not_distinct_from(instead_of), present == controller)
        said = {"controller": controller, "controller_info": to_json(info), "seen_us": clock_us(self._db)}
        taken = sa.update(self._table).where(self._key == key, free, *only)
        return connection.execute(taken.values(**said, **changed)).rowcount == 1

    def change(self, connection: sa.Connection, key: Any, controller: str, /, **changed: Any) -> None:
        """Change the row that this process controls. Raises `lost`."""
        mine = sa.update(self._table).where(self._key == key, self._table.c.controller == controller)
        if connection.execute(mine.values(changed)).rowcount != 1:
            raise self._lost(key)

    def beat(self, key: Any, controller: str) -> None:
        """The controller is alive now. Raises `lost`."""
        with self._db.writing(durable=False, wakes=False) as connection:
            self.change(connection, key, controller, seen_us=clock_us(self._db))

    def release(self, connection: sa.Connection, key: Any, controller: str, /, **changed: Any) -> None:
        """Leave it to others; nothing happens where it is another's already."""
        mine = sa.update(self._table).where(self._key == key, self._table.c.controller == controller)
        connection.execute(mine.values(controller=None, controller_info=None, seen_us=None, **changed))
