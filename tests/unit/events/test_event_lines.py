"""The parser's fast and slow way give the same event for every line of a written corpus.

`test_events_parse.py` lets Hypothesis look for lines that are missing here.
"""

from __future__ import annotations

import orjson
import pytest

from agent.events.model import Event, Stream
from agent.events.parse import parse_line, read_object
from agent.events.sdk_lines import NOT_SDK_LINES, decode_sdk_line
from tests.support.event_lines import EVENTS, corpus

CORPUS = dict(corpus())


def both_ways(text: str) -> tuple[Event, Event]:
    """Only a line that begins like an object has two ways."""
    slow = read_object if text.startswith("{") else parse_line
    return parse_line(text, Stream.STDOUT, 1), slow(text, Stream.STDOUT, 1)


def is_fast(text: str) -> bool:
    try:
        decode_sdk_line(text)
    except NOT_SDK_LINES:
        return False
    return True


@pytest.mark.parametrize("event", [*EVENTS, "nothing", "an object", "the text"])
def test_the_fast_and_the_slow_way_read_the_corpus_the_same(event: str) -> None:
    """Compared as text, because 0.0 equals -0.0, and 1 equals 1.0 and True."""
    lines = {name: text for name, text in CORPUS.items() if name.split(":")[0].startswith(event)}
    different = {}
    for name, text in lines.items():
        fast, slow = map(repr, both_ways(text))
        if fast != slow:
            different[name] = (fast[:500], slow[:500])

    assert len(lines) > 10
    assert different == {}


def test_the_corpus_holds_hundreds_of_lines_for_each_way() -> None:
    assert len(CORPUS) == len(list(corpus())), "each name is used once"
    fast = [name for name, text in CORPUS.items() if is_fast(text)]

    assert len(CORPUS) > 3000
    assert len(fast) > 300
    assert {name.split(":")[0].split(" ")[0] for name in fast} == {"METRICS", "PROGRESS"}


@pytest.mark.parametrize("event", EVENTS)
def test_every_line_of_the_corpus_is_an_event_that_can_be_stored(event: str) -> None:
    for name, text in CORPUS.items():
        if name.startswith(event):
            read = parse_line(text, Stream.STDOUT, 1)
            assert read.raw == text
            orjson.dumps([read.fields, read.message, read.parse_error])
