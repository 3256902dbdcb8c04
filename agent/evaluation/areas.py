"""The pixels that labels cover, as plugins draw them (contract: project_format.md 4). Pure.

A rectangle has the pixels from its first to its last corner, a polygon what OpenCV fills between its points, outline
included. Pixels outside of the image do not count. `web_stub/assets/pure/raster.js` counts the same for the viewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from agent.formats.mask_bits import BadMask, Bits, decoded

Point = tuple[int, int]
_LIMIT = 2**30  # of a coordinate; OpenCV takes numbers of 32 bits
_FAR = 2**20  # of a polygon's corner; OpenCV goes through all rows of a polygon, also those outside of the image


class Unreadable(ValueError):
    """A label whose geometry cannot be read; the rest of a sentence that begins with the label."""


class Area(NamedTuple):
    """Pixels within the image: columns `left` to `right`, rows `top` to `bottom` (not included), there where `on` is
    set.

    `on` is (bottom - top, right - left), or None where all of them are. `pixels`: how many they are, at least one.
    """

    left: int
    top: int
    right: int
    bottom: int
    pixels: int
    on: Bits | None = None

    def has(self, x: int, y: int) -> bool:
        """Whether the pixel in column x and row y is one of them."""
        if not (self.left <= x < self.right and self.top <= y < self.bottom):
            return False
        return self.on is None or bool(self.on[y - self.top, x - self.left])


def area_of(label: Mapping[str, Any], shape: str, width: int, height: int) -> Area | None:
    """The pixels of a bitmap, polygon or rectangle on an image; None if it has none there. Raises Unreadable."""
    if shape == "bitmap":
        return _of_bitmap(label.get("bitmap"), width, height)
    exterior = points_of(label, "exterior")
    if shape == "rectangle":
        if len(exterior) != 2:
            raise Unreadable("has not two corners")
        (x0, y0), (x1, y1) = exterior
        left, right = max(0, min(x0, x1)), min(width, max(x0, x1) + 1)
        top, bottom = max(0, min(y0, y1)), min(height, max(y0, y1) + 1)
        return box(left, top, right, bottom) if left < right and top < bottom else None
    if shape == "polygon":
        return _of_polygon(exterior, label["points"].get("interior"), width, height)
    raise Unreadable(f"has the shape {shape}, which has no area")


def box(left: int, top: int, right: int, bottom: int) -> Area:
    """All pixels of a box that has some."""
    return Area(left, top, right, bottom, (right - left) * (bottom - top))


def points_of(label: Mapping[str, Any], key: str) -> list[Point]:
    """Points of a label as plugins read them: whole numbers, halves to the even one. Raises Unreadable."""
    points = label.get("points")
    if not isinstance(points, Mapping):
        raise Unreadable("has no points")
    return _ring(points.get(key))


def place(value: object) -> Point:
    """[x, y] in whole pixels. Raises Unreadable."""
    if isinstance(value, list) and len(value) == 2:
        x, y = value
        if type(x) is int and type(y) is int and -_LIMIT < x < _LIMIT and -_LIMIT < y < _LIMIT:
            return x, y  # nearly all are; a project has millions
    match value:
        case [int() | float() as x, int() | float() as y, *_] if abs(x) < _LIMIT and abs(y) < _LIMIT:
            return round(x), round(y)
    raise Unreadable("has a point that is not [x, y]")


def _ring(value: object) -> list[Point]:
    if not isinstance(value, list):
        raise Unreadable("has no list of points")
    return [place(item) for item in value]


def _of_bitmap(bitmap: object, width: int, height: int) -> Area | None:
    if not isinstance(bitmap, Mapping) or not isinstance(bitmap.get("data"), str):
        raise Unreadable("has no mask")
    x, y = place(bitmap.get("origin"))
    try:
        on = decoded(bitmap["data"], width, height)
    except BadMask as error:
        raise Unreadable(f"has a mask that {str(error).rstrip('.')}") from error
    return _within(x, y, on, width, height)


def _within(x: int, y: int, on: Bits, width: int, height: int) -> Area | None:
    """The part of a mask that is on the image."""
    high, wide = on.shape
    left, top = max(0, x), max(0, y)
    right, bottom = min(width, x + wide), min(height, y + high)
    if left >= right or top >= bottom:
        return None
    is_whole = (right - left, bottom - top) == (wide, high)
    part = on if is_whole else on[top - y : bottom - y, left - x : right - x]
    pixels = int(np.count_nonzero(part))
    return Area(left, top, right, bottom, pixels, part) if pixels else None


def _of_polygon(exterior: Sequence[Point], interior: object, width: int, height: int) -> Area | None:
    import cv2

    if not exterior:
        raise Unreadable("has no points")
    holes = [ring for ring in map(_ring, interior) if ring] if isinstance(interior, list) else []
    outer = np.array(exterior, np.int32)
    (x, y), (last_x, last_y) = outer.min(axis=0).tolist(), outer.max(axis=0).tolist()
    if last_x < 0 or last_y < 0 or x >= width or y >= height:
        return None
    rings = [np.array(hole, np.int32) for hole in holes]
    every = np.concatenate([outer, *rings])
    if np.abs(every).max() > _FAR:
        raise Unreadable("has a corner that is more than a million pixels away")
    if every.min() < 0 or (every >= (width, height)).any():
        # OpenCV cuts edges at the canvas, which moves them by parts of a pixel: the canvas is the image, as in plugins.
        x, y, last_x, last_y = 0, 0, width - 1, height - 1
    canvas = np.zeros((last_y - y + 1, last_x - x + 1), np.uint8)
    cv2.fillPoly(canvas, [outer - (x, y)], 1)
    if rings:
        cv2.fillPoly(canvas, [ring - (x, y) for ring in rings], 0)
    return _within(x, y, canvas.view(np.bool_), width, height)
