"""Runs by equal values: how many, and of each numeric column mean, deviation, least and greatest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.store.columns import finite, from_us
from agent.store.runs.cells import Reference, RunColumn
from agent.store.runs.expression import And, Compare, Constant, Expression, IsNone, written
from agent.store.runs.keys import FIELDS, ColumnKind, ConfigKey, Field, Key, spelled, title
from agent.store.runs.operands import Operand, Operands, Sql
from agent.store.runs.portable import SampleDeviation
from agent.store.runs.question import RunQuestion, RunWindow, total_of
from agent.store.runs.values import Kind, from_json_text

COUNT = "count"  # the number of runs, by which groups are sorted beside their columns
LARGEST = 1e140  # of the numbers whose sums and squares 64 bits hold: databases differ in what they make of others
_MOST_WRITTEN = 1000  # characters of a group's condition: it goes into addresses, beside the question's own


@dataclass(frozen=True, slots=True)
class Summary:
    """Of the numbers of a column in a group. Numbers beyond ±1e140 are left out of mean and deviation."""

    count: int
    mean: float | None
    std: float | None  # of the sample: None for fewer than two numbers
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class RunGroup:
    key: Sequence[Any]  # the values that its runs share, as cells
    count: int  # of runs
    summaries: Sequence[Summary]
    where: str | None  # the condition that selects its runs; None for values that none can name: lists, long texts


@dataclass(frozen=True, slots=True)
class RunGroups:
    by: Sequence[RunColumn]
    columns: Sequence[RunColumn]
    groups: Sequence[RunGroup]
    total: int  # groups on all pages
    runs: int  # in all groups
    counts: Mapping[str, int]  # of runs, by status, whatever statuses are chosen


def read_groups(
    connection: sa.Connection,
    by: Sequence[Key],
    keys: Sequence[Key],
    question: RunQuestion,
    window: RunWindow,
    counts: dict[str, int],
) -> RunGroups:
    """The groups of the window; without an order by their values. A column sorts by its mean."""
    operands = Operands(question.now_us)
    conditions = question.selected(operands)
    split = [operands.of(key) for key in by]
    numbers = [_number(operands.of(key)) for key in keys]
    grouped = _grouped(_members(operands, conditions, split, numbers), len(numbers))
    order = _order(grouped, by, keys, window)
    rows = connection.execute(sa.select(grouped).order_by(*order).limit(window.limit).offset(window.offset)).all()
    total = window.offset + len(rows)
    if not rows or len(rows) == window.limit:  # there may be more groups than these
        total = _count(connection, _members(operands, conditions, split, ()))
    groups = [_group(row, by, split, len(keys)) for row in rows]
    return RunGroups(
        by=[RunColumn(spelled(key), title(key), _kind(key)) for key in by],
        columns=[RunColumn(spelled(key), title(key), _summed_kind(key)) for key in keys],
        groups=groups,
        total=total,
        runs=total_of(counts, question),
        counts=counts,
    )


def _number(operand: Operand) -> Sql:
    return sa.cast(operand.values.get("number", sa.null()), sa.Float(53))


def _members(operands: Operands, conditions: Sequence[Any], split: Sequence[Operand], numbers: Sequence[Sql]) -> sa.CTE:
    """A row for each run: the values of its group, and a number of each column. The database reads every value once."""
    columns = [
        column.label(name)
        for i, operand in enumerate(split)
        for name, column in ((f"rank_{i}", operand.rank), *((f"part_{i}_{j}", p) for j, p in enumerate(operand.parts)))
    ]
    columns += [number.label(f"number_{n}") for n, number in enumerate(numbers)]
    found = sa.select(*columns).select_from(operands.source()).where(*conditions)
    return found.cte("members").prefix_with("MATERIALIZED")


def _grouped(members: sa.CTE, count: int) -> sa.Subquery:
    """A row for each group: its values, its count, and five numbers of each of `count` columns."""
    group = _values_of(members)
    sums: list[Any] = []
    for n in range(count):
        number = members.c[f"number_{n}"]
        held = sa.case((sa.func.abs(number) <= LARGEST, number))
        sums += [
            sa.func.count(number).label(f"count_{n}"),
            sa.func.avg(held).label(f"mean_{n}"),
            SampleDeviation(held).label(f"std_{n}"),
            sa.func.min(number).label(f"min_{n}"),
            sa.func.max(number).label(f"max_{n}"),
        ]
    return sa.select(*group, sa.func.count().label("runs"), *sums).group_by(*group).subquery()


def _count(connection: sa.Connection, members: sa.CTE) -> int:
    """How many groups there are."""
    found = sa.select(*_values_of(members)).distinct().subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def _values_of(table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """The columns that tell groups apart, in the order in which they sort."""
    return [column for name, column in table.c.items() if name.startswith(("rank_", "part_"))]


def _order(grouped: sa.Subquery, by: Sequence[Key], keys: Sequence[Key], window: RunWindow) -> list[Any]:
    every = _values_of(grouped)
    order: list[Any] = []
    for one in window.sort:
        if one.key == Field(COUNT):
            order.append(_turned(grouped.c.runs, descending=one.descending))
        elif one.key in by:
            i = by.index(one.key)
            order.append(grouped.c[f"rank_{i}"])
            mine = [column for name, column in grouped.c.items() if name.startswith(f"part_{i}_")]
            order += [_turned(part, descending=one.descending) for part in mine]
        elif one.key in keys:
            mean = grouped.c[f"mean_{keys.index(one.key)}"]
            order += [mean.is_(None), _turned(mean, descending=one.descending)]
    return [*order, *every]


def _turned(column: Any, *, descending: bool) -> Any:
    return column.desc() if descending else column.asc()


def _group(row: sa.Row[Any], by: Sequence[Key], split: Sequence[Operand], count: int) -> RunGroup:
    values = dict(row._mapping)
    cells, conditions = [], []
    for i, (key, operand) in enumerate(zip(by, split, strict=True)):
        parts = [values[f"part_{i}_{j}"] for j in range(len(operand.parts))]
        cells.append(_cell(key, values[f"rank_{i}"], parts))
        conditions.append(_condition(key, cells[-1]))
    summaries = [_summary(values, n) for n in range(count)]
    return RunGroup(cells, int(values["runs"]), summaries, _written(conditions))


def _written(conditions: Sequence[Expression | None]) -> str | None:
    """All of the conditions as text; None where one is missing, and for a long text."""
    known = tuple(condition for condition in conditions if condition is not None)
    if len(known) < len(conditions):
        return None
    text = written(known[0] if len(known) == 1 else And(known))
    return text if len(text) <= _MOST_WRITTEN else None


def _summary(values: Mapping[str, Any], n: int) -> Summary:
    return Summary(
        count=int(values[f"count_{n}"]),
        mean=finite(values[f"mean_{n}"]),
        std=finite(values[f"std_{n}"]),
        min=finite(values[f"min_{n}"]),
        max=finite(values[f"max_{n}"]),
    )


def _cell(key: Key, rank: int, parts: Sequence[Any]) -> Any:
    """The value of a group, from its columns."""
    if rank == Kind.NOTHING:
        return None
    if isinstance(key, ConfigKey):
        return _config_cell(rank, *parts)
    kind = FIELDS[key.name] if isinstance(key, Field) else "number"
    if kind in ("text", "status"):
        return parts[-1]
    if kind == "reference":
        return Reference(parts[2], parts[1])
    return from_us(parts[0]) if kind == "time" else _short(parts[0])


def _config_cell(rank: int, number: float, _: str, text: str) -> Any:
    match rank:
        case Kind.NUMBER:
            return _short(number)
        case Kind.BOOL:
            return bool(number)
        case Kind.TEXT:
            return text
    return from_json_text(text)


def _short(number: float) -> float:
    return int(number) if number == int(number) and abs(number) < 1 << 53 else number


def _condition(key: Key, cell: Any) -> Expression | None:
    """The condition that the runs of a group meet; None where no expression can say it."""
    match cell:
        case None:
            return IsNone(key)
        case Reference():
            return Compare(key, "==", Constant(cell.id))
        case datetime():
            return Compare(key, "==", Constant(cell.isoformat()))  # to the microsecond, with its zone
        case bool() | int() | float() | str():
            return Compare(key, "==", Constant(cell))
    return None


def _kind(key: Key) -> ColumnKind:
    match key:
        case Field(name):
            return FIELDS[name]
        case ConfigKey():
            return "mixed"
    return "number"


def _summed_kind(key: Key) -> ColumnKind:
    """Sums are of numbers, whatever else is in the column."""
    kind = _kind(key)
    return kind if kind in ("duration", "size") else "number"
