"""The space of a search: what `--set` says of each key. Pure.

lr=1e-5..1e-1:log     a range of numbers, drawn evenly or by their logarithm
epochs=5..20          a range of integers, both ends included; `:step=5` draws 5, 10, 15, 20
lr=0.1,0.01           choices, each read as `--set` of `agent submit-train` reads a value
opt.name=adam         one value: fixed, as in `agent submit-train`
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from agent.errors import BadInput
from agent.submission import read_value

_LIMIT = 2**53  # beyond it a float does not hold every integer
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MOST_CHOICES = 1000


@dataclass(frozen=True, slots=True)
class Range:
    low: float  # an int where `is_integer`
    high: float
    is_integer: bool = False
    log: bool = False
    step: float | None = None

    def __str__(self) -> str:
        suffix = ":log" if self.log else f":step={self.step:g}" if self.step is not None else ""
        return f"{self.low!r}..{self.high!r}{suffix}"


@dataclass(frozen=True, slots=True)
class Choices:
    values: tuple[Any, ...]  # any JSON values, no two alike

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


Dimension = Range | Choices


@dataclass(frozen=True, slots=True)
class Space:
    varied: Mapping[str, Dimension]  # key of the config → what may be there
    fixed: tuple[str, ...]  # `key=value`, for the config of every trial

    @property
    def combinations(self) -> int | None:
        """How many there are; None with a range, which has no end of values worth trying one by one."""
        dimensions = self.varied.values()
        if any(isinstance(dimension, Range) for dimension in dimensions):
            return None
        return math.prod(len(dimension.values) for dimension in dimensions if isinstance(dimension, Choices))


def read_space(texts: Sequence[str]) -> Space:
    """The space of these `--set` texts. BadInput with the text, what is wrong with it, and what to write."""
    varied: dict[str, Dimension] = {}
    fixed: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(key.split(".")):
            raise BadInput(f"--set {text!r} is not key=value; write lr=1e-5..1e-1:log, epochs=5..20 or lr=0.1,0.01")
        for other in (*varied, *fixed):
            if key == other:
                raise BadInput(f"--set {text!r}: {key} is set twice; keep one of the two")
            if key.startswith(f"{other}.") or other.startswith(f"{key}."):
                raise BadInput(f"--set {text!r}: {key} and {other} lie in each other; set only one of them")
        dimension = read_dimension(value, said=text)
        if dimension is None:
            fixed[key] = text
        else:
            varied[key] = dimension
    if not varied:
        raise BadInput(
            "nothing varies, so there is nothing to search; "
            "give a range or choices: --set lr=1e-5..1e-1:log, --set epochs=5..20, --set lr=0.1,0.01"
        )
    return Space(varied, tuple(fixed.values()))


def read_dimension(value: str, *, said: str) -> Dimension | None:
    """What the text after `key=` lets vary; None for a fixed value. BadInput quotes what was `said`."""
    if _is_json(value):  # a number, a string in quotes, a list: one value, as in `agent submit-train`
        return None
    if ".." in value:
        ends, *suffixes = value.split(":")
        low, high = (end.strip() for end in ends.split("..", 1)) if ".." in ends else ("", "")
        if _number(low) is not None or _number(high) is not None:
            return _range(low, high, suffixes, said)
    parts = _split(value)
    return _choices(parts, said) if len(parts) > 1 else None


def _range(low_text: str, high_text: str, suffixes: Sequence[str], said: str) -> Range:
    ends = []
    for which, text in (("lower", low_text), ("upper", high_text)):
        number = _number(text)
        if number is None:
            shown = f"{text!r} is no number" if text else "is missing"
            raise BadInput(f"--set {said!r}: the {which} end {shown}; write for instance 1e-5..1e-1:log or 5..20")
        if not math.isfinite(number) or (isinstance(number, int) and abs(number) > _LIMIT):
            raise BadInput(f"--set {said!r}: the {which} end {text} is too large; choose a smaller range")
        ends.append(number)
    low, high = ends
    is_integer = isinstance(low, int) and isinstance(high, int)
    if not is_integer:
        low, high = float(low), float(high)
    if low >= high:
        raise BadInput(f"--set {said!r}: {low_text} is not below {high_text}; write the lower end first")
    log, step = _suffixes(suffixes, said, is_integer=is_integer)
    if log and low <= 0:
        raise BadInput(f"--set {said!r}: a range with :log begins above 0; choose a lower end above 0, or omit :log")
    if log and step is not None:
        raise BadInput(f"--set {said!r}: :log and :step exclude each other; keep one of them")
    if step is not None and step > high - low:
        raise BadInput(f"--set {said!r}: the step {step:g} is longer than the range; choose a shorter one")
    if math.isinf(high - low):
        raise BadInput(f"--set {said!r}: the range is too long; choose a smaller one")
    if step is not None:  # the upper end is the last value that steps from the lower one reach
        steps = (Decimal(str(high)) - Decimal(str(low))) // Decimal(str(step))
        high = type(low)(Decimal(str(low)) + steps * Decimal(str(step)))
    return Range(low, high, is_integer, log, step)


def _suffixes(suffixes: Sequence[str], said: str, *, is_integer: bool) -> tuple[bool, float | None]:
    log, step = False, None
    for suffix in suffixes:
        name, _, value = suffix.strip().partition("=")
        if name == "log" and not value and not log:
            log = True
        elif name == "step" and value and step is None:
            step = _number(value.strip())
            if step is None or not 0 < step < math.inf or (is_integer and not isinstance(step, int)):
                kind = "an integer" if is_integer else "a number"
                raise BadInput(f"--set {said!r}: the step {value!r} is not {kind} above 0; write for instance :step=2")
        else:
            raise BadInput(f"--set {said!r}: :{suffix} is unknown after a range; write :log or :step=2, or nothing")
    return log, step


def _choices(parts: Sequence[str], said: str) -> Choices:
    values: list[Any] = []
    for place, part in enumerate(parts, 1):
        if not part.strip():
            raise BadInput(f'--set {said!r}: choice {place} is empty; remove the comma, or write "" for no text')
        value = read_value(part.strip())
        if any(_same(value, other) for other in values):
            raise BadInput(f"--set {said!r}: the choice {part.strip()} is given twice; keep it once")
        values.append(value)
    if len(values) > _MOST_CHOICES:
        raise BadInput(f"--set {said!r} has {len(values)} choices; give at most {_MOST_CHOICES}, or a range")
    return Choices(tuple(values))


def _split(text: str) -> list[str]:
    """The text at its commas, save those in quotes, brackets and braces."""
    parts, depth, quoted, escaped = [""], 0, False, False
    for char in text:
        if char == "," and not depth and not quoted:
            parts.append("")
            continue
        parts[-1] += char
        if quoted:
            quoted, escaped = char != '"' or escaped, char == "\\" and not escaped
        elif char == '"':
            quoted = True
        else:
            depth = max(0, depth + (char in "[{") - (char in "]}"))
    return parts


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)  # 1, 1.0 and true are three values


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _number(text: str) -> float | None:
    """The number, an int where it is written as one; None for any other text."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else None


# ---------------------------------------------------------------- as the store keeps it


def to_json(varied: Mapping[str, Dimension]) -> dict[str, Any]:
    return {
        key: {"choices": list(dimension.values)}
        if isinstance(dimension, Choices)
        else {
            "low": dimension.low,
            "high": dimension.high,
            "is_integer": dimension.is_integer,
            "log": dimension.log,
            "step": dimension.step,
        }
        for key, dimension in varied.items()
    }


def from_json(stored: Mapping[str, Any]) -> dict[str, Dimension]:
    return {
        key: Choices(tuple(said["choices"]))
        if "choices" in said
        else Range(said["low"], said["high"], said["is_integer"], said["log"], said["step"])
        for key, said in stored.items()
    }
