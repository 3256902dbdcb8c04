"""Rows whose column is among given values, however many these are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from agent.store.connect import Database

Value = TypeVar("Value")

_MANY = 500  # values in one statement


def portions(values: Collection[Value], most: int = _MANY) -> Iterator[list[Value]]:
    """The values in lists that a statement takes each."""
    items = list(values)
    for start in range(0, len(items), most):
        yield items[start : start + most]


def among(database: Database, column: sa.Column[Any], values: Collection[Any]) -> sa.ColumnElement[bool]:
    """A condition of one parameter, in time that grows with the number of values: a statement takes few parameters."""
    if database.is_sqlite:
        each = sa.func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
        return column.in_(sa.select(each.c.value))
    from sqlalchemy.dialects import postgresql  # late: it takes its time to load

    return column == sa.any_(sa.literal(list(values), postgresql.ARRAY(column.type)))
