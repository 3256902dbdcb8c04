"""The shape of every object of an annotation, by name: `geometryType` and `shape`. Pure.

Clients and readers since 2020 end with a KeyError on objects without, and those of 2019 write none (contract:
project_format.md 3). Objects of a class of any shape do not name theirs in the class either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse
from agent.formats.json_values import compact

Json = dict[str, Any]
_KEYS = ("geometryType", "shape")


def with_geometry(annotation: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    """The annotation with both keys in every object, as far as its shape can be known. `shapes`: class title → shape.

    What is no object, or not an annotation's, is left out.
    """
    return {**annotation, "objects": [_completed(label, shapes) for label in objects_of(annotation)]}


def objects_of(annotation: Mapping[str, Any]) -> list[Json]:
    """The objects of an annotation; entries that are none are left out."""
    objects = annotation.get("objects")
    return [label for label in objects if isinstance(label, dict)] if isinstance(objects, list) else []


def complete_text(annotation: str, shapes: Mapping[str, str]) -> str:
    """The text of an annotation in which every object names its shape: the same text where each does already."""
    if annotation.count('"geometryType"') >= annotation.count('"classTitle"'):
        return annotation
    try:
        value = parse(annotation.encode())
    except NotJson:  # a broken one stays as it is
        return annotation
    objects = value.get("objects") if isinstance(value, dict) else None
    if not isinstance(objects, list) or not all(isinstance(label, dict) for label in objects):
        return annotation
    full = with_geometry(value, shapes)
    return annotation if full == value else compact(full)


def shape_of(label: Mapping[str, Any], class_shape: str) -> str | None:
    """An object's shape, as the SDK reads it: that of its class; in a class of any shape, or of none that is known, the
    shape that the object names or, at last, the shape that its geometry suggests."""
    if class_shape not in ("", "any"):
        return class_shape
    named = label.get("geometryType") or label.get("shape")
    if isinstance(named, str) and named != "any":
        return named
    if label.get("bitmap") is not None:
        return "bitmap"
    if label.get("nodes") is not None:
        return "graph"
    points = label.get("points")
    if isinstance(points, list):
        return "cuboid"
    exterior = points.get("exterior") if isinstance(points, dict) else None
    count = len(exterior) if isinstance(exterior, list) else 0
    return {0: None, 1: "point", 2: "line"}.get(count, "polygon")


def _completed(label: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    shape = shape_of(label, shapes.get(str(label.get("classTitle")), ""))
    full = dict(label)
    for key in _KEYS:
        if not full.get(key) and shape is not None:
            full[key] = shape
    return full
