"""Conversion between the two coordinate systems of annotations. Pure.

We keep pixels, as files do: a point names a pixel, a rectangle its first and its last pixel. Official clients since
2024-08 use the plane: the middle of a pixel lies at +0.5, a rectangle ends where its last pixel ends (contract:
web_api.md 3). Such a client says so: uploads have the key `skipBoundsValidation`, downloads `integerCoords` with the
value false. A client that sends neither key means pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from agent.formats.label_shapes import objects_of, shape_of

Json = dict[str, Any]
_Points = Callable[[list[Any]], list[Any]]

# Raised for a label whose geometry is none.
BROKEN = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)

_RECTANGLE = "rectangle"
# A rectangle drawn between pixels has a pixel inside when it covers more than this part of it.
_COVERED = 0.3


def to_pixels(annotation: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    """The annotation in pixels, given in the plane. `shapes`: class title → shape. Raises BROKEN."""
    width, height = annotation["size"]["width"], annotation["size"]["height"]

    floor = math.floor

    def ring(points: list[Any]) -> list[Any]:
        # The far edge of the image belongs to its last pixel. Written out: drawings have thousands of points.
        return [[width - 1 if x == width else floor(x), height - 1 if y == height else floor(y)] for x, y in points]

    labels = [_moved(label, shapes, ring, _rectangle_to_pixels) for label in annotation.get("objects", [])]
    return {**annotation, "objects": labels}


def to_subpixels(annotation: Mapping[str, Any], shapes: Mapping[str, str]) -> Json:
    """The annotation in the plane, given in pixels; `to_pixels` reverses it. A broken label stays as it is."""

    def ring(points: list[Any]) -> list[Any]:
        return [[round(x) + 0.5, round(y) + 0.5] for x, y in points]

    labels = []
    for label in objects_of(annotation):
        with suppress(*BROKEN):
            label = _moved(label, shapes, ring, _rectangle_to_plane)  # noqa: PLW2901
        labels.append(label)
    return {**annotation, "objects": labels}


def _class_shape(label: Mapping[str, Any], shapes: Mapping[str, str]) -> str:
    return shapes.get(str(label.get("classTitle")), "")


def _moved(given: Mapping[str, Any], shapes: Mapping[str, str], ring: _Points, rectangle: _Points) -> Json:
    label = dict(given)
    points = label.get("points")
    if isinstance(points, dict) and isinstance(points.get("exterior"), list):
        if shape_of(label, _class_shape(label, shapes)) == _RECTANGLE:
            label["points"] = {**points, "exterior": rectangle(points["exterior"])}
        else:
            holes = [ring(hole) for hole in points.get("interior") or []]
            label["points"] = {**points, "exterior": ring(points["exterior"]), "interior": holes}
    if isinstance(bitmap := label.get("bitmap"), dict) and "origin" in bitmap:
        label["bitmap"] = {**bitmap, "origin": [math.floor(number) for number in bitmap["origin"]]}
    if isinstance(nodes := label.get("nodes"), dict):
        label["nodes"] = {id_: {**node, "loc": ring([node["loc"]])[0]} for id_, node in nodes.items()}
    return label


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
