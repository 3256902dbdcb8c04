"""Conditions as SQL. Each comparison is true or false, never null, so `not` means what it says."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from agent.store.columns import clean
from agent.store.runs.expression import (
    And,
    Compare,
    Constant,
    Contains,
    Expression,
    IsNone,
    Not,
    OneOf,
    Or,
    Value,
)
from agent.store.runs.keys import FIELDS, Field, Key
from agent.store.runs.operands import Operands, Sql
from agent.store.runs.values import Kind, as_float, microseconds_of, seconds_of
from agent.store.search import contains

Condition = sa.ColumnElement[bool]
_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def decidable(expression: Expression) -> Expression:
    """The expression, if it can be decided for a task; BadInput as of `Operands.of`."""
    condition(expression, Operands(0))
    return expression


def condition(expression: Expression, operands: Operands) -> Condition:
    """The expression over the columns of a statement."""
    match expression:
        case Compare(left, sign, right):
            return _compared(_values(left, right, operands), sign, _values(right, left, operands))
        case OneOf(key, values):
            return _one_of(key, values, operands)
        case Contains(part, key):
            text = operands.of(key).text
            return sa.false() if text is None else _true(contains(text, part))
        case IsNone(key):
            return operands.of(key).rank == Kind.NOTHING.value
        case Not(inner):
            return sa.not_(condition(inner, operands))
        case And(parts) | Or(parts):
            joined = sa.and_ if isinstance(expression, And) else sa.or_
            return joined(*(condition(part, operands) for part in parts))


def _values(side: Key | Constant, other: Key | Constant, operands: Operands) -> Mapping[str, Sql]:
    """The values of a side by kind. A constant is read as the column on the other side needs it."""
    if isinstance(side, Constant):
        kind, value = constant(side.value, None if isinstance(other, Constant) else other)
        return {kind: _bound(kind, value)}
    return operands.of(side).values


def constant(value: Value, key: Key | None) -> tuple[str, Any]:
    """A constant as it is compared with a column: its kind, and the value. Pure."""
    field = FIELDS[key.name] if isinstance(key, Field) else None
    match value:
        case bool():
            return "bool", float(value)
        case str() if field == "time":
            return "time", microseconds_of(value)
        case str() if field == "duration":
            return "number", seconds_of(value)
        case str():
            return "text", clean(value)
    return "number", as_float(value)


def _bound(kind: str, value: Any) -> Sql:
    types: Mapping[str, Any] = {"text": sa.Text(), "time": sa.BigInteger()}
    return sa.literal(value, types.get(kind, sa.Float(53)))


def _compared(left: Mapping[str, Sql], sign: str, right: Mapping[str, Sql]) -> Condition:
    """Two texts, two numbers and so on. Two references, each a number and a text, are compared by number."""
    both = [kind for kind in left if kind in right]
    if not both:
        return sa.false()
    if "reference" in both:
        both = ["reference"]
    return sa.or_(*(_true(_COMPARED[sign](left[kind], right[kind])) for kind in both))


def _one_of(key: Key, values: tuple[Value | None, ...], operands: Operands) -> Condition:
    operand = operands.of(key)
    by_kind: dict[str, list[Any]] = {}
    for value in values:
        if value is not None:
            kind, wanted = constant(value, key)
            by_kind.setdefault(kind, []).append(wanted)
    found = [
        _true(operand.values[kind].in_([_bound(kind, one) for one in wanted]))
        for kind, wanted in by_kind.items()
        if kind in operand.values
    ]
    if None in values:
        found.append(operand.rank == Kind.NOTHING.value)
    return sa.or_(*found) if found else sa.false()


def _true(comparison: sa.ColumnElement[Any]) -> Condition:
    """Whether it is true: a comparison with nothing is not."""
    return sa.func.coalesce(comparison, sa.false())
