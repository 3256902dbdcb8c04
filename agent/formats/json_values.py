"""Values that are JSON: how deep they are nested, whether they can be kept, how they are written. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 100  # levels of nesting; people write 5, orjson writes 254, and Python's own writer ends somewhere near 900


def is_deeper(value: Any, levels: int = MAX_DEPTH) -> bool:
    """Whether lists and objects are nested deeper than that. Goes level by level, without recursion."""
    level = [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        if levels == 0:
            return True
        levels -= 1
        level = [item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer)]
    return False


def storable_problem(value: Any) -> str | None:
    """Why not every writer could give back a value from outside, as the end of a sentence; None when each can.

    The end of the sentence says what to do, too.
    """
    if is_deeper(value):
        return f"is nested deeper than {MAX_DEPTH} levels; flatten it"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no text; take it out"
    return None


def without_nan(value: Any) -> Any:
    """The same value with null for NaN and infinities, which are no JSON; tuples become lists, keys text."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(name): without_nan(item) for name, item in value.items()}
        case list() | tuple():
            return [without_nan(item) for item in value]
        case _:
            return value


def compact(value: Any) -> str:
    """Compact JSON, ASCII only, so that a reader in any locale can read it; order and number types kept."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def spaced(value: Any) -> str:
    """JSON as Python's own writer spells it, `", "` and `": "` between: the bytes of the official agent's files."""
    return json.dumps(value, ensure_ascii=True)


def canonical(value: Mapping[str, Any]) -> bytes:
    """Equal values give equal bytes, whatever their key order and spacing was."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
