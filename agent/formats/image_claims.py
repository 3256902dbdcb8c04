"""What image files claim, against the bytes that they have: no file of a few hundred bytes may stand for gigabytes.

`supervisely_lib/imaging/claims.py` says the same for plugins. Each sentence has no subject. Pure but for reading.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_DEFLATE = 1032  # of packed bytes: two bits may stand for 258 bytes
_JPEG_PIXELS = 2048  # of a byte; in any whole file a bit or two stand for 256 pixels or fewer
_TIFF_ENTRIES = 65_535
_TIFF_PIECES = 1 << 18
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_PIECE_TAGS = frozenset({273, 279, 324, 325})  # places and sizes of strips and of tiles
_SAVE_AGAIN = "Save it again."


def png_claim(width: int, height: int, bits: int, size_bytes: int) -> str | None:
    """What is wrong with a PNG of `bits` per pixel that has so many bytes, all of its chunks included."""
    line_bytes = 1 + (width * bits + 7) // 8
    return _too_much(width, height, size_bytes) if height * line_bytes > _DEFLATE * size_bytes else None


def jpeg_claim(width: int, height: int, size_bytes: int) -> str | None:
    """What is wrong with a JPEG that has so many bytes; a file that ends early has fewer than it should."""
    return _too_much(width, height, size_bytes) if width * height > _JPEG_PIXELS * size_bytes else None


def tiff_claim(file: BinaryIO) -> str | None:
    """What is wrong with the first directory of a TIFF file; None also for a directory that no reader can read.

    Readers load each value. Values that share their bytes need a multiple of the file's size, and readers need much
    time and memory for each strip or tile.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(16).ljust(16, b"\0")
    order = "<" if head[:2] == b"II" else ">"
    is_big = head[2:4] in (b"+\0", b"\0+")
    number, entry = (f"{order}Q", f"{order}HHQ8s") if is_big else (f"{order}I", f"{order}HHI4s")
    (at,) = struct.unpack_from(number, head, 8 if is_big else 4)
    counted = struct.calcsize(f"{order}Q" if is_big else f"{order}H")
    if at + counted > size_bytes:
        return None
    file.seek(at)
    (entries,) = struct.unpack(f"{order}Q" if is_big else f"{order}H", file.read(counted))
    if entries > _TIFF_ENTRIES:
        return f"has a TIFF directory of more than {_TIFF_ENTRIES:,} entries. {_SAVE_AGAIN}"
    directory = file.read(entries * struct.calcsize(entry))
    whole = len(directory) - len(directory) % struct.calcsize(entry)
    total_bytes = 0
    for tag, kind, count, value in struct.iter_unpack(entry, directory[:whole]):
        value_bytes = count * _TIFF_SIZES.get(kind, 0)
        if tag in _TIFF_PIECE_TAGS and count > _TIFF_PIECES:
            return f"is cut into more than {_TIFF_PIECES:,} pieces. {_SAVE_AGAIN}"
        if value_bytes > len(value) and struct.unpack(number, value)[0] + value_bytes <= size_bytes:
            total_bytes += value_bytes
    if total_bytes > size_bytes:
        return f"has a TIFF directory whose values share their bytes. {_SAVE_AGAIN}"
    return None


def _too_much(width: int, height: int, size_bytes: int) -> str:
    return f"claims {width}×{height} pixels, more than its {size_bytes:,} bytes can hold. Copy or download it again."
