"""Masks of annotations as arrays. Pure.

Nearly all masks are written by one encoder (contract: project_format.md 4), whose images are unpacked here without an
image library; any other is left to `agent/formats/mask.py`, whose rules are the same.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.formats.mask import MAX_PIXELS, BadMask, decode_mask

Bits = NDArray[np.bool_]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")  # width, height, depth, kind of colours, packing, filter, interlacing
_TWO_COLORS = (1, 3, 0, 0, 0)  # one bit a pixel, an index of the palette
_FIRST_IS_CLEAR = b"\0"
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
        content = unpack.decompress(base64.b64decode(data), _MOST_BYTES)
        chunks = _chunks(content) if unpack.eof else None
        if chunks is None or chunks.get(b"tRNS") != _FIRST_IS_CLEAR:
            return None
        width, height, *kind = _HEADER.unpack(chunks[b"IHDR"])
        if tuple(kind) != _TWO_COLORS or not 0 < width * height <= most:
            return None
        stride = 1 + (width + 7) // 8
        rows = zlib.decompressobj().decompress(chunks[b"IDAT"], stride * height + 1)
    except (KeyError, ValueError, binascii.Error, struct.error, zlib.error):
        return None
    if len(rows) != stride * height:
        return None
    lines = np.frombuffer(rows, np.uint8).reshape(height, stride)
    if lines[:, 0].any():  # rows that refer to the row before
        return None
    bits = np.unpackbits(lines[:, 1:], axis=1, count=width).view(np.bool_)
    return bits if bits.any() else None


def _chunks(content: bytes) -> dict[bytes, bytes] | None:
    """The chunks of a PNG file by name; None for a file that is none, or damaged."""
    if not content.startswith(_SIGNATURE):
        return None
    found: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4])
        end = at + 8 + length
        name = content[at + 4 : at + 8]
        if zlib.crc32(content[at + 4 : end]) != int.from_bytes(content[end : end + 4]):
            return None
        found[name] = found.get(name, b"") + content[at + 8 : end]
        if name == b"IEND":
            return found
        at = end + 4
    return None


__all__ = ["BadMask", "Bits", "decoded"]
