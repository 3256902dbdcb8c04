"""Conditions over columns as values: what `parsing` makes of a text, and how they are written. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent.store.runs.keys import Key, quoted, short_number, spelled

Value = float | int | str | bool
Operator = Literal["==", "!=", "<", "<=", ">", ">="]
OPERATORS: tuple[Operator, ...] = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Constant:
    value: Value


@dataclass(frozen=True, slots=True)
class Compare:
    """False for values of different kinds, whatever the operator."""

    left: Key | Constant
    operator: Operator
    right: Key | Constant


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether the value equals one of these."""

    key: Key
    values: tuple[Value | None, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """Whether the value is a text that has this part, in any case."""

    part: str
    key: Key


@dataclass(frozen=True, slots=True)
class IsNone:
    """Whether there is no value: null, or none at all."""

    key: Key


@dataclass(frozen=True, slots=True)
class Not:
    inner: Expression


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expression, ...]


Expression = Compare | OneOf | Contains | IsNone | Not | And | Or


def keys_of(expression: Expression) -> Iterator[Key]:
    """The columns that the condition reads, each as often as it is written."""
    match expression:
        case Compare(left, _, right):
            yield from (side for side in (left, right) if not isinstance(side, Constant))
        case OneOf() | Contains() | IsNone():
            yield expression.key
        case Not(inner):
            yield from keys_of(inner)
        case And(parts) | Or(parts):
            for part in parts:
                yield from keys_of(part)


def written(expression: Expression) -> str:
    """The condition as text that parses to an equal condition."""
    match expression:
        case Compare(left, operator, right):
            return f"{_side(left)} {operator} {_side(right)}"
        case OneOf(key, values):
            return f"{spelled(key)} in [{', '.join('None' if value is None else literal(value) for value in values)}]"
        case Contains(part, key):
            return f"{quoted(part)} in {spelled(key)}"
        case IsNone(key):
            return f"{spelled(key)} is None"
        case Not(inner):
            return f"not {_inner(inner)}"
        case And(parts) | Or(parts):
            word = " and " if isinstance(expression, And) else " or "
            return word.join(_inner(part) for part in parts)


def _inner(expression: Expression) -> str:
    text = written(expression)
    return f"({text})" if isinstance(expression, (Not, And, Or)) else text


def _side(side: Key | Constant) -> str:
    return literal(side.value) if isinstance(side, Constant) else spelled(side)


def literal(value: Value) -> str:
    """A value as an expression writes it."""
    match value:
        case bool():
            return str(value)
        case str():
            return quoted(value)
        case int():
            return str(value)
        case float():
            return short_number(value) if value == value else "None"
