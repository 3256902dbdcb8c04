"""A list as a person reads it: the rows of one page, the number of all that fit, and how many are in each group.

Rows, total and groups are read in one transaction, so they agree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import sqlalchemy as sa

from agent.errors import BadInput
from agent.store.among import portions

Value = TypeVar("Value")
Origin = Literal["made", "brought"]  # by a task of this installation, or by a person


@dataclass(frozen=True, slots=True)
class Listing(Generic[Value]):
    values: Sequence[Value]
    total: int  # of all pages
    counts: Mapping[str, int]  # by group, of all that fit the question but for its choice of groups


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list to give: `limit` rows after `offset`, or those with an id below `before_id`."""

    limit: int | None = 100  # None: all of them
    offset: int = 0
    before_id: int | None = None
    sort: str = ""  # the name of an order, "-" before it turns it; empty: the newest first


def origin_of(table: sa.Table) -> sa.ColumnElement[str]:
    """The group of rows that may have a task: an `Origin`."""
    return sa.case((table.c.task_id.is_(None), "brought"), else_="made")


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows: those that meet every condition and are in one of `wanted` groups (None: in any)."""

    table: sa.FromClause
    conditions: Sequence[sa.ColumnElement[bool]] = ()
    group: sa.ColumnElement[str] | None = None
    wanted: Collection[str] | None = None


def listed(
    connection: sa.Connection,
    columns: Sequence[sa.ColumnElement[Any]],
    question: Question,
    window: Window,
    orders: Mapping[str, sa.ColumnElement[Any]],
) -> Listing[sa.Row[Any]]:
    """The rows of the window. `orders` are the orders by name; "id" is always one. BadInput for any other."""
    key = question.table.c.id
    order = _order(window, key, orders)  # first: a wrong one costs no reading
    counts, total = _counts(connection, question)
    numbers = sa.select(key).where(*question.conditions)
    if question.wanted is not None and question.group is not None:
        numbers = numbers.where(question.group.in_(question.wanted))
    if window.before_id is not None:
        numbers = numbers.where(key < window.before_id)
    # Numbers first: an order over few columns skips rows without reading their long texts.
    found = connection.execute(numbers.order_by(*order).limit(window.limit).offset(window.offset)).scalars().all()
    rows = [row for some in portions(found) for row in connection.execute(sa.select(*columns).where(key.in_(some)))]
    place = {number: index for index, number in enumerate(found)}
    return Listing(sorted(rows, key=lambda row: place[row.id]), total, counts)


def _counts(connection: sa.Connection, question: Question) -> tuple[Mapping[str, int], int]:
    if question.group is None:
        counted = sa.select(sa.func.count()).select_from(question.table).where(*question.conditions)
        return {}, int(connection.execute(counted).scalar_one())
    by_group = sa.select(question.group, sa.func.count()).where(*question.conditions).group_by(question.group)
    counts = {str(row[0]): int(row[1]) for row in connection.execute(by_group)}
    wanted = question.wanted
    return counts, sum(count for name, count in counts.items() if wanted is None or name in wanted)


def _order(
    window: Window, key: sa.ColumnElement[Any], orders: Mapping[str, sa.ColumnElement[Any]]
) -> list[sa.ColumnElement[Any]]:
    name = window.sort.removeprefix("-") or "id"
    known = {"id": key, **orders}
    if name not in known:
        raise BadInput(
            f"A list cannot be sorted by {name!r}. Sort by one of: {', '.join(known)}; with - before it, turned."
        )
    if name == "id":
        return [key.desc() if window.sort in ("", "-id") else key.asc()]
    if window.before_id is not None:
        raise BadInput("A cursor goes with the newest first only. Give an offset instead.")
    column = known[name]
    turned = column.desc() if window.sort.startswith("-") else column.asc()
    return [column.is_(None), turned, key.desc()]  # rows without a value come last, whichever way
