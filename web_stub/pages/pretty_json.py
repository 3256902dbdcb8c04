"""JSON as a person edits it. Pure."""

from __future__ import annotations

import json
from typing import Any

from web_stub.json_response import plain

_WIDTH = 76


def pretty(value: Any) -> str:
    """Indented JSON. A part that fits on a line is not broken; keys keep their order, `1.0` stays `1.0`."""
    return _indented(plain(value), 0)


def _indented(value: Any, indent: int) -> str:
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list) or not value:
        return flat
    parts = value.values() if isinstance(value, dict) else value
    is_nested = any(isinstance(part, dict | list) for part in parts)
    if indent and not is_nested and len(flat) + indent <= _WIDTH:
        return flat
    pad = " " * (indent + 2)
    lines = [_indented(part, indent + 2) for part in parts]
    if isinstance(value, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {line}" for key, line in zip(value, lines, strict=True)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(pad + line for line in lines) + "\n" + " " * indent + closing
