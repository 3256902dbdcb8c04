"""Masks of annotations as arrays. Pure.

Nearly all masks are written by one encoder (contract: project_format.md 4), whose images are unpacked here without an
image library; any other is left to `agent/formats/mask.py`, whose rules are the same.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.formats.mask import MAX_PIXELS, BadMask, decode_mask

Bits = NDArray[np.bool_]

_HEAD = struct.Struct(">16sII5s")  # signature and start of the header, width, height, and the kind of image
_START = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
_TWO_COLORS = bytes((1, 3, 0, 0, 0))  # one bit a pixel, which chooses from a palette
# Behind the header: black and white, of which black is transparent, with their check sums.
_PALETTE = bytes.fromhex("00000006504c5445000000ffffffa5d99fdd0000000174524e530040e6d866")
_LENGTH = struct.Struct(">I")
_HEADER_END, _PIXELS = 33, 64  # offsets of what follows the header, and of the pixels' chunk
_END = bytes.fromhex("0000000049454e44ae426082")
_MOST_BYTES = 1 << 24  # of a mask's file, unpacked by the fast way


def decoded(data: str, width: int, height: int) -> Bits:
    """The mask of an image of that size: (h, w) of its own size, which may be larger than the image within bounds.

    Raises BadMask where `decode_mask` does.
    """
    # A mask may reach beyond its image's edges, but no tool makes a mask of another order of size.
    most = min(MAX_PIXELS, 4 * width * height + (1 << 16))
    found = _of_two_colors(data, most)
    if found is not None:
        return found
    mask: NDArray[Any] = np.asarray(decode_mask(data, most))
    bits: Bits = mask != 0
    return bits


def _of_two_colors(data: str, most: int) -> Bits | None:
    """The mask; None where it is not of the common kind, or where something is wrong with it."""
    try:
        unpack = zlib.decompressobj()
        file = unpack.decompress(base64.b64decode(data), _MOST_BYTES)
        if not unpack.eof or file[_HEADER_END:_PIXELS] != _PALETTE or not file.endswith(_END):
            return None
        start, width, height, kind = _HEAD.unpack_from(file)
        pixels = len(file) - len(_END) - 4  # the end of the pixels' chunk, before its check sum
        if (
            (start, kind) != (_START, _TWO_COLORS)
            or not 0 < width * height <= most
            or file[_PIXELS : _PIXELS + 8] != _LENGTH.pack(pixels - _PIXELS - 8) + b"IDAT"
            or zlib.crc32(file[12 : _HEADER_END - 4]) != _LENGTH.unpack_from(file, _HEADER_END - 4)[0]
            or zlib.crc32(file[_PIXELS + 4 : pixels]) != _LENGTH.unpack_from(file, pixels)[0]
        ):
            return None
        stride = 1 + (width + 7) // 8
        rows = zlib.decompressobj().decompress(file[_PIXELS + 8 : pixels], stride * height + 1)
    except (ValueError, struct.error, zlib.error):
        return None
    if len(rows) != stride * height or any(rows[::stride]):  # rows that refer to the row before are rare
        return None
    lines = np.frombuffer(rows, np.uint8).reshape(height, stride)
    bits = np.unpackbits(lines[:, 1:], axis=1, count=width).view(np.bool_)
    return bits if bits.any() else None


__all__ = ["BadMask", "Bits", "decoded"]
