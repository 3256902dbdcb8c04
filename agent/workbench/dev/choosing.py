"""A handful of images that stands for a project: each tag, class and dataset as evenly as so few allow. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Candidate(NamedTuple):
    """An image. `marks` are what it stands for: its dataset, its tags, its classes, each class with each tag."""

    id: int
    marks: frozenset[str]


def candidate(id_: int, dataset: str, annotation: str) -> Candidate:
    """An image with its annotation as JSON text; one that cannot be read stands for its dataset alone."""
    try:
        read = json.loads(annotation or "{}")
    except ValueError:
        read = {}
    found: Mapping[str, Any] = read if isinstance(read, dict) else {}
    tags = {_name(tag, "name") for tag in _list(found.get("tags"))}
    classes = {_name(thing, "classTitle") for thing in _list(found.get("objects"))}
    marks = {f"dataset {dataset}", *(f"tag {tag}" for tag in tags), *(f"class {title}" for title in classes)}
    return Candidate(id_, frozenset(marks | {f"{tag} of {title}" for tag in tags for title in classes}))


def chosen(candidates: Sequence[Candidate], count: int) -> list[int]:
    """The ids of at most `count` images, in the order given. Each next one is the image that adds the rarest marks."""
    taken: set[int] = set()
    covered: Counter[str] = Counter()
    for _ in range(min(count, len(candidates))):
        best = max(
            (one for one in candidates if one.id not in taken),
            key=lambda one: sum(0.25 ** covered[mark] for mark in one.marks),  # the first of equal ones
        )
        taken.add(best.id)
        covered.update(best.marks)
    return [one.id for one in candidates if one.id in taken]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(value: Any, key: str) -> str:
    return str(value.get(key)) if isinstance(value, dict) else str(value)
