"""Size and turn of images by their structure, and whether the files are whole, without decoding a pixel.

What is refused here cannot be read by the official SDK either; a JPEG file that ends early can. Each function takes a
file at its beginning and raises Damaged, or any error of a reader for a broken header.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from agent.formats.image_claims import jpeg_claim, png_claim, tiff_claim
from agent.formats.orientation import START_OF_SCAN, jpeg_orientation, jpeg_segments, tiff_orientation

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

MAX_PIXELS = 1 << 30  # what OpenCV decodes at most
_AGAIN = "Copy or download it again."
_CHUNK_BYTES = 1 << 16
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_READ = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_PNG_START = 8
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_BMP_PLAIN = frozenset({0, 3, 6})  # compressions under which the size of the data follows from that of the image
# None, CCITT, LZW, JPEG, Deflate, PackBits: those that OpenCV's wheels and Pillow's have in common.
_TIFF_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
_TIFF_FLOAT = 3
_TIFF_UNASSOCIATED_ALPHA = 2


class Damaged(ValueError):
    """What is wrong with a file, and what to do, as sentences without a subject."""


def too_large(width: int, height: int) -> str | None:
    """Why an image of that size cannot be decoded. Pure."""
    if width * height <= MAX_PIXELS:
        return None
    return f"claims {width}×{height} pixels; more than {MAX_PIXELS:,} cannot be decoded."


class Shape(NamedTuple):
    """Size in pixels as stored, and the turn."""

    width: int
    height: int
    orientation: int = 1


def jpeg_shape(file: BinaryIO) -> Shape:
    """By hand: Pillow's reader warns of broken EXIF data, which makes no image unreadable."""
    shape = None
    for marker, content in jpeg_segments(file):
        if marker in _JPEG_FRAMES and shape is None:
            bits, height, width, channels = struct.unpack_from(">BHHB", content)
            if marker not in _JPEG_READ or bits != 8 or channels not in (1, 3, 4):
                raise Damaged("is of a kind of JPEG that plugins cannot read. Save it again.")
            shape = Shape(width, height)
        elif marker == START_OF_SCAN and shape is not None:
            if sentence := jpeg_claim(shape.width, shape.height, file.seek(0, os.SEEK_END)):
                raise Damaged(sentence)
            return Shape(shape.width, shape.height, jpeg_orientation(file))
    raise ValueError("no frame before the first scan")


def png_shape(file: BinaryIO) -> Shape:
    """Every chunk is looked at; the checksums of those that hold the image are checked."""
    file.seek(_PNG_START)
    shape, bits, orientation = None, 1, 1
    last, has_pixels = b"", False
    while last != b"IEND":
        head = file.read(8)
        if len(head) < 8:
            raise Damaged(f"ends early. {_AGAIN}")
        length, kind = struct.unpack(">I4s", head)
        if shape is None and (kind != b"IHDR" or length != 13):
            raise ValueError("no IHDR")
        is_critical = not kind[0] & 0x20
        if is_critical and kind not in _PNG_CRITICAL:
            raise Damaged("has a PNG chunk that no program here knows. Save it again.")
        content = _png_chunk(file, kind, length, keep=kind in (b"IHDR", b"eXIf") and length < _CHUNK_BYTES)
        if kind == b"IHDR":
            shape, bits = _png_header(content)
            if sentence := too_large(shape.width, shape.height):
                raise Damaged(sentence)
        elif kind == b"eXIf" and orientation == 1:
            orientation = tiff_orientation(content)
        if kind == b"IDAT":
            if has_pixels and last != b"IDAT":
                raise Damaged("has its pixels in PNG chunks that are not in a row. Save it again.")
            has_pixels = True
        last = kind
    if shape is None or not has_pixels:
        raise Damaged(f"holds no pixels. {_AGAIN}")
    if sentence := png_claim(shape.width, shape.height, bits, file.tell()):
        raise Damaged(sentence)
    return Shape(shape.width, shape.height, orientation)


def _png_chunk(file: BinaryIO, kind: bytes, length: int, *, keep: bool) -> bytes:
    """Go over a chunk; its content if it is to be kept."""
    if keep:
        content = file.read(length)
        sum_of_it, left = zlib.crc32(content, zlib.crc32(kind)), length - len(content)
    elif kind == b"IDAT" or kind == b"PLTE":
        content, sum_of_it, left = b"", zlib.crc32(kind), length
        while left and (part := file.read(min(left, _CHUNK_BYTES))):
            sum_of_it = zlib.crc32(part, sum_of_it)
            left -= len(part)
    else:
        file.seek(length, os.SEEK_CUR)
        content, sum_of_it, left = b"", None, 0
    mark = file.read(4)
    if left or len(mark) < 4:
        raise Damaged(f"ends early. {_AGAIN}")
    if sum_of_it is not None and kind != b"eXIf" and sum_of_it != int.from_bytes(mark, "big"):
        raise Damaged(f"is damaged: a checksum of its pixels is wrong. {_AGAIN}")
    return content


def _png_header(content: bytes) -> tuple[Shape, int]:
    """The size, and the bits of a pixel."""
    width, height, depth, colours, compression, filters, interlace = struct.unpack(">IIBBBBB", content)
    if depth not in _PNG_DEPTHS.get(colours, ()) or compression or filters or interlace > 1 or not width or not height:
        raise ValueError("IHDR")
    return Shape(width, height), depth * _PNG_CHANNELS[colours]


def bmp_shape(file: BinaryIO) -> Shape:
    from PIL.BmpImagePlugin import BmpImageFile

    with BmpImageFile(file) as image:
        width, height = image.size
    file.seek(0)
    head = file.read(54)
    (start, size) = struct.unpack_from("<II", head, 10)
    bits, compression = struct.unpack_from("<HI", head, 28) if size >= 40 else (*struct.unpack_from("<H", head, 24), 0)
    if compression in _BMP_PLAIN and start + (width * bits + 31) // 32 * 4 * height > file.seek(0, os.SEEK_END):
        raise Damaged(f"ends early. {_AGAIN}")
    return Shape(width, height)


def webp_shape(file: BinaryIO) -> Shape:
    """By hand: Pillow's reader would read the whole file and set up a canvas."""
    start = file.read(32)
    shape = _webp_header(start)
    if shape.width and int.from_bytes(start[4:8], "little") + 8 > file.seek(0, os.SEEK_END):
        raise Damaged(f"ends early. {_AGAIN}")
    return shape


def _webp_header(start: bytes) -> Shape:
    match start[12:16]:
        case b"VP8X":
            return Shape(1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little"))
        case b"VP8L":
            bits = int.from_bytes(start[21:25], "little")
            return Shape(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", start, 26)
            return Shape(width & 0x3FFF, height & 0x3FFF)
        case _:
            raise ValueError("unknown WebP chunk")


def tiff_shape(file: BinaryIO) -> Shape:
    """The turn is in the size already: Pillow and OpenCV both turn TIFF files."""
    from PIL.TiffImagePlugin import TiffImageFile

    if sentence := tiff_claim(file):
        raise Damaged(sentence)
    file.seek(0)
    with TiffImageFile(file) as image:
        width, height = image.size
        if sentence := _tiff_problem(image, file.seek(0, os.SEEK_END)):
            raise Damaged(sentence)
        is_turned = image.tag_v2.get(274, 1) in (5, 6, 7, 8)
    return Shape(width, height, 1) if not is_turned else _turned_tiff(image, width, height)


def _turned_tiff(image: TiffImageFile, width: int, height: int) -> Shape:
    """Some versions of Pillow give the stored size, some the turned one."""
    stored = (image.tag_v2.get(256), image.tag_v2.get(257))
    return Shape(height, width) if (width, height) == stored else Shape(width, height)


def _tiff_problem(image: TiffImageFile, size_bytes: int) -> str | None:
    tags = image.tag_v2
    bits, formats = tags.get(258, (1,)), tags.get(339, (1,))
    if tags.get(259, 1) not in _TIFF_COMPRESSIONS:
        return "is compressed in a way that plugins cannot read. Save it as PNG."
    if _TIFF_FLOAT in _as_tuple(formats) or max(_as_tuple(bits)) > 16:
        return "has pixels of more than 16 bits, which plugins cannot read. Save it as PNG of 8 or 16 bits."
    if tags.get(277, 1) == 2 and _as_tuple(tags.get(338, (0,)))[:1] != (_TIFF_UNASSOCIATED_ALPHA,):
        return "has two channels, which plugins cannot read. Save it as PNG."
    for starts, counts in ((273, 279), (324, 325)):
        pieces = zip(_as_tuple(tags.get(starts, ())), _as_tuple(tags.get(counts, ())), strict=False)
        if any(start + count > size_bytes for start, count in pieces):
            return f"ends early. {_AGAIN}"
    return None


def _as_tuple(value: object) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) if isinstance(value, int) else ()
