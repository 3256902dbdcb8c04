"""Where a label lies on its image, and how many pixels it covers there. Pure.

Coordinates name pixels: a rectangle has the pixels from its first to its last corner, a polygon the plane between its
points (contract: project_format.md 4). Pixels outside of the image do not count. A label is broken where the SDK could
not read it (`agent/formats/shapes.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from agent.formats.label_shapes import shape_of
from agent.formats.mask import BadMask, EmptyMask

Point = tuple[float, float]
_FEWEST = {"line": 2, "point": 1, "polygon": 1}  # points
_FACES = 3  # of a cuboid


class BrokenLabel(ValueError):
    """A label whose geometry cannot be read."""


class EmptyLabel(BrokenLabel):
    """A mask without a pixel."""


class Mask(NamedTuple):
    """A bitmap of a label, of whatever an annotation holds, on an image of this size."""

    bitmap: Any
    width: int
    height: int


class Extent(msgspec.Struct, frozen=True, array_like=True):
    """`pixels` of the image that the label covers, and the first and last pixel of the whole label on each axis, which
    may lie outside of the image."""

    pixels: float
    left: float
    top: float
    right: float
    bottom: float


NOWHERE = Extent(0.0, 0.0, 0.0, -1.0, -1.0)  # stands for a mask without a pixel


def measure(label: Mapping[str, Any], class_shape: str, width: int, height: int) -> Extent:
    """The label on a (width, height) image. `class_shape`: of its class. Raises BrokenLabel."""
    shape = shape_of(label, class_shape)
    if shape == "bitmap":
        return _mask_extent(label.get("bitmap"), width, height)
    if shape == "graph":
        return _extent(_nodes(label.get("nodes")))
    points = label.get("points")
    if shape == "cuboid":
        corners = _points(points)
        return _extent(corners, _cuboid(corners, label.get("faces"), width, height))
    if not isinstance(points, Mapping):
        raise BrokenLabel
    exterior = _points(points.get("exterior"))
    if shape == "rectangle":
        return _extent(exterior, _rectangle_pixels(exterior, width, height))
    if shape not in _FEWEST or len(exterior) < _FEWEST[shape]:
        raise BrokenLabel
    holes = points.get("interior")
    if shape != "polygon" or len(exterior) < 3:
        return _extent(exterior)
    inside = sum(_polygon_area(_points(hole), width, height) for hole in holes) if isinstance(holes, list) else 0.0
    return _extent(exterior, max(0.0, _polygon_area(exterior, width, height) - inside))


def _extent(points: Sequence[Point], pixels: float = 0.0) -> Extent:
    if not points:
        raise BrokenLabel
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Extent(pixels, min(xs), min(ys), max(xs), max(ys))


def is_mask(label: Mapping[str, Any], class_shape: str) -> bool:
    """Whether the label's pixels are those of a bitmap, which takes a worker to decode."""
    return shape_of(label, class_shape) == "bitmap"


def _nodes(nodes: object) -> list[Point]:
    if not isinstance(nodes, Mapping):
        raise BrokenLabel
    return [_point(node.get("loc") if isinstance(node, Mapping) else None) for node in nodes.values()]


def _cuboid(points: Sequence[Point], faces: object, width: int, height: int) -> float:
    """The areas of the faces, which lie side by side."""
    if not isinstance(faces, list) or len(faces) != _FACES:
        raise BrokenLabel
    try:
        rings = [[points[number] for number in face] for face in faces]
    except (TypeError, IndexError) as error:
        raise BrokenLabel from error
    return sum(_polygon_area(ring, width, height) for ring in rings)


def _points(value: object) -> list[Point]:
    if not isinstance(value, list):
        raise BrokenLabel
    return [_point(item) for item in value]


def _point(value: object) -> Point:
    match value:
        case [int() | float() as x, int() | float() as y, *_] if math.isfinite(x) and math.isfinite(y):
            return float(round(x)), float(round(y))  # as the SDK reads fractions: half to even
        case _:
            raise BrokenLabel


def _rectangle_pixels(corners: Sequence[Point], width: int, height: int) -> float:
    if len(corners) != 2:
        raise BrokenLabel
    (x0, y0), (x1, y1) = corners
    left, right = max(0.0, min(x0, x1)), min(width - 1.0, max(x0, x1))
    top, bottom = max(0.0, min(y0, y1)), min(height - 1.0, max(y0, y1))
    return max(0.0, right - left + 1) * max(0.0, bottom - top + 1)


def _polygon_area(ring: Sequence[Point], width: int, height: int) -> float:
    """The shoelace formula over the ring, cut at the image's edges where it leaves it."""
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    if not ring:
        return 0.0
    inside: Sequence[Point] = ring
    if min(xs) < 0 or min(ys) < 0 or max(xs) > width or max(ys) > height:
        for axis, limit, keep_below in ((0, 0.0, False), (0, width, True), (1, 0.0, False), (1, height, True)):
            inside = _cut(inside, axis, limit, keep_below=keep_below)
    total = 0.0
    for (x0, y0), (x1, y1) in zip(inside, [*inside[1:], *inside[:1]], strict=True):
        total += x0 * y1 - x1 * y0
    if not math.isfinite(total):  # coordinates so large that their products overflow
        raise BrokenLabel
    return min(abs(total) / 2, float(width * height))


def _cut(ring: Sequence[Point], axis: int, limit: float, *, keep_below: bool) -> list[Point]:
    """The part of a ring on a side of a line. Separate pieces stay joined by edges along that line."""
    kept: list[Point] = []
    for here, following in zip(ring, [*ring[1:], *ring[:1]], strict=True):
        is_in = (here[axis] <= limit) if keep_below else (here[axis] >= limit)
        will_be_in = (following[axis] <= limit) if keep_below else (following[axis] >= limit)
        if is_in:
            kept.append(here)
        if is_in != will_be_in:
            part = (limit - here[axis]) / (following[axis] - here[axis])
            other = here[1 - axis] + part * (following[1 - axis] - here[1 - axis])
            kept.append((limit, other) if axis == 0 else (other, limit))
    return kept


def mask_extent(bitmap: object, width: int, height: int) -> Extent | None:
    """`measure` for a label with this bitmap; NOWHERE for one without a pixel, None for a broken bitmap."""
    try:
        return _mask_extent(bitmap, width, height)
    except EmptyLabel:
        return NOWHERE
    except BrokenLabel:
        return None


def _mask_extent(bitmap: object, width: int, height: int) -> Extent:
    if not isinstance(bitmap, Mapping) or not isinstance(bitmap.get("data"), str):
        raise BrokenLabel
    x, y = (round(number) for number in _point(bitmap.get("origin")))
    import numpy as np  # late: a process that makes thumbnails does without

    from agent.formats.mask_bits import decoded

    try:
        bits = decoded(bitmap["data"], width, height)
    except EmptyMask as error:
        raise EmptyLabel from error
    except BadMask as error:
        raise BrokenLabel from error
    rows, columns = (np.flatnonzero(bits.any(axis=axis)) for axis in (1, 0))
    box = (x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]), y + int(rows[-1]))
    inside = bits[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    return Extent(float(np.count_nonzero(inside)), *box)
