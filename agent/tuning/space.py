"""The space of a search: what may stand at which key of the config, and what no space may be. Pure.

`space_texts` reads it from `--set`, `space_objects` from the objects of the REST API.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agent.errors import BadInput
from agent.formats.json_values import storable_problem
from agent.fs.names import brief
from agent.submission import put_value

_LIMIT = 2**53  # beyond it a float does not hold every integer
_MOST_CHOICES = 1000
_MOST_KEYS = 100
_LONGEST_KEY = 500


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


def make_space(found: Mapping[str, Dimension | str], example: str) -> Space:
    """`found`: key → what varies, or `key=value` for what is fixed."""
    if too_long := next((key for key in found if len(key) > _LONGEST_KEY), None):
        raise BadInput(f"the key {brief(too_long)!r} is longer than {_LONGEST_KEY} characters; choose another")
    if inner := next((key for key in found for part in _above(key) if part in found), None):
        outer = next(part for part in _above(inner) if part in found)
        raise BadInput(f"{brief(inner)} and {brief(outer)} lie in each other; set only one of them")
    varied = {key: what for key, what in found.items() if not isinstance(what, str)}
    if not varied:
        raise BadInput(f"nothing varies, so there is nothing to search; give a range or choices: {example}")
    if len(varied) > _MOST_KEYS:
        raise BadInput(f"{len(varied)} keys vary; let at most {_MOST_KEYS} of them")
    for key, dimension in varied.items():
        lying: dict[str, Any] = {}
        put_value(lying, key, list(dimension.values) if isinstance(dimension, Choices) else None, said=key)
        if problem := storable_problem(lying):
            raise BadInput(f"what may stand at {brief(key)} {problem}")
    return Space(varied, tuple(what for what in found.values() if isinstance(what, str)))


def _above(key: str) -> Iterator[str]:
    """`a.b.c` → `a`, `a.b`"""
    parts = key.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def make_range(low: float, high: float, *, log: bool, step: float | None, where: str, is_integer: bool = True) -> Range:
    """A range of integers where both ends are integers, unless it is said that it is not."""
    for which, end in (("lower", low), ("upper", high)):
        if not is_finite(end) or (isinstance(end, int) and abs(end) > _LIMIT):
            raise BadInput(f"{where}: the {which} end is too large, or no finite number; choose a smaller range")
    is_integer = is_integer and isinstance(low, int) and isinstance(high, int)
    if not is_integer:
        low, high = float(low), float(high)
    if low >= high:
        raise BadInput(f"{where}: {low!r} is not below {high!r}; write the lower end first")
    if math.isinf(high - low):
        raise BadInput(f"{where}: the range is too long; choose a smaller one")
    if log and low <= 0:
        raise BadInput(f"{where}: a range with log begins above 0; choose a lower end above 0, or omit log")
    if log and step is not None:
        raise BadInput(f"{where}: log and step exclude each other; keep one of them")
    if step is not None:
        if not is_finite(step) or step <= 0 or (is_integer and not isinstance(step, int)):
            raise BadInput(f"{where}: the step is not {'an integer' if is_integer else 'a finite number'} above 0")
        if step > high - low:
            raise BadInput(f"{where}: the step {step:g} is longer than the range; choose a shorter one")
        if (high - low) / step > _LIMIT:
            raise BadInput(f"{where}: the step {step:g} is too short for the range; choose a longer one, or none")
        # The upper end is the last value that steps from the lower one reach.
        steps = (Decimal(str(high)) - Decimal(str(low))) // Decimal(str(step))
        high = type(low)(Decimal(str(low)) + steps * Decimal(str(step)))
    return Range(low, high, is_integer, log, step)


def make_choices(values: Sequence[Any], where: str) -> Choices:
    if not values:
        raise BadInput(f"{where} has no choices; give two or more")
    if len(values) > _MOST_CHOICES:
        raise BadInput(f"{where} has {len(values)} choices; give at most {_MOST_CHOICES}, or a range")
    if problem := storable_problem(values):
        raise BadInput(f"{where}: one of the choices {problem}")
    seen = set()
    for place, value in enumerate(values, 1):
        try:
            text = json.dumps(value, sort_keys=True, allow_nan=False)  # 1, 1.0 and true are three values
        except ValueError:
            raise BadInput(f"{where}: choice {place} holds no finite number; JSON has no NaN and no infinity") from None
        if text in seen:
            raise BadInput(f"{where}: the choice {brief(text)} is given twice; keep it once")
        seen.add(text)
    return Choices(tuple(values))


def is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond every float
        return False


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
