"""Values of the table of runs: how they are written, compared and ordered. Pure.

A value is a number, a text, a bool, a list, an object or nothing (null and absent alike). Values of different kinds
are never equal, less or greater; in an order numbers come first, then texts, bools, lists, objects, and nothing last.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from itertools import islice
from typing import Any, NamedTuple

from agent.store.columns import clean, to_json, to_us
from agent.store.runs.keys import Step, config_path

MOST_VALUES = 1000  # of one config: the outer ones first
LONGEST_PATH = 500  # characters; PostgreSQL indexes no more than 2700 bytes
LONGEST_TEXT = 10_000  # characters
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"\s*(?:[0-9]+(?:\.[0-9]+)?\s*[smhdw]\s*)+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhdw])")


class Kind(IntEnum):
    """The kinds in their order."""

    NUMBER = 0
    TEXT = 1
    BOOL = 2
    LIST = 3
    OBJECT = 4
    NOTHING = 9


class ConfigValue(NamedTuple):
    """A value of a config as a row keeps it: `number` of numbers and bools, `text` of texts and, as JSON, the rest."""

    path: str
    kind: Kind
    number: float | None = None
    text: str | None = None


def config_values(config: Mapping[str, Any]) -> Iterator[ConfigValue]:
    """The values of a config that are columns: at most `MOST_VALUES`, the outer ones first.

    `config` is JSON. Values whose path is longer than `LONGEST_PATH` are left out; they stay in the config itself.
    """
    waiting: deque[tuple[tuple[Step, ...], Any]] = deque(((key,), value) for key, value in config.items())
    left = MOST_VALUES
    while waiting and left:
        steps, value = waiting.popleft()
        path = config_path(steps)
        if len(path) > LONGEST_PATH:
            continue
        left -= 1
        yield ConfigValue(path, *_kept(value))
        inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting.extend(((*steps, step), item) for step, item in islice(inner, left))


def _kept(value: Any) -> tuple[Kind, float | None, str | None]:
    kind = kind_of(value)
    match kind:
        case Kind.NUMBER | Kind.BOOL:
            return kind, as_float(value), None
        case Kind.TEXT:
            return kind, None, cut(clean(value))
        case Kind.LIST | Kind.OBJECT:
            return kind, None, cut(clean(to_json(value)))
        case Kind.NOTHING:
            return kind, None, None


_KINDS = {bool: Kind.BOOL, int: Kind.NUMBER, str: Kind.TEXT, list: Kind.LIST, dict: Kind.OBJECT}


def kind_of(value: Any) -> Kind:
    """The kind of a JSON value. NaN and infinities are nothing."""
    if isinstance(value, float):
        return Kind.NUMBER if math.isfinite(value) else Kind.NOTHING
    return _KINDS.get(type(value), Kind.NOTHING)


def cut(text: str) -> str:
    """A text short enough for a row; of a longer one the beginning, and a hash that tells it from others."""
    if len(text) <= LONGEST_TEXT:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{text[: LONGEST_TEXT - 65]}…{digest}"


def as_float(number: float) -> float:
    """The number as 64 bits hold it: one beyond every float becomes the largest."""
    try:
        held = float(number)
    except OverflowError:
        return sys.float_info.max if number > 0 else -sys.float_info.max
    return held if math.isfinite(held) else math.copysign(sys.float_info.max, held)


def from_json_text(text: str) -> Any:
    """The list or object of a row; its text where that was cut."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def seconds_of(text: str) -> float | None:
    """`1h`, `90 m`, `1d 12h`, `2.5s` in seconds; None for another text."""
    if not _DURATION.fullmatch(text):
        return None
    return as_float(sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text)))


def microseconds_of(text: str) -> int | None:
    """A date or a moment in ISO 8601, in microseconds since 1970; UTC where it names no zone. None for another text."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
