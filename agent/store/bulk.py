"""Many rows at once, straight through the driver: SQLAlchemy's work per row is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from agent.store.connect import Database

# Rows in one statement, the largest that still fits first. A row in a statement of many costs a third less than
# one of its own, and the driver gives up the interpreter's lock once for all of them: a busy other thread keeps
# that for milliseconds. SQLite allows 32,766 values, PostgreSQL 65,535.
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
        """`same`: numbers that all rows have in common, by column. A value less to bind is a tenth of a row's cost."""
        self._width = len(columns)
        row = f"({', '.join([*map(str, same.values()), *[database.mark] * self._width])})"
        into = f"INSERT INTO {table.name} ({', '.join([*same, *columns])}) VALUES "  # noqa: S608  names of our own schema
        self._statements = [(self._width * rows, into + ", ".join([row] * rows)) for rows in _ROWS]

    def run(self, connection: sa.Connection, values: Sequence[Any]) -> None:
        """`values` of all rows in one row after the other: columns × rows of them."""
        values, at = tuple(values), 0
        for step, statement in self._statements:
            while len(values) - at >= step:
                connection.exec_driver_sql(statement, values[at : at + step])
                at += step
