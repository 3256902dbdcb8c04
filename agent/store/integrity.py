"""The integrity of the database: its own check, and the revision of its schema."""

from __future__ import annotations

from agent.store.connect import Database

_SHOWN = 20


def damage(database: Database) -> tuple[str, ...]:
    """The faults that SQLite's quick check finds, a clause each; empty: no fault. PostgreSQL checks its own pages."""
    if not database.is_sqlite:
        return ()
    with database.reading() as connection:
        found = connection.exec_driver_sql(f"PRAGMA quick_check({_SHOWN})").scalars().all()
    return tuple(str(line) for line in found if line != "ok")


def revision(database: Database) -> str:
    """The schema's revision in the database."""
    with database.reading() as connection:
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
