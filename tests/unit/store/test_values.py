"""How values become columns and blocks, without a database."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.columns import clean, finite, from_json, from_us, int64, key, to_json, to_us
from agent.store.points import floats, ints, pack_floats, pack_ints, with_none

NUMBERS = st.floats() | st.integers() | st.none()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_json_comes_back_with_its_key_order(value: object) -> None:
    again = from_json(to_json(value))

    assert again == value
    assert json.dumps(again) == json.dumps(value)


@pytest.mark.parametrize("value", [{"a": math.nan}, {"a": [math.inf, 10**30]}, {1: "x", "big": 10**40, "f": -math.inf}])
def test_a_value_that_json_cannot_hold_never_raises(value: object) -> None:
    assert "NaN" not in to_json(value)
    assert "Infinity" not in to_json(value)
    from_json(to_json(value))


def test_lone_surrogates_in_json_survive() -> None:
    assert from_json(to_json({"k\ud800": ["\udfff", 1.5]})) == {"k\ud800": ["\udfff", 1.5]}


@given(st.text(st.characters(codec=None)))
def test_clean_text_can_be_encoded_and_says_where_it_was_not(text: str) -> None:
    cleaned = clean(text)

    assert len(cleaned) == len(text)
    assert "\0" not in cleaned
    cleaned.encode()
    assert cleaned == text or any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def test_a_key_is_cut_visibly() -> None:
    assert key("x" * 500) == "x" * 500
    assert key("x" * 501) == "x" * 499 + "…"


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_keep_every_microsecond(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment


@pytest.mark.parametrize(("number", "held"), [(5, 5), (2**70, 2**63 - 1), (-(2**70), -(2**63))])
def test_integers_are_held_at_64_bits(number: int, held: int) -> None:
    assert int64(number) == held


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, None])
def test_a_number_that_no_chart_can_show_is_none(number: float | None) -> None:
    assert finite(number) is None


@given(st.lists(st.lists(NUMBERS)))
def test_blocks_joined_are_the_numbers_in_order(blocks: list[list[float | None]]) -> None:
    joined = with_none(floats(pack_floats(block) for block in blocks))

    assert joined == [
        None if number is None or finite(number) is None else float(number) for block in blocks for number in block
    ]


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1))))
def test_integers_keep_every_bit(blocks: list[list[int]]) -> None:
    assert list(ints(pack_ints(block) for block in blocks)) == [number for block in blocks for number in block]
