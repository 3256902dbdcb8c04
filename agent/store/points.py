"""Blocks of chart points: columns of numbers ↔ little-endian bytes. Pure.

A missing number (None, NaN, Infinity) is NaN in a block. Numbers are 8 bytes each: seq and time int64,
epoch and value float64.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.store.packed_numbers import is_packed, pack_column, unpack_column

_NAN = math.nan


@dataclass(slots=True)
class PointColumns:
    """Points being gathered: four columns of the same length. Series may share columns, so none is ever changed."""

    seqs: list[int] = field(default_factory=list)
    epochs: list[float | None] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)

    def joined(self, *others: PointColumns, sort: bool = False) -> PointColumns:
        """The points of all, one after the other, or in the order of their numbers. The columns share no list."""
        every = (self, *others)
        columns = PointColumns(
            [seq for one in every for seq in one.seqs],
            [epoch for one in every for epoch in one.epochs],
            [value for one in every for value in one.values],
            [time_us for one in every for time_us in one.times_us],
        )
        if not sort:
            return columns
        order = sorted(range(len(columns.seqs)), key=columns.seqs.__getitem__)
        return PointColumns(
            [columns.seqs[place] for place in order],
            [columns.epochs[place] for place in order],
            [columns.values[place] for place in order],
            [columns.times_us[place] for place in order],
        )


def pack_floats(numbers: Sequence[float | None]) -> bytes:
    try:
        if math.isfinite(sum(numbers)):  # type: ignore[arg-type]  # one pass in C tells that all are numbers
            return struct.pack(f"<{len(numbers)}d", *numbers)
    except (TypeError, OverflowError, struct.error):
        pass  # a None or an integer beyond every float among them
    return struct.pack(f"<{len(numbers)}d", *map(_number, numbers))


def bounds(packed: bytes) -> tuple[float | None, float | None]:
    """The least and the greatest of packed floats; None when none of them is a number."""
    numbers: Sequence[float] = floats((packed,))
    if math.isnan(sum(numbers)):
        numbers = [number for number in numbers if number == number]
    return (min(numbers), max(numbers)) if numbers else (None, None)


class Extremes(NamedTuple):
    """The least and the greatest number among points, each with the epoch of the first point that has it."""

    min_value: float | None
    min_epoch: float | None
    max_value: float | None
    max_epoch: float | None


def extremes(epochs: Sequence[float | None], values: Sequence[float | None]) -> Extremes:
    """The extremes of points in the order printed; None where no value is a number."""
    numbers: Sequence[Any] = values
    try:
        all_numbers = math.isfinite(sum(numbers))  # one pass in C, as in `pack_floats`
    except (TypeError, OverflowError):
        all_numbers = False
    if not all_numbers:
        known = [
            (epoch, number) for epoch, number in zip(epochs, map(_number, values), strict=True) if number == number
        ]
        epochs, numbers = [epoch for epoch, _ in known], [number for _, number in known]
    if not numbers:
        return Extremes(None, None, None, None)
    least, greatest = min(numbers), max(numbers)
    low, high = _number(epochs[numbers.index(least)]), _number(epochs[numbers.index(greatest)])
    return Extremes(float(least), low if low == low else None, float(greatest), high if high == high else None)


def _number(number: float | None) -> float:
    try:
        return float(number) if number is not None and math.isfinite(number) else _NAN
    except OverflowError:
        return _NAN


def pack_ints(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def pack_points(columns: Sequence[bytes]) -> tuple[bytes, ...]:
    """The columns of a block in few bytes: epochs and values, then numbers and times of the lines."""
    return tuple(pack_column(column, is_float=place < 2) for place, column in enumerate(columns))


def floats(blobs: Iterable[bytes]) -> memoryview[float]:
    return _numbers(blobs).cast("d")


def ints(blobs: Iterable[bytes]) -> memoryview[int]:
    return _numbers(blobs).cast("q")


def _numbers(blobs: Iterable[bytes]) -> memoryview[int]:
    """The blocks as one stretch of memory in this machine's byte order, copied once."""
    joined = b"".join(unpack_column(blob) if is_packed(blob) else blob for blob in blobs)
    if sys.byteorder == "big":
        swapped = array("q", joined)
        swapped.byteswap()
        return memoryview(swapped).cast("B")
    return memoryview(joined)


def with_none(numbers: Iterable[float]) -> list[float | None]:
    """NaN, which alone differs from itself, becomes None: the form that goes into JSON."""
    return [number if number == number else None for number in numbers]
