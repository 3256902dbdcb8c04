"""An image's size and kind from its header, without decoding a pixel."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

EXTENSIONS = (".jpg", ".jpeg", ".jfif", ".mpo", ".bmp", ".png", ".webp", ".tiff", ".tif")
EXTENSION_OF_MIME = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/bmp": ".bmp",
    "image/webp": ".webp",
    "image/tiff": ".tiff",
}
MAX_PIXELS = 1 << 30  # what OpenCV decodes at most
_ORIENTATION = 0x0112  # EXIF


class NotAnImage(ValueError):
    """The sentence of a Problem."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Size in pixels as displayed: a camera's rotation mark counts, as it does for `cv2.imread`."""

    width: int
    height: int
    mime: str


def read_image_header(file: BinaryIO) -> ImageHeader:
    """Raises NotAnImage with a sentence: unknown format, broken header, or more pixels than can be decoded."""
    start = file.read(32)
    file.seek(0)
    if not start:
        raise NotAnImage("is empty.")
    mime = _mime(start)
    if mime is None:
        raise NotAnImage("is not an image of a known format (JPEG, PNG, BMP, WebP, TIFF).")
    try:
        width, height = _webp_size(start) if mime == "image/webp" else _pillow_size(file, mime)
    except MemoryError:
        raise
    except Exception as error:
        raise NotAnImage("has a broken image header.") from error
    if width <= 0 or height <= 0:
        raise NotAnImage(f"has a broken image header: {width}×{height} pixels.")
    if width * height > MAX_PIXELS:
        raise NotAnImage(f"claims {width}×{height} pixels; more than {MAX_PIXELS:,} cannot be decoded.")
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
    }
    return next((mime for magic, mime in kinds.items() if start.startswith(magic)), None)


def _pillow_size(file: BinaryIO, mime: str) -> tuple[int, int]:
    """By the format's own reader: `Image.open` would warn of sizes by a limit that is not ours."""
    with _reader(mime)(file) as image:
        width, height = image.size
        orientation = 1
        if mime == "image/jpeg":
            with suppress(Exception):  # broken EXIF does not make the image unreadable
                orientation = image.getexif().get(_ORIENTATION, 1)
        return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _reader(mime: str) -> type[ImageFile]:
    # Imported late: Pillow is needed for imports of projects only.
    if mime == "image/jpeg":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile
    if mime == "image/png":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile
    if mime == "image/bmp":
        from PIL.BmpImagePlugin import BmpImageFile

        return BmpImageFile
    from PIL.TiffImagePlugin import TiffImageFile

    return TiffImageFile


def _webp_size(start: bytes) -> tuple[int, int]:
    """By hand: Pillow's reader would read the whole file and set up a canvas."""
    match start[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(start[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", start, 26)
            return width & 0x3FFF, height & 0x3FFF
        case _:
            raise ValueError("unknown WebP chunk")
