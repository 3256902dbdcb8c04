"""A copy of an SQLite store as it is at one moment, while others write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.errors import StorageFailed
from agent.store.connect import Database


def copy_to(database: Database, file: Path) -> None:
    """Copy the database to a new file, through SQLite's backup interface. StorageFailed on another server.

    In one step: a copy in several steps begins anew whenever a process writes between two of them. Writers do not wait.
    """
    if not database.is_sqlite:
        raise StorageFailed(
            f"The store {database.name} is on a database server: back it up with the server's own tools (pg_dump), "
            "and the artifacts beside it."
        )
    with database.reading() as connection, closing(sqlite3.connect(file)) as copy:
        driver: Any = connection.connection.driver_connection
        driver.backup(copy, pages=-1)


def make_single_file(database: Database) -> None:
    """Move the content of the write-ahead log into the file itself, before the file is copied alone."""
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
