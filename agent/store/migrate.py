"""Bringing a database to the schema of this code, once, whoever comes first.

A database at `schema.HEAD` costs one query; alembic is imported only when there is something to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from filelock import FileLock, Timeout

from agent.errors import StorageFailed, StoreBusy
from agent.store.connect import Database, beside
from agent.store.schema import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK_TIMEOUT_S = 60.0
_ADVISORY_LOCK = 0x73_6C_79  # any number that is ours: PostgreSQL's lock for the same purpose


def migrate(database: Database) -> None:
    """Run the revisions this database lacks, in one transaction. StorageFailed when it is newer than the code."""
    if _revision(database) == HEAD:
        return
    if database.path is None:
        _upgrade(database)
        return
    try:
        with FileLock(beside(database.path, ".lock"), timeout=_LOCK_TIMEOUT_S):
            _upgrade(database)
    except Timeout:
        raise StoreBusy(
            f"Another process has been preparing the database {database.name} for a minute. Try again later."
        ) from None


def _revision(database: Database) -> str | None:
    """The revision the database is at; None when it holds no tables yet."""
    with database.reading() as connection:
        return _revision_on(connection, database)


def _revision_on(connection: sa.Connection, database: Database) -> str | None:
    tables = set(sa.inspect(connection).get_table_names()) if not _has_revision(connection, database) else None
    if tables is None:
        version: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return version
    if tables - {"alembic_version"}:
        raise StorageFailed(
            f"The database {database.name} belongs to another program: it holds the table {min(tables)!r} "
            "and none of ours. Choose another AGENT_STORE_URL."
        )
    return None


def _has_revision(connection: sa.Connection, database: Database) -> bool:
    found = (
        "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
        if database.is_sqlite
        else "SELECT count(*) FROM pg_tables WHERE tablename = 'alembic_version' AND schemaname = current_schema()"
    )
    return bool(connection.exec_driver_sql(found).scalar())


def known_revisions() -> frozenset[str]:
    """Every schema revision that this program can bring up to its own."""
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def _upgrade(database: Database) -> None:
    from alembic import command

    config = _config()
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        revision = _revision_on(connection, database)  # again: another process may have been quicker
        if revision == HEAD:
            return
        if revision is not None and revision not in known_revisions():
            raise StorageFailed(
                f"The database {database.name} was written by a newer version of this program "
                f"(schema {revision}; this one knows up to {HEAD}). Upgrade, or choose another AGENT_STORE_URL."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
