"""How values become columns and come back. Pure.

No text of a plugin or a person may make a statement fail: lone surrogates and NUL, which UTF-8 or PostgreSQL refuse,
are replaced visibly; numbers beyond 64 bits are held at the limit.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from agent.formats.json_values import without_nan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_NUMBER = re.compile(r"\d{19}")
_INT64 = 1 << 63
_NAME_LIMIT = 500  # characters; PostgreSQL indexes no more than 2700 bytes


def now_us() -> int:
    return time.time_ns() // 1000


def to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    return _EPOCH + timedelta(0, 0, us)


def from_us_or_none(us: int | None) -> datetime | None:
    return None if us is None else _EPOCH + timedelta(0, 0, us)


def clean(text: str) -> str:
    """The text with every character storable: lone surrogates become U+FFFD, NUL becomes ␀."""
    if "\0" in text:
        text = text.replace("\0", "␀")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def clean_or_none(text: str | None) -> str | None:
    return None if text is None else clean(text)


def key(text: str) -> str:
    """A name that is part of a key: clean, and cut at 500 characters."""
    return clean(text) if len(text) <= _NAME_LIMIT else clean(text[: _NAME_LIMIT - 1]) + "…"


def agent_name(agent_id: str) -> str:
    """The name in the id of an agent's process (`laptop:4711:0a1b2c3d`)."""
    return agent_id.rsplit(":", 2)[0]


def int64(number: int) -> int:
    """The number, held at the limits of a 64-bit column."""
    return max(-_INT64, min(_INT64 - 1, number))


def finite(number: float | None) -> float | None:
    """None for what no chart and no JSON can show: NaN, Infinity, an integer beyond every float."""
    try:
        return number if number is not None and math.isfinite(number) else None
    except OverflowError:
        return None


def to_json(value: Any) -> str:
    """JSON text with key order kept. NaN and Infinity become null, integers keep every digit."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, a lone surrogate, a key that is no string
        return json.dumps(without_nan(value), separators=(",", ":"))


def to_json_or_none(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else to_json(value)


def from_json(text: str) -> Any:
    if _LONG_NUMBER.search(text):  # orjson would turn an integer beyond 64 bits into a float
        return json.loads(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # a lone surrogate, kept as an escape
        return json.loads(text)


def from_json_or_none(text: str | None) -> Any:
    return None if text is None else from_json(text)
