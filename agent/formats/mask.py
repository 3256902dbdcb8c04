"""Masks in annotations: text → the pixels that are set (contract: project_format.md 4, bitmap encoding). Pure.

The rules are those of the SDK (`supervisely_lib/geometry/bitmap.py`): a mask that the SDK cannot read is refused here.
"""

from __future__ import annotations

import base64
import binascii
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 1 << 27
_MAX_BYTES = 256 << 20  # of an image file, unpacked
_PNG = b"\x89PNG\r\n\x1a\n"
_END = b"IEND"
_ALPHA_MODES = frozenset({"RGBA", "LA", "PA"})


class BadMask(ValueError):
    """What is wrong with a mask, as the end of a sentence, and what to do."""

    def __init__(self, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.remedy = remedy


class EmptyMask(BadMask):
    """A mask without a pixel, which the SDK refuses as well."""


def decode_mask(data: str, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """The mask as an image of mode L that is not 0 where a pixel is set. Raises BadMask, also for an empty mask."""
    try:
        packed = base64.b64decode(data)
    except (binascii.Error, ValueError):
        raise BadMask("is not base64.", _remedy(data)) from None
    try:
        content, is_plain = _inflated(packed), False
    except zlib.error:
        content, is_plain = packed, True
    image = _opened(content, most_pixels)
    mask = _any_channel(image, content) if is_plain else _set_pixels(image)
    if mask.getbbox() is None:
        raise EmptyMask("has no pixel.", "Remove the object.")
    return mask


def _remedy(data: str) -> str:
    if data.startswith("data:"):
        return "Write what stands behind the comma of the data URL."
    if "://" in data[:10]:
        return "Write the mask itself, not its address."
    return ""


def _inflated(packed: bytes) -> bytes:
    unpack = zlib.decompressobj()
    content = unpack.decompress(packed, _MAX_BYTES)
    if unpack.unconsumed_tail:
        raise BadMask(f"unpacks to more than {_MAX_BYTES >> 20} MiB.")
    if not unpack.eof:
        raise zlib.error
    return content


def _opened(content: bytes, most_pixels: int) -> Image.Image:
    """The image, loaded. Not by `Image.open`, whose own limit would warn of sizes."""
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    readers: dict[bytes, type[Any]] = {
        _PNG: PngImageFile,
        b"\xff\xd8\xff": JpegImageFile,
        b"BM": BmpImageFile,
        b"RIFF": WebPImageFile,
    }
    reader = next((reader for start, reader in readers.items() if content.startswith(start)), None)
    if reader is None or (reader is PngImageFile and _END not in content[-16:]):
        raise BadMask("is not an image, or the image is cut off.")
    try:
        with reader(io.BytesIO(content)) as image:
            if image.width * image.height > most_pixels:
                raise BadMask(f"claims {image.width}×{image.height} pixels, which is too large.")
            image.load()
            return cast("Image.Image", image)
    except BadMask:
        raise
    except (ValueError, OSError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError) as error:
        raise BadMask("is an image that cannot be decoded.") from error


def _set_pixels(image: Image.Image) -> Image.Image:
    """Opaque pixels of an image with transparency, non-zero pixels of a gray image."""
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return image.convert("RGBA").getchannel("A")
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * 255).convert("L")
    raise BadMask("has colours but no transparency.", "Save the mask as a gray image, or with an alpha channel.")


def _any_channel(image: Image.Image, content: bytes) -> Image.Image:
    """Pixels with any channel that is not zero, of an image that was not packed by zlib."""
    from PIL import ImageChops

    if image.mode not in ("RGB", "RGBA", "LA", "CMYK") or not content:
        raise BadMask("is not packed by zlib.", "Encode it as base64 of zlib of a PNG.")
    channels = image.split()
    mask = channels[0]
    for channel in channels[1:]:
        mask = ImageChops.lighter(mask, channel)
    return mask
