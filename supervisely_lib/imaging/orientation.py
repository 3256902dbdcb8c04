"""The turn that a camera noted in an image: 1 to 8, as EXIF counts them; 1 for none. Pure.

OpenCV turns JPEG images, and in some of its versions PNG and WebP images too. So the SDK asks OpenCV for the pixels as
they are stored and turns them itself: JPEG by the first APP1 segment, PNG by the chunk eXIf, others not at all. This
equals the official SDK with OpenCV 4.
"""

from __future__ import annotations

import struct

import numpy as np

from supervisely_lib.geometry.drawing import Array

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers without a length
_START_OF_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_PREFIX = 6  # "Exif", two zeros


def orientation(content: bytes) -> int:
    """The orientation of the image in a file's content."""
    if content.startswith(_JPEG):
        segment = _first_app1(content)
        return 1 if segment is None else _of_tiff(segment[_PREFIX:])
    if content.startswith(_PNG):
        chunk = _exif_chunk(content)
        return 1 if chunk is None else _of_tiff(chunk)
    return 1


def upright(image: Array, turn: int) -> Array:
    """(h, w, c) as it is stored → as it is meant to be seen."""
    if turn in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if turn in (2, 3, 6, 7):
        image = image[:, ::-1]
    if turn in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _first_app1(content: bytes) -> bytes | None:
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:  # libjpeg skips what is no marker
            at += 1
            continue
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE or marker == 0:
            at += 2
        elif marker in (_START_OF_SCAN, _END):
            return None
        else:
            (length,) = struct.unpack_from(">H", content, at + 2)
            if marker == _APP1:
                return content[at + 4 : at + 2 + length]
            at += 2 + length
    return None


def _exif_chunk(content: bytes) -> bytes | None:
    at = len(_PNG)
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"eXIf":
            return content[at + 8 : at + 8 + length]
        at += 12 + length
    return None


def _of_tiff(data: bytes) -> int:
    """The first entry of that tag in the first directory; its value is read as a short, whatever its type."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 10:
        return 1
    mark, directory = struct.unpack_from(f"{order}HI", data, 2)
    if mark != 0x2A or directory + 2 > len(data):
        return 1
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    for number in range(count):
        at = directory + 2 + 12 * number
        if at + 12 > len(data):
            return 1
        if struct.unpack_from(f"{order}H", data, at)[0] == _ORIENTATION:
            value: int = struct.unpack_from(f"{order}H", data, at + 8)[0]
            return value if 1 <= value <= 8 else 1
    return 1
