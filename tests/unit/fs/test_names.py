from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fs.names import MAX_NAME_BYTES, brief, free_name, name_problem, read_number, shown, text_problem


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is not a name"),
        (".", "is not a name"),
        ("..", "is not a name"),
        ("a/b", "contains a slash"),
        ("a\0b", "contains control characters"),
        ("a\nb", "contains control characters"),
        ("\udc80", "is not valid Unicode"),
        ("a\u202egpj.exe", "contains invisible marks that turn the direction of text"),
        ("\u200fab", "contains invisible marks that turn the direction of text"),
        ("a\u2066b", "contains invisible marks that turn the direction of text"),
        ("ü" * 150, "is 300 bytes long; the limit is 250"),
    ],
)
def test_a_name_that_cannot_be_a_folder_gets_its_problem(name, problem):
    assert name_problem(name) == problem


@pytest.mark.parametrize(
    "name", ["fruit", "Früchte 2", ".hidden", "a\\b", "-rf", "x" * 250, "...", "שלום", "می\u200cخواهم", "👩\u200d🔬"]
)
def test_an_unusual_name_that_can_be_a_folder_is_accepted(name):
    assert name_problem(name) is None


def test_marks_that_turn_text_are_spelled_out_where_names_are_shown():
    assert shown("a\u202egpj.exe") == "a\\u202egpj.exe"
    assert brief("\u200f" + "x" * 100, 3) == "\\u200fxx…"


def test_a_title_may_have_slashes_but_neither_control_characters_nor_ten_kilobytes():
    assert text_problem("leaf/stem <b>") is None
    assert text_problem("a\x1b[31m") == "contains control characters"
    assert text_problem("x" * 10_240) == "is 10240 bytes long; the limit is 1000"


def test_a_taken_name_gets_the_first_free_number():
    taken = {"fruit", "fruit_001", "fruit_003"}

    assert free_name("fruit", taken.__contains__) == "fruit_002"
    assert free_name("nuts", taken.__contains__) == "nuts"


@given(st.text(min_size=1))
def test_a_freed_name_is_never_longer_than_allowed(name):
    if name_problem(name) is None:
        assert len(free_name(name, {name}.__contains__).encode()) <= MAX_NAME_BYTES


@given(st.text() | st.binary().map(lambda data: data.decode(errors="surrogateescape")))
def test_whatever_is_shown_can_be_printed_on_one_line(name):
    text = shown(name)

    assert text.encode().decode() == text
    assert len(text.splitlines()) <= 1


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_ascii_digits_are_a_number(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["", "²", "٣", "1x", " 1", "1\n", "+1", "-1", "1_0", "1.0", "9" * 19, "9" * 5000])
def test_any_other_text_is_no_number_and_no_failure(text):
    assert read_number(text) is None
