"""Reads stored annotations, of any content. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson


def read_annotation(text: str) -> dict[str, Any] | None:
    """The annotation; {} for an empty text, None for a text that is no JSON object."""
    if not text.strip():
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def tag_names(tagged: Mapping[str, Any]) -> Iterator[str]:
    """Names of the tags of an annotation or a label, in either spelling (contract: project_format.md 3)."""
    tags = tagged.get("tags")
    for tag in tags if isinstance(tags, list) else []:
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str):
            yield name
