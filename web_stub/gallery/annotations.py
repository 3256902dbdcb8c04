"""Values of stored annotations, of any content. Pure."""

from __future__ import annotations

from typing import Any

from agent.formats.stored_annotation import read_annotation, tag_names

__all__ = ["dicts", "read_annotation", "tag_names", "text"]


def dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    return value if isinstance(value, str) else ""
