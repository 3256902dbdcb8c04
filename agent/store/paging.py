"""A page of rows by number, with the number of all rows: for clients that read a list page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from agent.store.connect import Database

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Page(Generic[Value]):
    values: Sequence[Value]
    total: int  # of all pages


def page_of(
    database: Database, found: sa.Select[Any], by: sa.Column[Any], *, limit: int, offset: int, ascending: bool
) -> Page[sa.Row[Any]]:
    """Rows of `found` in the order of `by`. Their numbers are read first, so that skipped rows are not read."""
    numbers = found.with_only_columns(by).order_by(by.asc() if ascending else by.desc()).limit(limit).offset(offset)
    with database.reading() as connection:
        total = connection.execute(found.with_only_columns(sa.func.count(by))).scalar_one()
        wanted = connection.execute(numbers).scalars().all()
        rows = [] if not wanted else _rows(connection, found, by, wanted)
    return Page(rows, total)


_AT_ONCE = 10_000  # numbers in one question; SQLite takes 32,766


def _rows(
    connection: sa.Connection, found: sa.Select[Any], by: sa.Column[Any], wanted: Sequence[int]
) -> list[sa.Row[Any]]:
    rows: list[sa.Row[Any]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        rows += connection.execute(found.where(by.in_(wanted[start : start + _AT_ONCE])))
    place = {number: index for index, number in enumerate(wanted)}
    return sorted(rows, key=lambda row: place[row.id])
