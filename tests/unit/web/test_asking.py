"""What a deployed model answers, and where the time went."""

from __future__ import annotations

import json

import pytest

from web_stub.asking import MOST_VALUES, Durations, durations, read_answer
from web_stub.broker import ModelFailed, Times
from web_stub.questions import client_of


def test_an_answer_is_an_object_without_success() -> None:
    assert read_answer(b'{"objects": [], "success": true}') == {"objects": []}
    assert read_answer(b'{"objects": []}') == {"objects": []}
    assert read_answer(b'{"score": NaN}') == {"score": None}  # as Python writes it


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"success": False, "error": json.dumps("Traceback:\n  x\nKeyError: 'a'\n\n")}, "KeyError: 'a'"),
        ({"success": False, "error": "no JSON at all"}, "no JSON at all"),
        ({"success": False, "error": None}, "it does not say why"),
        ({"success": False, "error": " \n "}, "it does not say why"),
        ({"success": 0, "error": ["a", 1]}, '["a", 1]'),
        ([1], "no JSON object"),
        ("text", "no JSON object"),
    ],
)
def test_an_error_is_told_in_the_words_of_the_plugin(answer: object, words: str) -> None:
    with pytest.raises(ModelFailed) as raised:
        read_answer(json.dumps(answer).encode())
    assert str(raised.value).endswith(words)


def test_an_error_of_many_lines_is_told_by_its_first_paragraph() -> None:
    head = "Traceback (most recent call last):\n"
    frame = '  File "a.py", line 3, in f\n    check(mode)\n'
    first = f"{head}{frame}KeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n"
    last = f"{head}{frame}RuntimeError: 'name' is a required property,\n  as always\n\nOn instance:\n    {{'a': 1}}\n"
    with pytest.raises(ModelFailed) as raised:
        read_answer(json.dumps({"success": False, "error": json.dumps(first + last)}).encode())
    assert str(raised.value).endswith("could not answer: RuntimeError: 'name' is a required property, as always")
    for cut_off in (head, head + frame):
        with pytest.raises(ModelFailed):
            read_answer(json.dumps({"success": False, "error": json.dumps(cut_off)}).encode())


def test_the_whole_traceback_is_kept() -> None:
    with pytest.raises(ModelFailed) as raised:
        read_answer(json.dumps({"success": False, "error": json.dumps("a\nb")}).encode())
    assert raised.value.details == {"traceback": "a\nb"}
    for broken in (b"", b"\xff", b"{", b"[" * 100_000):
        with pytest.raises(ModelFailed, match="no JSON"):
            read_answer(broken)


def test_the_parts_of_the_time_make_the_whole() -> None:
    times = Times(1.0, sent=2.0, fetched=4.0, answering=7.0, answered=11.0)
    assert durations(times) == Durations(queue_s=1.0, transfer_s=6.0, model_s=3.0, total_s=10.0)
    by_hash = Times(1.0, sent=2.0, answering=7.0, answered=8.0)
    assert durations(by_hash) == Durations(queue_s=1.0, transfer_s=1.0, model_s=5.0, total_s=7.0)


def test_a_client_is_a_token_at_an_address() -> None:
    assert client_of({"token_id": 3, "client": ("10.0.0.1", 999)}) == "3@10.0.0.1"
    assert client_of({"client": None}) == "@"


def test_an_answer_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    many = b'{"objects": [' + b"[]," * (MOST_VALUES // 2) + b"[]]}"
    with pytest.raises(ModelFailed, match="more than 1,000,000 values"):
        read_answer(many)
    assert len(read_answer(b'{"objects": [' + b"1," * 1000 + b"1]}")["objects"]) == 1001
