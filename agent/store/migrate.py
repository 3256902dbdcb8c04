"""Making a database, or upgrading it to the schema of this code, once, by the process that comes first.

A database at `schema.HEAD` costs one query. A new one is made as `schema.py` says, in a tenth of the time that all
revisions in turn take. Alembic is imported only for an upgrade.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.ddl import DDLElement

from agent.errors import StorageFailed, StoreBusy
from agent.fs.refusals import reason_of, remedy_for
from agent.store.connect import Database
from agent.store.schema import HEAD, metadata
from agent.store.urls import sidecar

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK_TIMEOUT_S = 600.0  # an upgrade packs about ten million lines of an older store in a minute
_REVISIONS = "alembic_version"
_FIRST = frozenset({"tasks", "checkpoints", "models", "projects", "plugins", "agents"})  # of any revision
_ADVISORY_LOCK = 0x73_6C_79  # a number of our own: PostgreSQL's lock for the same purpose


def migrate(database: Database) -> None:
    """Make the tables, or run the revisions that are lacking, in one transaction.

    StorageFailed when the database is newer than the code.
    """
    if _revision(database) == HEAD:
        return
    if database.path is None:
        _upgrade(database)
        return
    from filelock import FileLock, Timeout  # late, as alembic: most commands find the database as it should be

    try:
        with FileLock(sidecar(database.path, ".lock"), timeout=_LOCK_TIMEOUT_S):
            _upgrade(database)
    except OSError as error:
        raise StorageFailed(
            f"The lock of the database {database.name} cannot be taken ({error.filename}): {reason_of(error)}. "
            f"{remedy_for(error)}"
        ) from error
    except Timeout:
        raise StoreBusy(
            f"Another process has been preparing the database {database.name} for ten minutes. Try again later."
        ) from None


def _revision(database: Database) -> str | None:
    """The revision the database is at; None when it holds no tables yet."""
    with database.reading() as connection:
        return _revision_on(connection, database)


def _revision_on(connection: sa.Connection, database: Database) -> str | None:
    found = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%%'"
        if database.is_sqlite
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    )
    tables = set(connection.exec_driver_sql(found).scalars())
    revision: str | None = None
    if _REVISIONS in tables:  # alembic is used by others, too
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {_REVISIONS}").scalar()  # noqa: S608
    others = tables - _FIRST - {_REVISIONS}
    missing = _FIRST - tables
    if not missing and revision is not None:
        return revision
    if missing == _FIRST and not others and revision is None:
        return None
    if missing == _FIRST and others:
        raise StorageFailed(
            f"The database {database.name} belongs to another program: it holds the table {min(others)!r} "
            "and none of ours. Choose another AGENT_STORE_URL."
        )
    lacks = f"the table {min(missing)!r}" if missing else "the version of its schema"
    raise StorageFailed(
        f"The database {database.name} lacks {lacks}: it is damaged, or belongs to another program. "
        "Restore it from a copy, or choose another AGENT_STORE_URL."
    )


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
    with database.writing() as connection:
        database.lock(connection, _ADVISORY_LOCK)
        revision = _revision_on(connection, database)  # again: another process may have been quicker
        if revision == HEAD:
            return
        if revision is None:
            for statement in _creation(database.url.drivername):
                connection.exec_driver_sql(statement)
            return
        if revision not in known_revisions():
            raise StorageFailed(
                f"The database {database.name} was written by a newer version of this program "
                f"(schema {revision}; this one knows up to {HEAD}). Upgrade, or choose another AGENT_STORE_URL."
            )
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache
def _creation(driver: str) -> tuple[str, ...]:
    """The statements that make a new database, the same as all revisions in turn make."""
    speaks, tables = sa.URL.create(driver).get_dialect()(), metadata.sorted_tables
    if speaks.name == "postgresql":  # the conditions of indexes that `schema.py` names for SQLite only, and says why
        copy = sa.MetaData(naming_convention=metadata.naming_convention)
        tables = [table.to_metadata(copy) for table in tables]
        for index in (index for table in tables for index in table.indexes):
            index.dialect_options[speaks.name]["where"] = index.dialect_options["sqlite"]["where"]
    elements: list[DDLElement] = []
    for table in tables:
        elements += [CreateTable(table), *(CreateIndex(index) for index in sorted(table.indexes, key=_name))]
    statements = [str(element.compile(dialect=speaks)) for element in elements]
    key = f"CONSTRAINT {_REVISIONS}_pkc PRIMARY KEY (version_num)"  # as alembic makes it
    statements.append(f"CREATE TABLE {_REVISIONS} (version_num VARCHAR(32) NOT NULL, {key})")
    statements.append(f"INSERT INTO {_REVISIONS} (version_num) VALUES ('{HEAD}')")  # noqa: S608 - both are ours
    return tuple(statements)


def _name(index: sa.Index) -> str:
    return str(index.name)
