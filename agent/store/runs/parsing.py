"""From texts to keys and conditions, with a sentence for each text that is neither. Pure.

The grammar is Python's, so Python parses it; the few nodes that mean something here become values of `expression`, and
nothing is ever evaluated. In Python's grammar `metrics.val.iou@max` is a product of matrices: a key is an expression,
and one parser reads both.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import get_args

from agent.domain import TaskStatus, TaskType
from agent.store.runs.expression import (
    And,
    Compare,
    Constant,
    Contains,
    Expression,
    IsNone,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)
from agent.store.runs.keys import FIELDS, ConfigKey, Field, Key, MetricKey, SortKey, Step, spelled
from agent.store.runs.source import Source
from agent.store.runs.values import as_float, microseconds_of, seconds_of

_ROOTS = ("config", "metrics")
_AT = ("last", "max", "min")
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_CHOICES = {"status": [str(status) for status in TaskStatus], "type": [str(kind) for kind in TaskType]}
_KINDS: dict[str, set[str]] = {
    "status": {"text"},
    "duration": {"number"},
    "size": {"number"},
    "reference": {"number", "text"},
}
_OPERATORS: dict[type[ast.cmpop], Operator] = dict(
    zip((ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE), get_args(Operator), strict=True)
)
_IN_QUOTES = "A text stands in quotes."
_CALCULATES = "nothing is calculated: compare columns with numbers, texts and each other"
_UNREAD: dict[type[ast.AST], str] = {
    ast.Call: "there are no functions",
    ast.IfExp: 'there is no "if": write "and" and "or"',
    ast.Lambda: "there are no functions",
    ast.NamedExpr: "write == instead of :=",
    ast.JoinedStr: "write the text without the f before it",
    ast.BinOp: _CALCULATES,
    ast.UnaryOp: _CALCULATES,
    ast.Attribute: 'only "config" and "metrics" have parts',
    ast.Subscript: 'only "config" and "metrics" have parts',
}


class _Reader(Source):
    """Reads conditions and keys. `more` are names of columns beside those of tasks."""

    def __init__(self, text: str, what: str, more: Sequence[str] = ()) -> None:
        super().__init__(text, what)
        self.more = more

    # ------------------------------------------------------------ conditions

    def expression(self, node: ast.expr) -> Expression:
        match node:
            case ast.BoolOp(op, values):
                parts = tuple(self.expression(value) for value in values)
                return And(parts) if isinstance(op, ast.And) else Or(parts)
            case ast.UnaryOp(ast.Not(), operand):
                return Not(self.expression(operand))
            case ast.Compare(left, operators, rights):
                sides = [left, *rights]
                parts = tuple(self._compared(*link) for link in zip(sides, operators, rights, strict=False))
                return parts[0] if len(parts) == 1 else And(parts)
        if _is_key(node):
            name = spelled(self.key(node))
            raise self.wrong(node, f"{name} alone is no condition: compare it, for example {name} == True")
        raise self.wrong(node, _UNREAD.get(type(node), "this is no condition; write for example config.lr < 0.01"))

    def _compared(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Expression:
        if isinstance(operator, (ast.In, ast.NotIn)):
            found = self._among(left, right)
            return Not(found) if isinstance(operator, ast.NotIn) else found
        if not _is_key(left) and not _is_key(right):
            for side in (left, right):
                if not _is_constant(side):
                    self.key(side)  # says why it is none
            raise self.wrong(left, "two constants are compared: one side must be a column")
        if isinstance(operator, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
            for side, other in ((left, right), (right, left)):
                if _is_constant(side) and self._constant(side) is None:
                    missing = IsNone(self.key(other))
                    return Not(missing) if isinstance(operator, (ast.IsNot, ast.NotEq)) else missing
        if type(operator) not in _OPERATORS:
            raise self.wrong(right, '"is" goes with None only: write ==')
        one, two = self._side(left, right), self._side(right, left)
        if isinstance(one, Field) and isinstance(two, Field) and not _alike(one, two):
            raise self.wrong(left, f"{one.name} and {two.name} are of different kinds. {_IN_QUOTES}")
        return Compare(one, _OPERATORS[type(operator)], two)

    def _side(self, node: ast.expr, other: ast.expr) -> Key | Constant:
        if not _is_constant(node):
            return self.key(node)
        value = self._constant(node)
        if value is None:
            raise self.wrong(node, 'None is neither less nor greater: write "is None" or "is not None"')
        return Constant(self._fitting(node, value, self.key(other)))

    def _among(self, left: ast.expr, right: ast.expr) -> Expression:
        if isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            key = self.key(left)
            given = [(node, self._constant(node)) for node in right.elts]
            return OneOf(key, tuple(None if v is None else self._fitting(node, v, key) for node, v in given))
        if isinstance(left, ast.Constant) and isinstance(left.value, str) and _is_key(right):
            return Contains(left.value, self.key(right))
        if _is_key(left):
            raise self.wrong(right, 'write a list behind "in", for example ["finished", "error"]')
        raise self.wrong(left, 'write a text before "in", for example "unet" in name')

    def _fitting(self, node: ast.AST, value: Value, key: Key) -> Value:
        """The value, if the column could have it. A time or a duration is a text here and stays one."""
        if not isinstance(key, Field):
            return value
        if FIELDS[key.name] == "time" and not (isinstance(value, str) and microseconds_of(value) is not None):
            raise self.wrong(node, f'{key.name} is a time: write one such as "2026-11-01" or "2026-11-01 13:30"')
        if FIELDS[key.name] == "duration" and (
            isinstance(value, bool) or (isinstance(value, str) and seconds_of(value) is None)
        ):
            raise self.wrong(node, f'{key.name} is a duration: write seconds, or a text such as "1h 30m"')
        choices = _CHOICES.get(key.name)
        if choices and value not in choices:
            named = repr(value) if isinstance(value, str) else str(value)
            raise self.wrong(node, f"no {key.name} is {named}; {_nearest(str(value), choices)}")
        return value

    def _constant(self, node: ast.expr) -> Value | None:
        match node:
            case ast.Constant(value) if value is None or isinstance(value, (bool, str)):
                return value
            case ast.Constant(int() | float() as value):
                return value if isinstance(value, int) else as_float(value)
            case ast.UnaryOp(ast.USub() | ast.UAdd() as sign, operand):
                value = self._constant(operand)
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    return -value if isinstance(sign, ast.USub) else value
            case ast.Name(name) if name in _CONSTANTS:
                return _CONSTANTS[name]
            case ast.Name(name) if not _is_key(node):
                raise self.wrong(node, f'{name} is no value: write it in quotes, "{name}"')
        raise self.wrong(node, _UNREAD.get(type(node), "only numbers, texts, True, False and None are values"))

    # ------------------------------------------------------------ keys

    def key(self, node: ast.expr) -> Key:
        place = self.place(node)
        match node:
            case ast.Name(name) if name in FIELDS or name in self.more:
                return Field(name, place)
            case ast.Name(name) if name in _ROOTS:
                example = "config.lr" if name == "config" else "metrics.val.loss"
                raise self.wrong(node, f"{name} alone is no column: write for example {example}")
            case ast.Name(name):
                raise self.wrong(node, f"there is no column {name}; {_nearest(name, (*FIELDS, *_ROOTS))} {_IN_QUOTES}")
            case ast.BinOp(left, ast.MatMult(), right):
                found = self.key(left)
                if not isinstance(found, MetricKey) or isinstance(left, ast.BinOp):
                    raise self.wrong(right, "@ goes behind a metric, once: metrics.val.loss@min")
                return MetricKey(found.kind, found.name, self._at(right), place)
            case ast.Attribute() | ast.Subscript():
                return self._path(node, place)
        if isinstance(node, ast.Constant):
            raise self.wrong(node, "this is a constant, where a column is wanted")
        raise self.wrong(node, _UNREAD.get(type(node), "this is no column"))

    def _path(self, node: ast.expr, place: int) -> Key:
        steps: list[Step] = []
        inner = node
        while not isinstance(inner, ast.Name):
            match inner:
                case ast.Attribute(value, name):
                    steps.append(name)
                case ast.Subscript(value, ast.Constant(str() as step)):
                    steps.append(step)
                case ast.Subscript(value, ast.Constant(int() as number)) if not isinstance(number, bool):
                    steps.append(number)
                case ast.Subscript():
                    raise self.wrong(inner.slice, 'write a text or a number in the brackets, as in config["a b"][0]')
                case _:
                    raise self.wrong(inner, _UNREAD.get(type(inner), "this is no column"))
            inner = value
        steps.reverse()
        if inner.id == "config":
            return ConfigKey(tuple(steps), place)
        if inner.id != "metrics":
            known = "has no parts" if inner.id in FIELDS else f"is no column; {_nearest(inner.id, (*FIELDS, *_ROOTS))}"
            raise self.wrong(inner, f"{inner.id} {known}")
        if len(steps) != 2 or not all(isinstance(step, str) for step in steps):
            said = 'a metric is metrics.<kind>.<name>, as in metrics.val.loss or metrics.val["loss/all"]'
            raise self.wrong(node, said)
        return MetricKey(str(steps[0]), str(steps[1]), "last", place)

    def _at(self, node: ast.expr) -> str | float:
        match node:
            case ast.Name(name) if name in _AT:
                return name
            case ast.Name(name):
                raise self.wrong(node, f"there is no @{name}; {_nearest(name, _AT)}, or an epoch such as @10")
        epoch = self._constant(node)
        if isinstance(epoch, bool) or not isinstance(epoch, (int, float)) or not math.isfinite(as_float(epoch)):
            raise self.wrong(node, "behind @ comes last, max, min or the number of an epoch")
        return as_float(epoch)

    def sort_key(self, node: ast.expr) -> SortKey:
        """A key with a minus before it is turned. Python reads `-a@max` as `(-a)@max`."""
        match node:
            case ast.UnaryOp(ast.USub(), operand):
                return SortKey(self.key(operand), descending=True)
            case ast.BinOp(ast.UnaryOp(ast.USub(), operand), ast.MatMult(), at):
                turned = ast.BinOp(operand, ast.MatMult(), at)
                return SortKey(self.key(ast.copy_location(turned, operand)), descending=True)
        return SortKey(self.key(node))

    def each(self) -> Sequence[ast.expr]:
        """The parts of a list by commas, or the one there is."""
        return self.root.elts if isinstance(self.root, ast.Tuple) else [self.root]


def parse_expression(text: str, what: str = "where") -> Expression:
    """The condition of a text. BadInput with the place for anything else."""
    reader = _Reader(text, what)
    return reader.expression(reader.root)


def parse_keys(texts: Iterable[str], what: str = "columns") -> list[Key]:
    """The keys of texts, each a key or several with commas between, every key once. BadInput with the place."""
    readers = [_Reader(text, what) for text in texts]
    return list(dict.fromkeys(reader.key(node) for reader in readers for node in reader.each()))


def parse_sort(texts: Iterable[str], what: str = "sort", more: Sequence[str] = ()) -> list[SortKey]:
    """As `parse_keys`; a key with - before it is turned. `more` are columns beside those of tasks."""
    readers = [_Reader(text, what, more) for text in texts]
    return list(dict.fromkeys(reader.sort_key(node) for reader in readers for node in reader.each()))


def _alike(one: Field, two: Field) -> bool:
    """Whether values of the two columns can be compared."""
    kinds = [_KINDS.get(FIELDS[key.name], {FIELDS[key.name]}) for key in (one, two)]
    return bool(kinds[0] & kinds[1])


def _is_key(node: ast.expr) -> bool:
    """Whether the node looks like a column, known or not."""
    if isinstance(node, ast.Name):
        return node.id not in _CONSTANTS
    is_metric = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    return is_metric or isinstance(node, (ast.Attribute, ast.Subscript))


def _is_constant(node: ast.expr) -> bool:
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in _CONSTANTS)


def _nearest(name: str, known: Iterable[str]) -> str:
    every = list(known)
    near = get_close_matches(name, every, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(every)}"
