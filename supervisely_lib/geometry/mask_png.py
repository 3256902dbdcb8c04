"""Masks as the PNG files that annotations hold (contract: project_format.md 4, bitmap encoding). Pure.

What the platform writes is always a palette image of one bit per pixel, black transparent and white
opaque. Such a file is little more than packed bits, so it is written and read here directly, byte for
byte as the official SDK writes it and several times faster than through an image library. Anything
else a third party may have put there goes to OpenCV.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from supervisely_lib.geometry.drawing import Array

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE, _ONE_BIT = 3, 1
_COLORS = bytes([0, 0, 0, 255, 255, 255])
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_MAX_RATIO = 1032  # of deflate: two bits may stand for 258 bytes
MAX_PIXELS = 1 << 30  # what OpenCV decodes at most
_CHUNK_BYTES = 65536  # how much of the pixel data Pillow, the official writer, puts into one chunk


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def encode_mask(mask: Array) -> bytes:
    """bool (h, w) → PNG."""
    height, width = mask.shape
    lines = np.zeros((height, 1 + (width + 7) // 8), np.uint8)  # each line starts with filter 0, "none"
    lines[:, 1:] = np.packbits(mask, axis=1)
    deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, 15, 9)
    pixels = deflate.compress(lines.tobytes()) + deflate.flush()
    size = max(_CHUNK_BYTES, 4 * width)
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, _ONE_BIT, _PALETTE, 0, 0, 0)),
            _chunk(b"PLTE", _COLORS),
            _chunk(b"tRNS", b"\0"),
            *(_chunk(b"IDAT", pixels[start : start + size]) for start in range(0, len(pixels), size)),
            _chunk(b"IEND", b""),
        ]
    )


def decode_mask(png: bytes) -> Array:
    """PNG → bool (h, w): opaque pixels of an image with transparency, non-zero ones of a gray image.

    ValueError for anything that is no image, or claims more pixels than can be decoded; RuntimeError for colours
    without transparency.
    """
    _require_plausible(png)
    mask = _decode_packed(png)
    return _decode_any(png) if mask is None else mask


def _require_plausible(png: bytes) -> None:
    """ValueError for a PNG that claims more than can be decoded, or than so few bytes can hold."""
    if png[:8] != _SIGNATURE or png[12:16] != b"IHDR" or len(png) < 33:
        return  # another format, or none: OpenCV will say
    width, height, depth, color_type = struct.unpack_from(">IIBB", png, 16)
    if width * height > MAX_PIXELS:
        raise ValueError(f"The bitmap claims {width}×{height} pixels; no more than {MAX_PIXELS:,} can be decoded.")
    line_bytes = 1 + (width * _CHANNELS.get(color_type, 1) * depth + 7) // 8
    if height * line_bytes > _MAX_RATIO * len(png):
        raise ValueError(f"The bitmap claims {width}×{height} pixels, more than its {len(png)} bytes can hold.")


def _decode_packed(png: bytes) -> Array | None:
    """The mask if the file is of the kind the platform writes, None otherwise."""
    if png[:8] != _SIGNATURE or png[12:16] != b"IHDR" or len(png) < 33:
        return None
    width, height, depth, color_type, _, _, interlace = struct.unpack_from(">IIBBBBB", png, 16)
    alpha, pixels = _transparency_and_pixels(png)
    if (depth, color_type, interlace) != (_ONE_BIT, _PALETTE, 0) or alpha is None:
        return None

    line_bytes = 1 + (width + 7) // 8
    try:
        raw = zlib.decompressobj().decompress(pixels, height * line_bytes + 1)
    except zlib.error:
        return None
    lines = np.frombuffer(raw, np.uint8)
    if len(lines) != height * line_bytes or lines[::line_bytes].any():  # short, or filtered lines
        return None
    packed = lines.reshape(height, line_bytes)[:, 1:]
    mask: Array = np.unpackbits(packed, axis=1, count=width).view(np.bool_)
    opaque = [level > 0 for level in alpha.ljust(2, b"\xff")[:2]]
    return mask if opaque == [False, True] else np.array(opaque)[mask.view(np.uint8)]


def _transparency_and_pixels(png: bytes) -> tuple[bytes | None, bytes]:
    """Content of the tRNS chunk, if any, and of all IDAT chunks."""
    alpha, pixels = None, b""
    at = 33  # after IHDR
    while at + 8 <= len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + size]
        if kind == b"tRNS":
            alpha = data
        elif kind == b"IDAT":
            pixels = pixels + data if pixels else data
        at += 12 + size
    return alpha, pixels


def _decode_any(png: bytes) -> Array:
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED) if png else None
    except cv2.error as e:
        raise ValueError("The bitmap's data is an image that cannot be decoded.") from e
    if image is None:
        raise ValueError("The bitmap's data is not an image.")
    if image.ndim == 2:
        return np.asarray(image != 0)
    if image.shape[2] >= 4:
        return np.asarray(image[:, :, 3] != 0)
    raise RuntimeError("Wrong internal mask format.")
