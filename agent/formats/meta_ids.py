"""Ids of classes and tags in a project's meta: newer clients look both up by id. Pure.

A name keeps its id for as long as the project has it; ids that a client brings from another project are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_PER_PROJECT = 1_000_000  # so that ids of two projects never meet


def with_ids(meta: Mapping[str, Any], project_id: int, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The meta with an id in every class and tag: the id that `known` has for its name, else a free id."""
    first = project_id * _PER_PROJECT + 1
    used = {key: _ids(known or {}, key, project_id) for key in ("classes", "tags")}
    free = _after([id_ for ids in used.values() for id_ in ids.values()], first)
    full = dict(meta)
    for key, name_key in (("classes", "title"), ("tags", "name")):
        items = []
        for item in meta.get(key) or []:
            named = {"name": item, "value_type": "none"} if isinstance(item, str) else dict(item)
            name = str(named.get(name_key))
            if name not in used[key]:
                used[key][name] = free
                free += 1
            items.append({**named, "id": used[key][name]})
        full[key] = items
    return full


def tag_ids(meta: Mapping[str, Any]) -> dict[str, int]:
    """Tag name → id, of a meta that has them."""
    return {str(item["name"]): int(item["id"]) for item in meta.get("tags") or []}


def _ids(meta: Mapping[str, Any], key: str, project_id: int) -> dict[str, int]:
    name_key = "title" if key == "classes" else "name"
    return {
        str(item.get(name_key)): item["id"]
        for item in meta.get(key) or []
        if isinstance(item, dict) and isinstance(item.get("id"), int) and item["id"] // _PER_PROJECT == project_id
    }


def _after(ids: Iterable[int], first: int) -> int:
    return max((id_ + 1 for id_ in ids), default=first)
