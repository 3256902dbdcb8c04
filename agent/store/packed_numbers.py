"""Columns of 8-byte numbers in few bytes, exactly: what a block of chart points becomes when it is whole. Pure.

Metrics are smooth, or have few digits, or are the 4-byte numbers of a network. So a column is written in each of a few
ways, its bytes by place (all first ones, all second ones, …), compressed with Zstandard; the shortest is kept. The
first byte says which. A packed column never has a length that 8 divides, which all others have.

Packing needs no numpy, which the agent does not load. Unpacking does: a chart of ten million points takes a third of a
second, ten times as long without.
"""

from __future__ import annotations

import sys
import threading
from array import array
from operator import sub
from typing import TYPE_CHECKING

import zstandard

from agent.store.failures import damaged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

POINTS = "Points of a chart"  # as a failure calls them

_PLAIN, _DELTAS, _SINGLE, _DECIMAL, _DECIMAL_DELTAS = range(5)  # of 64-bit patterns; the last two with a digit each
_PADDED = 0x80
_MOST_DIGITS = 9
_TRIED = 16  # numbers looked at before all are
_EXACT = 1 << 53  # integers up to here are floats, and division gives the number again
_WORD = 1 << 64
_LARGEST = 64 << 20  # bytes of a column: more is damage
_of_thread = threading.local()


def pack_column(raw: bytes, *, is_float: bool) -> bytes:
    """`raw`: little-endian int64 or float64. The same bytes where they cannot be made fewer."""
    if not raw or sys.byteorder == "big":
        return raw
    words = array("q", raw)
    ways = [_written(_DELTAS, 0, _deltas(words))]
    if is_float:
        numbers = array("d", raw)
        ways.append(_written(_PLAIN, 0, words))
        if (single := _as_single(numbers)) is not None:
            ways.append(_written(_SINGLE, 0, single))
        if (decimal := _as_decimal(numbers)) is not None:
            digits, scaled = decimal
            ways += [_written(_DECIMAL, digits, scaled), _written(_DECIMAL_DELTAS, digits, _deltas(scaled))]
    best = min(ways, key=len)
    return best if len(best) < len(raw) else raw


def is_packed(column: bytes) -> bool:
    return len(column) % 8 != 0


def unpack_column(column: bytes) -> bytes:
    """The bytes that were packed. StorageFailed for bytes that none of ours can be."""
    import numpy as np  # late: most readers of a store ask for no points

    padded, way, digits = column[0] & _PADDED, column[0] & 7, (column[0] >> 3) & 15
    frame = column[1:-1] if padded else column[1:]
    width = 4 if way == _SINGLE else 8
    try:
        if not 0 <= zstandard.frame_content_size(frame) <= _LARGEST or way > _DECIMAL_DELTAS:
            raise damaged(POINTS)
        planes = np.frombuffer(_decompressor().decompress(frame), np.uint8).reshape(width, -1)
    except (zstandard.ZstdError, ValueError) as error:
        raise damaged(POINTS) from error
    places = np.empty((planes.shape[1], width), np.uint8)
    for place in range(width):  # twice as fast as a transposed copy
        places[:, place] = planes[place]
    words = places.view("<f4" if way == _SINGLE else "<i8")[:, 0]
    if way in (_DELTAS, _DECIMAL_DELTAS):
        np.cumsum(words, out=words)
    return _numbers(words, way, digits).tobytes()


def _decompressor() -> zstandard.ZstdDecompressor:
    """One for each thread: to make one takes longer than to use it."""
    found: zstandard.ZstdDecompressor | None = getattr(_of_thread, "decompressor", None)
    if found is None:
        found = _of_thread.decompressor = zstandard.ZstdDecompressor()
    return found


def _numbers(words: NDArray[np.int64], way: int, digits: int) -> NDArray[np.float64] | NDArray[np.int64]:
    if way == _SINGLE:
        return words.astype("<f8")
    if way in (_DECIMAL, _DECIMAL_DELTAS):
        found: NDArray[np.float64] = words / float(10**digits)
        return found
    return words


def _deltas(words: array[int]) -> array[int]:
    """From each to the next, the first as it is, on the circle of 64 bits."""
    steps = list(map(sub, words[1:], words))
    try:
        return array("q", [words[0], *steps])
    except OverflowError:
        return array("q", [words[0], *((step + _WORD // 2) % _WORD - _WORD // 2 for step in steps)])


def _as_single(numbers: array[float]) -> array[float] | None:
    """The numbers in 4 bytes each, if none of them loses a bit."""
    try:
        single = array("f", numbers)
    except OverflowError:
        return None
    return single if array("d", single).tobytes() == numbers.tobytes() else None


def _as_decimal(numbers: array[float]) -> tuple[int, array[int]] | None:
    """How many digits behind the point make all numbers whole, and the whole numbers; None if none do."""
    try:
        tried = numbers[:: max(1, len(numbers) // _TRIED)]
        digits = max(len(repr(number).partition(".")[2]) for number in tried)
        scale = 10.0**digits
        if digits > _MOST_DIGITS or any(round(number * scale) / scale != number for number in tried):
            return None
        scaled = array("q", [round(number * scale) for number in numbers])
    except (ValueError, OverflowError):  # a NaN, an Infinity
        return None
    if max(scaled) > _EXACT or min(scaled) < -_EXACT:
        return None
    back = array("d", [number / scale for number in scaled])
    return (digits, scaled) if back.tobytes() == numbers.tobytes() else None  # -0.0 has other bytes than 0.0


def _written(way: int, digits: int, numbers: array[int] | array[float]) -> bytes:
    data = numbers.tobytes()
    planes = b"".join(data[place :: numbers.itemsize] for place in range(numbers.itemsize))
    frame = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(planes)
    first = way | digits << 3
    if (1 + len(frame)) % 8:
        return bytes([first]) + frame
    return bytes([first | _PADDED]) + frame + b"\0"
