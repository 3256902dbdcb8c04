"""Many rows at once, straight through the driver: SQLAlchemy's work per row is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from agent.store.connect import Database

# Numbers of rows in a statement, the largest first. A row in a large statement costs a third less than a statement of
# its own, and the driver releases the interpreter's lock only once per statement: a busy thread takes that lock for
# milliseconds. SQLite allows 32,766 values, PostgreSQL 65,535.
_ROWS = (256, 32, 4, 1)


class BulkInsert:
    """INSERT into some columns of a table."""

    def __init__(
        self,
        database: Database,
        table: sa.Table,
        columns: Sequence[str],
        *,
        same: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """`same`: numbers that all rows have in common, by column. A value not bound saves a tenth of a row's cost."""
        self._width = len(columns)
        row = f"({', '.join([*map(str, same.values()), *[database.mark] * self._width])})"
        into = f"INSERT INTO {table.name} ({', '.join([*same, *columns])}) VALUES "  # noqa: S608  names of our own schema
        self._statements = [(self._width * rows, into + ", ".join([row] * rows)) for rows in _ROWS]

    def run(self, connection: sa.Connection, values: Sequence[Any]) -> None:
        """`values` of all rows, row after row: columns × rows values."""
        values, at = tuple(values), 0
        for step, statement in self._statements:
            while len(values) - at >= step:
                connection.exec_driver_sql(statement, values[at : at + step])
                at += step
