"""How many pixels of its image a label covers. Pure, and total: a label nobody can read covers nothing.

Coordinates name pixels: a rectangle has the pixels from its first to its last corner, a polygon the plane
between its points (contract: project_format.md 4). What lies outside of the image does not count.
"""

from __future__ import annotations

import base64
import io
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

MAX_MASK_PIXELS = 1 << 27
_MAX_PNG_BYTES = 64 << 20
_PNG = b"\x89PNG\r\n\x1a\n"

Point = tuple[float, float]


class BrokenLabel(ValueError):
    """A label whose geometry cannot be read."""


def covered(label: Mapping[str, Any], shape: str, width: int, height: int) -> float:
    """Pixels of a (width, height) image that the label covers. `shape` is its class's. Raises BrokenLabel."""
    if "bitmap" in label:
        return _mask_pixels(label["bitmap"], width, height)
    points = label.get("points")
    if not isinstance(points, Mapping):
        if isinstance(label.get("nodes"), Mapping):
            return 0.0
        raise BrokenLabel
    exterior = _points(points.get("exterior"))
    if not exterior:
        raise BrokenLabel
    said = label.get("geometryType") or label.get("shape") or shape
    if said == "rectangle" and len(exterior) == 2:
        return _rectangle_pixels(exterior, width, height)
    if said in ("line", "point") or len(exterior) < 3:
        return 0.0
    holes = points.get("interior")
    inside = sum(_polygon_area(_points(hole), width, height) for hole in holes) if isinstance(holes, list) else 0.0
    return max(0.0, _polygon_area(exterior, width, height) - inside)


def _points(value: object) -> list[Point]:
    if not isinstance(value, list):
        raise BrokenLabel
    return [_point(item) for item in value]


def _point(value: object) -> Point:
    match value:
        case [int() | float() as x, int() | float() as y, *_] if math.isfinite(x) and math.isfinite(y):
            return float(x), float(y)
        case _:
            raise BrokenLabel


def _rectangle_pixels(corners: Sequence[Point], width: int, height: int) -> float:
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
    if not math.isfinite(total):  # points at the end of what a number can hold
        raise BrokenLabel
    return min(abs(total) / 2, float(width * height))


def _cut(ring: Sequence[Point], axis: int, limit: float, *, keep_below: bool) -> list[Point]:
    """The part of a ring on one side of a line. Parts that fall apart stay joined by edges along that line."""
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


def _mask_pixels(bitmap: object, width: int, height: int) -> float:
    if not isinstance(bitmap, Mapping) or not isinstance(bitmap.get("data"), str):
        raise BrokenLabel
    x, y = (round(number) for number in _point(bitmap.get("origin")))
    # A mask may hang over its image's edges, but one of another order of size is nobody's work.
    mask = decoded_mask(bitmap["data"], min(MAX_MASK_PIXELS, 4 * width * height + (1 << 16)))
    if x < 0 or y < 0 or x + mask.width > width or y + mask.height > height:
        box = (max(0, -x), max(0, -y), min(mask.width, width - x), min(mask.height, height - y))
        if box[0] >= box[2] or box[1] >= box[3]:
            return 0.0
        mask = mask.crop(box)
    histogram = mask.histogram()
    return float(sum(histogram[1:]))


def decoded_mask(data: str, most_pixels: int = MAX_MASK_PIXELS) -> Image.Image:
    """A bitmap's data → an image of mode L that is not 0 where the mask is. Raises BrokenLabel."""
    try:
        packed = base64.b64decode(data, validate=True)
        png = packed if packed.startswith(_PNG) else zlib.decompressobj().decompress(packed, _MAX_PNG_BYTES)
        with PngImageFile(io.BytesIO(png)) as image:  # `Image.open` would warn of sizes by a limit that is not ours
            if image.width * image.height > most_pixels:
                raise BrokenLabel
            if image.mode == "P" and "transparency" not in image.info:
                return image.convert("L")
            if image.mode in ("P", "LA", "RGBA", "PA"):
                return image.convert("RGBA").getchannel("A")
            return image.convert("L")
    except (ValueError, zlib.error, OSError, SyntaxError, struct.error) as error:
        raise BrokenLabel from error
