"""An image's size and kind from its header and structure, without decoding a pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from agent.formats.image_structure import (
    Damaged,
    Shape,
    bmp_shape,
    jpeg_shape,
    png_shape,
    tiff_shape,
    too_large,
    webp_shape,
)

EXTENSIONS = (".jpg", ".jpeg", ".jfif", ".mpo", ".bmp", ".png", ".webp", ".tiff", ".tif")
EXTENSION_OF_MIME = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/bmp": ".bmp",
    "image/webp": ".webp",
    "image/tiff": ".tiff",
}
_SIDEWAYS = frozenset({5, 6, 7, 8})
_SHAPES: dict[str, Callable[[BinaryIO], Shape]] = {
    "image/jpeg": jpeg_shape,
    "image/png": png_shape,
    "image/bmp": bmp_shape,
    "image/webp": webp_shape,
    "image/tiff": tiff_shape,
}


class NotAnImage(ValueError):
    """The sentence of a Problem."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Size in pixels as a plugin gets them: turned by the mark of a camera (`orientation.py`)."""

    width: int
    height: int
    mime: str
    is_turned: bool = False  # width and height are stored the other way round


def read_image_header(file: BinaryIO) -> ImageHeader:
    """Raises NotAnImage with a sentence: unknown format, broken header, a file cut off, too many pixels."""
    start = file.read(32)
    file.seek(0)
    if not start:
        raise NotAnImage("is empty.")
    mime = _mime(start)
    if mime is None:
        raise NotAnImage("is not an image of a known format (JPEG, PNG, BMP, WebP, TIFF).")
    try:
        width, height, orientation = _SHAPES[mime](file)
    except Damaged as error:
        raise NotAnImage(str(error)) from error
    except MemoryError:
        raise
    except Exception as error:
        raise NotAnImage("has a broken image header.") from error
    if width <= 0 or height <= 0:
        raise NotAnImage(f"has a broken image header: {width}×{height} pixels.")
    if sentence := too_large(width, height):
        raise NotAnImage(sentence)
    if orientation in _SIDEWAYS:
        return ImageHeader(height, width, mime, is_turned=True)
    return ImageHeader(width, height, mime)


def known_format(start: bytes) -> bool:
    """Whether a file that starts with these bytes (32 or more) is of a format we read."""
    return _mime(start) is not None


def _mime(start: bytes) -> str | None:
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    kinds = {
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"BM": "image/bmp",
        b"II*\0": "image/tiff",
        b"MM\0*": "image/tiff",
        b"II+\0": "image/tiff",  # BigTIFF
        b"MM\0+": "image/tiff",
    }
    return next((mime for magic, mime in kinds.items() if start.startswith(magic)), None)
