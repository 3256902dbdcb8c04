"""The table of runs as a few lines of Python say it: what the answers of SQL are compared with."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.store.columns import clean
from agent.store.runs.conditions import constant
from agent.store.runs.expression import And, Compare, Constant, Contains, Expression, IsNone, Not, OneOf
from agent.store.runs.keys import FIELDS, ConfigKey, Field, Key, MetricKey, SortKey
from agent.store.runs.values import Kind, as_float, kind_of

_OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass
class Task:
    id: int
    fields: Mapping[str, Any]
    config: Any
    metrics: Mapping[tuple[str, str], Sequence[float]] = field(default_factory=dict)


def value(task: Task, key: Key) -> Any:
    match key:
        case Field(name):
            return task.fields[name]
        case MetricKey(kind, name, at):
            numbers = [number for number in task.metrics.get((kind, name), ()) if math.isfinite(number)]
            if at == "last":
                every = task.metrics.get((kind, name), ())
                return every[-1] if every and math.isfinite(every[-1]) else None
            return {"max": max, "min": min}[str(at)](numbers) if numbers else None
        case ConfigKey(path):
            found: Any = task.config
            for step in path:
                if not isinstance(found, list if isinstance(step, int) else dict):
                    return None
                try:
                    found = found[step]  # type: ignore[index]
                except (KeyError, IndexError):
                    return None
            return found


def kinds(task: Task, side: Key | Constant, other: Key | Constant | None) -> dict[str, Any]:
    """The value in each kind in which it may be compared."""
    if isinstance(side, Constant):
        kind, found = constant(side.value, None if isinstance(other, Constant) else other)
        return {kind: found}
    found = value(task, side)
    if found is None:
        return {}
    if isinstance(side, Field) and FIELDS[side.name] == "reference":
        return {"reference": found[0], "number": found[0], "text": found[1]}
    if isinstance(side, Field) and FIELDS[side.name] == "time":
        return {"time": found}
    match kind_of(found):
        case Kind.NUMBER:
            return {"number": as_float(found)}
        case Kind.TEXT:
            return {"text": clean(found)}
        case Kind.BOOL:
            return {"bool": float(found)}
    return {}


def holds(task: Task, expression: Expression) -> bool:
    match expression:
        case Compare(left, sign, right):
            one, two = kinds(task, left, right), kinds(task, right, left)
            both = [kind for kind in one if kind in two]
            return any(
                _OPERATORS[sign](one[kind], two[kind]) for kind in (["reference"] if "reference" in both else both)
            )
        case OneOf(key, wanted):
            return any(
                holds(task, IsNone(key) if item is None else Compare(key, "==", Constant(item))) for item in wanted
            )
        case Contains(part, key):
            text = kinds(task, key, None).get("text")
            return text is not None and _folded(clean(part), clean(part)) in _folded(text, clean(part))
        case IsNone(key):
            found = value(task, key)
            return found is None or (kind_of(found) is Kind.NOTHING and not isinstance(found, tuple))
        case Not(inner):
            return not holds(task, inner)
        case And(parts):
            return all(holds(task, part) for part in parts)
    return any(holds(task, part) for part in expression.parts)


def _folded(text: str, part: str) -> str:
    return _lower(text) if part.isascii() else text.casefold()


def _lower(text: str) -> str:
    """As SQL's lower: the letters of ASCII."""
    return "".join(chr(ord(sign) + 32) if "A" <= sign <= "Z" else sign for sign in text)


def in_order(tasks: Sequence[Task], sort: Sequence[SortKey]) -> list[int]:
    """The ids; the last key of the order counts least, so it is sorted by first."""
    found = sorted(tasks, key=lambda task: -task.id)
    for one in reversed(sort):
        found.sort(key=lambda task: _place(task, one.key), reverse=one.descending)
        found.sort(key=lambda task: _rank(task, one.key))
    return [task.id for task in found]


def _rank(task: Task, key: Key) -> int:
    found = value(task, key)
    return Kind.TEXT if isinstance(found, tuple) else kind_of(found)


def _place(task: Task, key: Key) -> Any:
    found = value(task, key)
    match kind_of(found):
        case Kind.NUMBER | Kind.BOOL:
            return (as_float(found), "", "")
        case Kind.TEXT:
            return (0.0, _lower(clean(found)), clean(found))
        case Kind.LIST | Kind.OBJECT:
            from agent.store.columns import to_json

            text = clean(to_json(found))
            return (0.0, _lower(text), text)
    return (found[0], _lower(found[1]), found[1]) if isinstance(found, tuple) else (0.0, "", "")
