"""Values → strict JSON bytes, whatever a plugin put into them."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

from agent.formats.json_text import MAX_DEPTH, is_deeper


def encode(value: Any) -> bytes:
    """Strict JSON: NaN and Infinity become null, times end in Z. Takes integers of any size and broken text."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # an integer beyond 64 bits, half a surrogate pair
        return json.dumps(_finite(value), default=str, allow_nan=False).encode()


def storable(value: Any) -> Any:
    """The value itself. ValueError for what could be kept but not be given back, or not by every writer."""
    if is_deeper(value):
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is no text") from None
    return value


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {str(key): _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value
