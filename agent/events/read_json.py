"""JSON as plugins print it → values that any JSON writer and both databases take. Pure.

What Python's own parser reads, which is what the official agent uses, is read; at the speed of a strict parser
wherever the text is strict.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

MAX_DEPTH = 100  # levels of nesting kept as data; orjson writes 254, people read 3
_LONGEST_INTEGER = 400  # digits; a float ends at 309, Python's own limit is 4300


class TooDeep(ValueError):
    """Nested deeper than anything a person wrote."""


def read_json(text: str) -> Any:
    """The value. ValueError where it is no JSON, TooDeep above MAX_DEPTH levels.

    NaN and infinities (the 2026 SDK prints them bare) become None, half surrogate pairs U+FFFD, integers
    beyond 64 bits floats.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return _plain(_LENIENT.decode(text))
        except RecursionError:
            raise TooDeep from None
    if len(text) > 2 * MAX_DEPTH and text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    """The same value without half surrogate pairs."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, (dict, list)):
        if depth == MAX_DEPTH:
            raise TooDeep
        if isinstance(value, dict):
            return {_plain(key): _plain(item, depth + 1) for key, item in value.items()}
        return [_plain(item, depth + 1) for item in value]
    return value


def _check_depth(value: Any) -> None:
    """Raises TooDeep. Goes level by level, without recursion."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        if depth > MAX_DEPTH:
            raise TooDeep
        level = [item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer)]


def _float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str) -> int | float | None:
    if len(text) > _LONGEST_INTEGER:
        return _float(text)
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 64 else _float(text)


_LENIENT = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_float, parse_int=_integer)
