"""What image files claim, against the bytes that they have: no file of a few hundred bytes may stand for gigabytes.

Such files are no images, but decoders make room for what they claim, or work through it for minutes. Pure.
"""

from __future__ import annotations

import re
import struct

from supervisely_lib.geometry.mask_png import is_cut_png, png_claims_too_much

JPEG = b"\xff\xd8\xff"  # the first bytes of a file
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
_JPEG_PIXELS = 2048  # of a byte; in any whole file a bit or two stand for 256 pixels or fewer
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_STANDALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_JPEG_LAST = frozenset({0xD9, 0xDA})
_JPEG_MARKER = re.compile(b"\xff+([^\xff])", re.DOTALL)
_TIFF_ENTRIES = 65_535
_TIFF_PIECES = 1 << 18
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_PIECE_TAGS = frozenset({273, 279, 324, 325})  # places and sizes of strips and of tiles


def claims_too_much(content: bytes) -> bool:
    """Whether the file claims more than its bytes can hold: pixels, parts, or values that share their bytes."""
    if content.startswith(JPEG):
        width, height = _jpeg_size(content)
        return width * height > _JPEG_PIXELS * len(content)
    if content.startswith(TIFF):
        return _tiff_claims_too_much(content)
    return is_cut_png(content) or png_claims_too_much(content)


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """(width, height) of the frame before the first scan; zeros for none."""
    at = 2
    while True:
        marker = _JPEG_MARKER.search(content, at)
        if marker is None or marker[1][0] in _JPEG_LAST or marker.end() + 7 > len(content):
            return 0, 0
        at = marker.end()
        if marker[1][0] in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 3)
            return width, height
        if marker[1][0] not in _JPEG_STANDALONE:
            at += max(2, struct.unpack_from(">H", content, at)[0])


def _tiff_claims_too_much(content: bytes) -> bool:
    """By the first directory. False also for one that no reader can read.

    Readers load each value. Values that share their bytes need a multiple of the file's size, and readers need much
    time and memory for each strip or tile.
    """
    order = "<" if content[:2] == b"II" else ">"
    is_big = content[2:4] in (b"+\0", b"\0+")
    number, counter, entry = ("Q", "Q", "HHQ8s") if is_big else ("I", "H", "HHI4s")
    step = struct.calcsize(order + entry)
    head = content[:16].ljust(16, b"\0")
    (at,) = struct.unpack_from(order + number, head, 8 if is_big else 4)
    start = at + struct.calcsize(order + counter)
    if start > len(content):
        return False
    (entries,) = struct.unpack_from(order + counter, content, at)
    if entries > _TIFF_ENTRIES:
        return True
    total_bytes = 0
    for place in range(start, min(start + entries * step, len(content) - step + 1), step):
        tag, kind, count, value = struct.unpack_from(order + entry, content, place)
        value_bytes = count * _TIFF_SIZES.get(kind, 0)
        if tag in _TIFF_PIECE_TAGS and count > _TIFF_PIECES:
            return True
        if value_bytes > len(value) and struct.unpack(order + number, value)[0] + value_bytes <= len(content):
            total_bytes += value_bytes
    return total_bytes > len(content)
