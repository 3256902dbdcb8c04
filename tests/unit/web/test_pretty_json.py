"""Configs for editing: the same JSON, on few lines."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from web_stub.pages.pretty_json import pretty

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_every_value_is_kept_and_keys_keep_their_order(value):
    read = json.loads(pretty(value))

    assert json.dumps(read) == json.dumps(value)


def test_short_flat_parts_stay_on_one_line():
    config = {"size": {"width": 256, "height": 256}, "10": 1.0, "2": [1, 2], "deep": {"a": {"b": 1}}, "none": {}}

    assert pretty(config) == (
        "{\n"
        '  "size": {"width": 256, "height": 256},\n'
        '  "10": 1.0,\n'
        '  "2": [1, 2],\n'
        '  "deep": {\n'
        '    "a": {"b": 1}\n'
        "  },\n"
        '  "none": {}\n'
        "}"
    )


def test_other_alphabets_are_readable():
    assert pretty({"класс": "яблоко"}) == '{\n  "класс": "яблоко"\n}'


def test_what_is_not_a_number_becomes_null_as_in_every_answer():
    assert pretty({"lr": float("nan"), "most": [float("inf"), 1.0]}) == '{\n  "lr": null,\n  "most": [null, 1.0]\n}'
