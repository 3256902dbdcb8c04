from __future__ import annotations

import math
import struct
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.errors import StorageFailed
from agent.store.packed_numbers import is_packed, pack_column, unpack_column
from tests.support.fuzzing import fuzz

FIRST = "0128b52ffd604000f500008800008000d0100808040404040201003f000610001e66ac8b8cc3255358"  # quarters from 0 to 9.75
INTS = st.integers(-(1 << 63), (1 << 63) - 1)
FLOATS = (
    st.floats()
    | st.floats(width=32)
    | st.integers(-(10**6), 10**6).map(float)
    | st.integers(-(10**6), 10**6).map(lambda number: number / 1000)
    | st.sampled_from([0.0, -0.0, math.nan, math.inf, 5e-324, 2.0**53, 2.0**53 + 2])
)


def packed(raw: bytes, *, is_float: bool) -> bytes:
    column = pack_column(raw, is_float=is_float)
    assert len(column) <= len(raw)
    assert is_packed(column) is (column != raw)
    return column


def back(column: bytes) -> bytes:
    return unpack_column(column) if is_packed(column) else column


@fuzz(100)
@given(st.lists(FLOATS, max_size=40), st.integers(1, 30))
@example([1e-310, -0.0], 20)
@example([0.1 + 0.2, 0.3], 20)
@example([9007199254740993.0, 0.001], 20)
def test_floats_come_back_to_the_bit(numbers: list[float], times: int) -> None:
    raw = struct.pack(f"<{len(numbers)}d", *numbers) * times
    assert back(packed(raw, is_float=True)) == raw


@fuzz(100)
@given(st.lists(INTS | st.integers(0, 100), max_size=40), st.integers(1, 30))
def test_integers_come_back(numbers: list[int], times: int) -> None:
    raw = struct.pack(f"<{len(numbers)}q", *numbers) * times
    assert back(packed(raw, is_float=False)) == raw


@pytest.mark.parametrize(
    ("numbers", "most"),
    [
        ([epoch / 1000 for epoch in range(2000)], 0.1),
        ([epoch / 313 for epoch in range(2000)], 1.0),
        ([round(2 * 0.999**step + (step * 7919 % 100) / 1000, 4) for step in range(2000)], 2.5),
        ([struct.unpack("f", struct.pack("f", math.sin(step)))[0] for step in range(2000)], 4.1),
        ([math.nan] * 2000, 0.1),
    ],
    ids=["epochs", "fractions", "four digits", "of a network", "no numbers"],
)
def test_what_trainings_print_takes_few_bytes(numbers: list[float], most: float) -> None:
    column = packed(struct.pack(f"<{len(numbers)}d", *numbers), is_float=True)
    assert len(column) / len(numbers) <= most


def test_the_first_format_is_read_for_ever() -> None:
    raw = struct.pack("<40d", *(step / 4 for step in range(40)))
    assert unpack_column(bytes.fromhex(FIRST)) == raw


@fuzz(60)
@given(st.data())
def test_a_damaged_column_is_said_to_be_one(data: st.DataObject) -> None:
    whole = packed(struct.pack("<200d", *(step / 4 for step in range(200))), is_float=True)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    for damaged in (changed, whole[:at] or b"\0"):
        with suppress(StorageFailed):  # some changes cannot be told
            unpack_column(damaged)
    with pytest.raises(StorageFailed, match="the database is damaged"):
        unpack_column(b"\x01" + whole[2:])
