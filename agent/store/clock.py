"""The clock of heartbeats: the database's own, so that no clock of one machine is compared with that of another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from agent.store.columns import now_us
from agent.store.connect import Database


def clock_us(database: Database) -> sa.ColumnElement[int]:
    """The time now, in microseconds since 1970, as SQL. An SQLite file has users on one machine only: its clock."""
    if database.is_sqlite:
        return sa.literal(now_us(), sa.BigInteger)
    return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)


def age_us(database: Database, column: Any) -> sa.ColumnElement[int]:
    """How long ago the time in this column was, by the same clock that wrote it."""
    passed: sa.ColumnElement[int] = clock_us(database) - column
    return passed


def age(us: int) -> timedelta:
    """An age as people read it. A clock that was set back makes no age negative."""
    return timedelta(microseconds=max(0, us))
