"""The turn that a camera noted in an image: 1 to 8, as EXIF counts them; 1 for none.

JPEG counts by its first APP1 segment, PNG by its chunk eXIf, other formats not at all, as in the official SDK with
OpenCV 4. `supervisely_lib/imaging/orientation.py` says the same for plugins.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

_ORIENTATION = 0x0112
_STANDALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})  # JPEG markers without a length
START_OF_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_PREFIX = 6  # "Exif", two zeros


def jpeg_orientation(file: BinaryIO) -> int:
    """Of a JPEG file; the position in the file is changed."""
    for marker, content in jpeg_segments(file):
        if marker == _APP1:
            return tiff_orientation(content[_PREFIX:])
    return 1


def jpeg_segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The segments of a JPEG file up to the header of its first scan, which comes last: marker and content."""
    file.seek(2)
    byte = file.read(1)
    while byte:
        marker = file.read(1) if byte == b"\xff" else b""
        if marker == b"\xff":
            continue  # fill bytes: `byte` stays 0xFF, the marker is yet to come
        if marker and marker[0] not in _STANDALONE:
            length = file.read(2)
            if len(length) < 2 or marker[0] == _END:
                return
            size = max(0, int.from_bytes(length, "big") - 2)
            content = file.read(size)
            if len(content) < size:
                return
            yield marker[0], content
            if marker[0] == START_OF_SCAN:
                return
        byte = file.read(1)


def tiff_orientation(data: bytes) -> int:
    """Of EXIF data: the first entry of that tag in the first directory, read as a short whatever its type. Pure."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 10:
        return 1
    mark, directory = struct.unpack_from(f"{order}HI", data, 2)
    if mark != 0x2A or directory + 2 > len(data):
        return 1
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    for at in range(directory + 2, min(directory + 2 + 12 * count, len(data) - 11), 12):
        if struct.unpack_from(f"{order}H", data, at)[0] == _ORIENTATION:
            value: int = struct.unpack_from(f"{order}H", data, at + 8)[0]
            return value if 1 <= value <= 8 else 1
    return 1
