"""Between the two coordinate systems of annotations, and what the newer clients miss in older ones. Pure.

We keep pixels, as files do: a point names a pixel, a rectangle the first and the last pixel inside. Official
clients since 2024-08 speak of the plane instead: a pixel's middle lies at +0.5, a rectangle ends where its last
pixel ends (contract: web_api.md 3). They say so: uploads have the key `skipBoundsValidation`, downloads
`integerCoords` with the value false. Without these keys a client means pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

_RECTANGLE = "rectangle"
# A rectangle drawn between pixels has a pixel inside when it covers more than this part of it.
_COVERED = 0.3


def to_pixels(annotation: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    """The annotation in pixels, given in the plane. `shapes`: class title → shape."""
    width, height = annotation["size"]["width"], annotation["size"]["height"]

    floor = math.floor

    def ring(points: list[Any]) -> list[Any]:
        # The far edge of the image belongs to its last pixel. Written out: drawings have thousands of points.
        return [[width - 1 if x == width else floor(x), height - 1 if y == height else floor(y)] for x, y in points]

    return _changed(annotation, shapes, ring=ring, rectangle=_rectangle_to_pixels)


def to_subpixels(annotation: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    """The annotation in the plane, given in pixels; `to_pixels` gives back the same."""

    def ring(points: list[Any]) -> list[Any]:
        return [[round(x) + 0.5, round(y) + 0.5] for x, y in points]

    return _changed(annotation, shapes, ring=ring, rectangle=_rectangle_to_plane)


def with_geometry(annotation: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    """Every object says its shape, as `geometryType` and `shape`.

    Clients since 2020 end with a KeyError on objects without, and those of 2019 write none.
    """
    return {**annotation, "objects": [_completed(label, shapes) for label in annotation.get("objects", [])]}


def shape_of(label: Mapping[str, Any], shapes: Mapping[str, str]) -> str | None:
    """An object's shape: what it says itself, what its class says, or what it looks like (classes of any shape)."""
    said = label.get("geometryType") or label.get("shape") or shapes.get(str(label.get("classTitle")), "any")
    if isinstance(said, str) and said != "any":
        return said
    if "bitmap" in label:
        return "bitmap"
    if "nodes" in label:
        return "graph"
    count = len(_exterior(label))
    return {0: None, 1: "point", 2: "line"}.get(count, "polygon")


def _completed(label: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    shape = shape_of(label, shapes)
    full = dict(label)
    for key in ("geometryType", "shape"):
        if not full.get(key) and shape is not None:
            full[key] = shape
    return full


def _changed(
    annotation: Mapping[str, Any],
    shapes: Mapping[str, str],
    *,
    ring: Callable[[list[Any]], list[Any]],
    rectangle: Callable[[list[Any]], list[Any]],
) -> Json:
    labels = []
    for given in annotation.get("objects", []):
        label = dict(given)
        points = label.get("points")
        if isinstance(points, dict) and isinstance(points.get("exterior"), list):
            if shape_of(label, shapes) == _RECTANGLE:
                label["points"] = {**points, "exterior": rectangle(points["exterior"])}
            else:
                holes = [ring(hole) for hole in points.get("interior") or []]
                label["points"] = {**points, "exterior": ring(points["exterior"]), "interior": holes}
        if isinstance(bitmap := label.get("bitmap"), dict) and "origin" in bitmap:
            label["bitmap"] = {**bitmap, "origin": [math.floor(number) for number in bitmap["origin"]]}
        if isinstance(nodes := label.get("nodes"), dict):
            label["nodes"] = {id_: {**node, "loc": ring([node["loc"]])[0]} for id_, node in nodes.items()}
        labels.append(label)
    return {**annotation, "objects": labels}


def _rectangle_to_pixels(corners: list[Any]) -> list[Any]:
    (left, right), (top, bottom) = _sides(corners)
    if math.floor(left) == math.floor(right) and math.floor(top) == math.floor(bottom):
        return [[math.floor(left), math.floor(top)], [math.floor(right), math.floor(bottom)]]
    first_x, last_x = _span(left, right)
    first_y, last_y = _span(top, bottom)
    return [[first_x, first_y], [last_x, last_y]]


def _span(start: float, end: float) -> tuple[int, int]:
    """First and last pixel between two coordinates: those covered by more than 0.3 of their width."""
    first = math.ceil(start) if start % 1 >= 1 - _COVERED else math.floor(start)
    after = math.ceil(end) if end % 1 >= _COVERED else math.floor(end)
    return first, max(first, after - 1)


def _rectangle_to_plane(corners: list[Any]) -> list[Any]:
    (left, right), (top, bottom) = _sides(corners)
    return [[round(left), round(top)], [round(right) + 1, round(bottom) + 1]]


def _sides(corners: list[Any]) -> tuple[list[Any], list[Any]]:
    (x0, y0), (x1, y1) = corners
    return sorted((x0, x1)), sorted((y0, y1))


def _exterior(label: Mapping[str, Any]) -> list[Any]:
    points = label.get("points")
    exterior = points.get("exterior") if isinstance(points, dict) else None
    return exterior if isinstance(exterior, list) else []
