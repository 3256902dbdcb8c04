"""Tasks without a project: deployed models.

SQLite cannot take NOT NULL from a column. Making the table anew would copy every task and touch each table that refers
to it, so the text of its schema is edited in place, as SQLite's own manual allows for a constraint that is dropped: the
rows of the file are the same with and without it.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

from agent.errors import StorageFailed

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NOT_NULL = re.compile(r"(\bproject_id\s+\w+)\s+NOT\s+NULL", re.IGNORECASE)
_DEFENSIVE = 1010  # SQLITE_DBCONFIG_DEFENSIVE
_SCHEMA = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'tasks'"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.alter_column("tasks", "project_id", nullable=True)
        return
    _drop_not_null(connection)


def _drop_not_null(connection: sa.Connection) -> None:
    """Edit the schema's text. StorageFailed, with nothing changed, where the text is not as expected."""
    before: str = connection.exec_driver_sql(_SCHEMA).scalar_one()
    after, found = _NOT_NULL.subn(r"\1", before)
    if found != 1:
        raise StorageFailed(
            "The database cannot be upgraded: another program has changed its table of tasks. Restore it from a copy."
        )
    version = int(connection.exec_driver_sql("PRAGMA schema_version").scalar_one())
    _allow_edits(connection)
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    try:
        connection.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = 'tasks'", (after,))
        connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")  # other connections read the text again
    except sa.exc.DatabaseError as error:
        raise StorageFailed(
            "The database cannot be upgraded: this Python's SQLite lets no program edit the schema of a table "
            f"({error.orig}). Use another Python, for example 3.12 or newer."
        ) from error
    finally:
        connection.exec_driver_sql("PRAGMA writable_schema = RESET")  # off, and this connection reads the text again
    # Of this table alone: the others may be large, and are as they were.
    broken = connection.exec_driver_sql("PRAGMA quick_check(tasks)").scalar_one()
    if broken != "ok":
        raise StorageFailed(f"The database cannot be upgraded, for it is damaged ({broken}). Restore it from a copy.")


def _allow_edits(connection: sa.Connection) -> None:
    """A few systems build SQLite so that no connection may edit the schema unless it asks for it."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "setconfig"):  # from Python 3.12 on
        driver.setconfig(_DEFENSIVE, False)
