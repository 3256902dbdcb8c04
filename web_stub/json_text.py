"""JSON as a person edits it. Pure."""

from __future__ import annotations

import json
from typing import Any

_WIDTH = 76


def pretty(value: Any, indent: int = 0) -> str:
    """Indented JSON in which what fits on a line stays on one; keys keep their order, `1.0` stays `1.0`."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value:
        return flat
    is_nested = any(isinstance(one, dict | list) for one in (value.values() if isinstance(value, dict) else value))
    if indent and not is_nested and len(flat) + indent <= _WIDTH:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [
            f"{pad}{json.dumps(str(key), ensure_ascii=False)}: {pretty(one, indent + 2)}" for key, one in value.items()
        ]
    else:
        lines = [pad + pretty(one, indent + 2) for one in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(lines) + "\n" + " " * indent + closing
