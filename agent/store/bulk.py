"""Many rows at once, straight through the driver: SQLAlchemy's work per row is left out.

SQLite takes long INSERTs. PostgreSQL takes COPY in its binary form: of a hundred rows it costs the server a quarter of
an INSERT, and the client a tenth, because no text is made of values and none is parsed.
"""

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
_COPIED = 8  # rows: COPY takes three round trips to the server, so fewer rows are inserted


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
        self._database = database
        self._width = len(columns)
        self._same = tuple(same.values())
        row = f"({', '.join([*map(str, self._same), *[database.mark] * self._width])})"
        into = f"{table.name} ({', '.join([*same, *columns])})"
        insert = f"INSERT INTO {into} VALUES "  # noqa: S608  names of our own schema
        self._statements = [(self._width * rows, insert + ", ".join([row] * rows)) for rows in _ROWS]
        self._copy = f"COPY {into} FROM STDIN (FORMAT BINARY)"
        self._types = [_server_type(table.c[name]) for name in (*same, *columns)]

    def run(self, connection: sa.Connection, values: Sequence[Any]) -> None:
        """`values` of all rows, row after row: columns × rows values."""
        if len(values) >= _COPIED * self._width and not self._database.is_sqlite:
            self._run_copy(connection, values)
            return
        values, at = tuple(values), 0
        for step, statement in self._statements:
            while len(values) - at >= step:
                connection.exec_driver_sql(statement, values[at : at + step])
                at += step

    def _run_copy(self, connection: sa.Connection, values: Sequence[Any]) -> None:
        rows = zip(*[iter(values)] * self._width, strict=True)
        with self._database.driver_cursor(connection, self._copy) as cursor, cursor.copy(self._copy) as copy:
            copy.set_types(self._types)
            for row in rows:
                copy.write_row((*self._same, *row))


def _server_type(column: sa.Column[Any]) -> str:
    """The column's type by the name under which PostgreSQL's driver knows it."""
    match column.type:
        case sa.SmallInteger():
            return "int2"
        case sa.BigInteger():
            return "int8"
        case sa.Integer():
            return "int4"
    return "text"
