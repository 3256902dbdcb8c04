from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.json_errors import NotJson
from agent.formats.json_text import TooDeep, parse, parse_python, parse_unique, read_lenient
from agent.formats.json_values import MAX_DEPTH, canonical, compact, is_deeper, storable_problem, without_nan

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        (b"", "", "is empty."),
        (b" \n", "", "is empty."),
        (b"[1,\n 2,\n]", "line 3 column 1", "is not JSON: there is a comma after the last item."),
        (b'{"a": 1,}', "line 1 column 9", "is not JSON: there is a comma after the last item."),
        (b'{\n "a": 1 # why\n}', "line 2 column 9", "is not JSON: comments are not allowed."),
        (b"[ // c\n 1]", "line 1 column 3", "is not JSON: comments are not allowed."),
        (b'{"a": NaN}', "line 1 column 7", "is not JSON: NaN and Infinity are not allowed."),
        (b"{'a': 1}", "line 1 column 2", "is not JSON: text must stand in double quotes."),
        (b'{"a": True}', "line 1 column 7", "is not JSON: this is Python."),
        (b'{"a": 1', "line 1 column 8", "is not JSON: it ends in the middle of a value."),
        (b"[1] [2]", "line 1 column 5", "is not JSON: extra data."),
        (b"\xef\xbb\xbf{}", "", "starts with a byte order mark."),
        (b'{\n"a": "\xe9"}', "line 2", "is not UTF-8."),
        (b"[" * 100_000, "", "is nested too deeply, or has a number too long, to be read."),
        (b"[" * 101 + b"]" * 101, "", "is nested deeper than 100 levels."),
        (b'{"]": ' * 101 + b'"}]"' + b"}" * 101, "", "is nested deeper than 100 levels."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, place, sentence):
    with pytest.raises(NotJson) as caught:
        parse(text)

    assert (caught.value.place, caught.value.sentence) == (place, sentence)


def test_a_hundred_levels_are_read_and_brackets_in_texts_do_not_count():
    deep = b'{"[": ' * 100 + b'"[{\\"["' + b"}" * 100

    for read in (parse, parse_unique, parse_python):
        assert read(deep)
        assert read(b"[" + b'"[[",[[1,2],[3,4]],' * 500 + b"1]")


def test_a_deep_file_of_pythons_json_is_said_to_be_deep_not_to_hold_nan():
    with pytest.raises(NotJson, match="deeper than 100 levels"):
        parse_python(b'[NaN, {"a": ' + b"[" * 300 + b"]" * 300 + b"}]")


@given(st.recursive(st.just(1) | st.text('[]{}"\\\\'), lambda inner: st.lists(inner, max_size=3)))
def test_both_ways_of_measuring_depth_agree(value):
    depth = next(levels for levels in range(100) if not is_deeper(value, levels))
    wrapped = value
    for _ in range(MAX_DEPTH - depth):
        wrapped = [wrapped]

    assert parse(json.dumps(wrapped).encode()) == wrapped
    with pytest.raises(NotJson, match="deeper than"):
        parse(json.dumps([[wrapped]]).encode())


def test_keys_that_appear_twice_are_named_once_each():
    assert parse_unique(b'{"a": 1, "a": 2, "a": 3, "b": {"c": 1, "c": 1}}') == ({"a": 3, "b": {"c": 1}}, ["c", "a"])


def test_a_file_of_pythons_json_may_hold_nan_and_long_numbers():
    assert parse_python(b'{"loss": NaN, "best": -Infinity, "big": %d, "int": 1, "float": 1.0}' % 10**30) == {
        "loss": None,
        "best": None,
        "big": 1e30,
        "int": 1,
        "float": 1.0,
    }


def test_compact_keeps_order_and_number_types_and_is_ascii():
    assert compact({"b": 1, "a": 1.0, "c": "ü"}) == '{"b":1,"a":1.0,"c":"\\u00fc"}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": NaN, "b": [Infinity, -Infinity, 1e999]}', {"a": None, "b": [None, None, None]}),
        ("[18446744073709551615, -9223372036854775808]", [2**64 - 1, -(2**63)]),
        ("[18446744073709551616, -9223372036854775809]", [1.8446744073709552e19, -9.223372036854776e18]),
        ("[NaN, 18446744073709551615, 18446744073709551616]", [None, 2**64 - 1, 1.8446744073709552e19]),
        (f"[1{'0' * 308}, 1{'0' * 309}, {'9' * 5000}]", [1e308, None, None]),
        (r'{"\ud800": "a\udfffb", "\ud83c\udf53": "\ud83c\udf53"}', {"\ufffd": "a\ufffdb", "🍓": "🍓"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": NaN, "a": 2}', {"a": 2}),
    ],
)
def test_what_pythons_parser_reads_is_read_as_a_value_that_every_writer_takes(text, value):
    assert [read(text) for read in (read_lenient, lambda text: read_lenient(text.encode()))] == [value, value]
    assert orjson.loads(orjson.dumps(value)) == value
    assert storable_problem(value) is None


@pytest.mark.parametrize("start", ["", "NaN, "])
def test_of_a_printed_line_nesting_is_told_apart_from_other_mistakes(start):
    for levels in (MAX_DEPTH + 1, 5000):
        with pytest.raises(TooDeep, match="deeper than 100 levels"):
            read_lenient(f"[{start}{'[' * levels}{']' * levels}]")
    with pytest.raises(ValueError, match="Expecting value") as caught:
        read_lenient(f"[{start}nan]")
    assert not isinstance(caught.value, TooDeep)


def nested(levels: int, key: str | None = None) -> Any:
    """1 in so many lists, or objects with this key."""
    value: Any = 1
    for _ in range(levels):
        value = [value] if key is None else {key: value}
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1, None, "ü", 10**40, math.nan]}, None),
        ({"a": "\ud83c"}, "half of a surrogate pair"),
        ({"\udfff": 1}, "half of a surrogate pair"),
        (nested(101), "deeper than 100 levels"),
        (nested(100, key="a"), None),
    ],
)
def test_what_not_every_writer_could_give_back_is_said(value, said):
    problem = storable_problem(value)

    assert problem is None if said is None else said in (problem or "")


def test_not_a_number_becomes_null_wherever_it_stands():
    value = {"a": math.nan, 1: (math.inf, [-math.inf, 2.5]), "text": "NaN"}

    assert without_nan(value) == {"a": None, "1": [None, [None, 2.5]], "text": "NaN"}


@given(JSON)
def test_equal_values_have_equal_canonical_bytes(value):
    assert canonical({"x": parse(json.dumps({"x": value}, indent=3).encode())}) == canonical({"x": {"x": value}})


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_a_value_or_not_json(data):
    for read in (parse, parse_unique, parse_python):
        with contextlib.suppress(NotJson):
            read(data)
    with contextlib.suppress(ValueError):
        orjson.dumps(read_lenient(data))
