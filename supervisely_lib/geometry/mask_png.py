"""Masks as the PNG files in annotations (contract: project_format.md 4, bitmap encoding). Pure.

The platform always writes a palette image of one bit per pixel, black transparent and white opaque. Such a
file is little more than packed bits. So this module writes and reads it directly, with the same bytes as the
official SDK and several times faster than an image library. OpenCV reads PNG files of other programs.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from supervisely_lib.geometry.drawing import Array

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _PALETTE, _ONE_BIT = 0, 2, 3, 1
_COLORS = bytes([0, 0, 0, 255, 255, 255])
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_MAX_RATIO = 1032  # of deflate: two bits may stand for 258 bytes
MAX_PIXELS = 1 << 30  # the limit of OpenCV
_CHUNK_BYTES = 65536  # pixel data per chunk, as written by Pillow, which the official SDK uses


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
    """PNG → bool (h, w): the opaque pixels of an image with transparency, the non-zero pixels of a gray image.

    ValueError for data that is not an image, or claims more pixels than can be decoded; RuntimeError for colours
    without transparency.
    """
    _require_plausible(png)
    mask = _decode_packed(png)
    return _decode_any(png) if mask is None else mask


def decode_plain_mask(png: bytes) -> Array:
    """An image without zlib → bool (h, w): the pixels with any channel that is not zero, as in the SDK of 2026.

    ValueError for data that is not an image, or an image of one channel.
    """
    _require_plausible(png)
    image = _decoded(png)
    colors = png[25] if png[:8] == _SIGNATURE and len(png) >= 33 else None
    if image.ndim == 2 or colors in (_GRAY, _PALETTE):
        raise ValueError("The bitmap's data is an image of one channel that is not packed by zlib.")
    return np.asarray((image[:, :, :3] if colors == _RGB else image).any(axis=2))


def is_cut_png(image_file: bytes) -> bool:
    """Whether it is a PNG with a part that claims more bytes than follow.

    No decoder shows such a file, but OpenCV 5 first makes room for the claim: 4 GB and seconds for a file of 100 bytes.
    """
    at = len(_SIGNATURE)
    if image_file[:at] != _SIGNATURE:
        return False
    while at + 8 <= len(image_file):
        size, kind = struct.unpack_from(">I4s", image_file, at)
        at += 12 + size
        if kind == b"IEND":
            break
    return at > len(image_file)


def _require_plausible(png: bytes) -> None:
    """ValueError for a PNG that claims more pixels than can be decoded, or more of anything than its bytes can hold."""
    if is_cut_png(png):
        raise ValueError("The bitmap's data is an image that ends too early, or is damaged.")
    if png_claims_too_much(png):
        width, height = struct.unpack_from(">II", png, 16)
        if width * height > MAX_PIXELS:
            raise ValueError(f"The bitmap claims {width}×{height} pixels; no more than {MAX_PIXELS:,} can be decoded.")
        raise ValueError(f"The bitmap claims {width}×{height} pixels, more than its {len(png)} bytes can hold.")


def png_claims_too_much(image_file: bytes) -> bool:
    """Whether it is a PNG that claims more pixels than can be decoded, or than its bytes can hold.

    Such a file is no image, but OpenCV 5 makes room for all frames of an animation before it looks for their pixels.
    """
    if image_file[:8] != _SIGNATURE or image_file[12:16] != b"IHDR" or len(image_file) < 33:
        return False  # another format, or not an image: OpenCV will decide
    width, height, depth, color_type = struct.unpack_from(">IIBB", image_file, 16)
    line_bytes = 1 + (width * _CHANNELS.get(color_type, 1) * depth + 7) // 8
    return bool(width * height > MAX_PIXELS or height * line_bytes > _MAX_RATIO * len(image_file))


def _decode_packed(png: bytes) -> Array | None:
    """The mask if the file has the platform's form, else None."""
    if png[:8] != _SIGNATURE or png[12:16] != b"IHDR" or len(png) < 33:
        return None
    width, height, depth, color_type, _, _, interlace = struct.unpack_from(">IIBBBBB", png, 16)
    alpha, pixels, is_whole = _transparency_and_pixels(png)
    if (depth, color_type, interlace) != (_ONE_BIT, _PALETTE, 0) or alpha is None or not is_whole:
        return None

    line_bytes = 1 + (width + 7) // 8
    try:  # data after the last line is ignored, as libpng ignores it since version 1.6
        raw = zlib.decompressobj().decompress(pixels, max(1, height * line_bytes))
    except zlib.error:
        return None
    lines = np.frombuffer(raw, np.uint8)
    if len(lines) != height * line_bytes or lines[::line_bytes].any():  # short, or filtered lines
        return None
    packed = lines.reshape(height, line_bytes)[:, 1:]
    mask: Array = np.unpackbits(packed, axis=1, count=width).view(np.bool_)
    opaque = [level > 0 for level in alpha.ljust(2, b"\xff")[:2]]
    return mask if opaque == [False, True] else np.array(opaque)[mask.view(np.uint8)]


def _transparency_and_pixels(png: bytes) -> tuple[bytes | None, bytes, bool]:
    """The content of the tRNS chunk, if it exists, and of all IDAT chunks; whether the last chunk is there."""
    alpha, pixels, is_whole = None, b"", False
    at = 33  # after IHDR
    while at + 8 <= len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + size]
        if kind == b"tRNS":
            alpha = data
        elif kind == b"IDAT":
            pixels = pixels + data if pixels else data
        elif kind == b"IEND":
            is_whole = at + 12 <= len(png)
        at += 12 + size
    return alpha, pixels, is_whole


def _decoded(image_file: bytes) -> Array:
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(image_file, np.uint8), cv2.IMREAD_UNCHANGED) if image_file else None
    except cv2.error as e:
        raise ValueError("The bitmap's data is an image that cannot be decoded.") from e
    if image is None:
        raise ValueError("The bitmap's data is not an image.")
    return np.asarray(image)


def _decode_any(png: bytes) -> Array:
    image = _decoded(png)
    if image.ndim == 2:
        return np.asarray(image != 0)
    if image.shape[2] >= 4:
        return np.asarray(image[:, :, 3] != 0)
    raise RuntimeError("Wrong internal mask format.")
