"""Whether a browser shows an image file as a plugin gets it: the same frame, the same pixels. Pure.

Browsers apply colour profiles and transparency, play animations, turn images by marks that OpenCV ignores, and leave
out what is missing at the end of a file. Such images are shown by the SDK's decoder (`decode.py`).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from agent.formats.orientation import jpeg_segments

_APP1, _APP2 = 0xE1, 0xE2
_EXIF, _PROFILE = b"Exif\0\0", b"ICC_PROFILE\0"
_PLAIN_FRAMES = frozenset({(8, 1), (8, 3)})  # bits and channels: gray and colours
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline and progressive; no browser reads others
_END_OF_IMAGE = b"\xff\xd9"
_TAIL_BYTES = 1 << 16  # some programs write their own data behind the image
_PNG_START = 8
_PNG_FOREIGN = frozenset({b"tRNS", b"gAMA", b"cHRM", b"iCCP", b"cICP", b"eXIf", b"acTL", b"sBIT"})
_PNG_PLAIN = frozenset({0, 2, 3})  # colour types without transparency
_WEBP_LOSSY, _WEBP_LOSSLESS = b"VP8 ", b"VP8L"
_ALPHA_OF_LOSSLESS = 1 << 28  # the bit behind 14 bits of width and of height


def is_shown_alike(file: BinaryIO, mime: str) -> bool:
    """Whether every browser shows the image in the file, which is at its beginning, as the SDK reads it."""
    check = _CHECKS.get(mime)
    with suppress(Exception):  # a broken image is for the SDK's decoder, which says so
        return check is not None and check(file)
    return False


def _jpeg(file: BinaryIO) -> bool:
    marks = 0
    for marker, content in jpeg_segments(file):
        if marker == _APP1:
            marks += 1
            if content.startswith(_EXIF[:4]) and (marks > 1 or not content.startswith(_EXIF)):
                return False  # OpenCV counts the first segment only, and any
        if marker == _APP2 and content.startswith(_PROFILE):
            return False
        if marker in _FRAMES and (content[0], content[5]) not in _PLAIN_FRAMES:
            return False
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(max(0, size_bytes - _TAIL_BYTES))
    return _END_OF_IMAGE in file.read()


def _png(file: BinaryIO) -> bool:
    file.seek(_PNG_START)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind in _PNG_FOREIGN:
            return False
        if kind == b"IHDR":
            depth, colours = struct.unpack_from(">BB", file.read(length), 8)
            if depth > 8 or colours not in _PNG_PLAIN:
                return False
            file.seek(4, os.SEEK_CUR)
        else:
            file.seek(length + 4, os.SEEK_CUR)
    return True


def _bmp(file: BinaryIO) -> bool:
    head = file.read(34)
    size, bits, compression = struct.unpack_from("<I", head, 14)[0], *struct.unpack_from("<HI", head, 28)
    is_plain: bool = (size, bits, compression) == (40, 24, 0)
    return is_plain


def _webp(file: BinaryIO) -> bool:
    head = file.read(30)
    if head[12:16] == _WEBP_LOSSLESS:
        return not int.from_bytes(head[21:25], "little") & _ALPHA_OF_LOSSLESS
    return head[12:16] == _WEBP_LOSSY  # VP8X: profile, alpha, animation or EXIF


_CHECKS: dict[str, Callable[[BinaryIO], bool]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/bmp": _bmp,
    "image/webp": _webp,
}
