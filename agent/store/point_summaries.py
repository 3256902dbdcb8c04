"""What a chart of a whole long series needs of its points: a few numbers of every 64 of them. Pure.

A summary belongs to points that are packed, have all their numbers, and whose epochs never go back. Other points are
read as they are. Packing needs no numpy, as in `packed_numbers.py`.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from itertools import accumulate, chain, islice, pairwise
from operator import le
from typing import NamedTuple

from agent.store.failures import damaged
from agent.store.packed_numbers import POINTS, pack_column
from agent.store.points import floats, ints

BIN = 64  # points; the last bin of a summary may have fewer
LEAST_POINTS = 1024  # fewer are read as quickly as their summary
_JOINED = (4, 2, 1, 2)  # columns that are packed together, having the same kind of numbers: the last of them integers


class Bins(NamedTuple):
    """Columns with a number for each bin."""

    first_epoch: memoryview[float]
    last_epoch: memoryview[float]
    low_epoch: memoryview[float]
    high_epoch: memoryview[float]
    low: memoryview[float]
    high: memoryview[float]
    mean: memoryview[float]
    low_at: memoryview[int]  # which point of the bin is the first with the value
    high_at: memoryview[int]


_LENGTHS = struct.Struct(f"<{len(_JOINED)}I")


def summarize(epochs: bytes, values: bytes) -> bytes | None:
    """`epochs`, `values`: little-endian float64. None for points that have no summary."""
    if len(epochs) < 8 * LEAST_POINTS or sys.byteorder == "big":
        return None
    x, y = array("d", epochs), array("d", values)
    if not all(map(le, x, x[1:])):  # a NaN is not below anything
        return None
    bins = []
    for start in range(0, len(x), BIN):
        epoch, value = x[start : start + BIN], y[start : start + BIN]
        total = sum(value)
        if not math.isfinite(total):
            return None
        low, high = min(value), max(value)
        low_at, high_at = value.index(low), value.index(high)
        mean = min(max(total / len(value), low), high)  # rounding must not lead out of the bin
        bins.append((epoch[0], epoch[-1], epoch[low_at], epoch[high_at], low, high, mean, low_at, high_at))
    columns = zip(*bins, strict=True)
    packed = []
    for place, count in enumerate(_JOINED, 1):
        is_float = place < len(_JOINED)
        joined = array("d" if is_float else "q", chain.from_iterable(islice(columns, count)))
        packed.append(pack_column(joined.tobytes(), is_float=is_float))
    return b"".join([_LENGTHS.pack(*map(len, packed)), *packed])


def read_summary(data: bytes, points: int) -> Bins:
    """The bins of so many points. StorageFailed for bytes that are no summary of them."""
    if len(data) < _LENGTHS.size:
        raise damaged(POINTS)
    lengths = _LENGTHS.unpack_from(data)
    pieces = [data[start:stop] for start, stop in pairwise(accumulate(lengths, initial=_LENGTHS.size))]
    if len(data) != _LENGTHS.size + sum(lengths):
        raise damaged(POINTS)
    bins = -(-points // BIN)
    try:
        epochs, values, mean = (floats((piece,)) for piece in pieces[:-1])
        places = ints(pieces[-1:])
    except TypeError as error:  # of a cast: the bytes are no whole numbers
        raise damaged(POINTS) from error
    if [len(epochs), len(values), len(mean), len(places)] != [bins * count for count in _JOINED]:
        raise damaged(POINTS)
    first, last, low_x, high_x = (epochs[bins * number : bins * (number + 1)] for number in range(4))
    return Bins(first, last, low_x, high_x, values[:bins], values[bins:], mean, places[:bins], places[bins:])
