"""Any bytes in a container's output: no byte is lost, and every line is an event, in bounded time and memory."""

from __future__ import annotations

import contextlib
import json
import struct

import orjson
from hypothesis import given
from hypothesis import strategies as st

from agent.engines.frames import BrokenFraming, FrameParser
from agent.events.lines import LINE_LIMIT, Line, LineJoiner
from agent.events.log_lines import LogLines
from agent.events.model import Level, Stream
from agent.events.parse import parse_line
from agent.events.reading import EventColumns
from tests.support.fuzzing import JSON_WORDS, bounded, fuzz, spoilt

OUTPUT = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\0", b"\xff", "🍓".encode(), "🍓".encode()[:2], b"\x1b[31m", b"{", b'"}'])
    | st.binary(max_size=20)
    | st.integers(1, 40_000).map(lambda count: b"x" * count),
    max_size=25,
).map(b"".join)


@fuzz(150)
@given(st.lists(st.tuples(st.sampled_from([1, 2]), OUTPUT), max_size=6), st.data())
def test_of_framed_output_no_byte_is_lost_however_it_is_cut(
    written: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    """Engine bytes → frames → lines: the joined lines of each stream equal the bytes written to the stream."""
    framed = b"".join(struct.pack(">BxxxI", stream, len(piece)) + piece for stream, piece in written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(framed)), max_size=12)))
    parser, joiner = FrameParser(), LineJoiner()
    lines: list[Line] = []
    with bounded():
        for start, end in zip([0, *cuts], [*cuts, len(framed)], strict=True):
            lines += joiner.feed(parser.feed(framed[start:end]))
        lines += joiner.finish()

    assert parser.at_boundary
    for number, stream in ((1, Stream.STDOUT), (2, Stream.STDERR)):
        whole = b"".join(piece for to, piece in written if to == number)
        expected = whole.decode(errors="replace").split("\n")
        assert [line.text for line in lines if line.stream is stream] == expected[: -1 if not expected[-1] else None]


@fuzz(100)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_frames_or_broken_framing_in_bounded_time(data: bytes, step: int) -> None:
    parser = FrameParser()
    with bounded(), contextlib.suppress(BrokenFraming):
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])


@fuzz(30)
@given(st.integers(1, 3), st.sampled_from([b"x", b"\r", b"x\r", b"{", b"\xff"]), st.integers(1, 1 << 20))
def test_a_line_without_end_is_held_to_its_limit(megabytes: int, what: bytes, step: int) -> None:
    joiner, data = LineJoiner(), what * (megabytes * 1_000_000 // len(what))
    for start in range(0, len(data), max(step, 10_000)):
        assert not joiner.feed([(1, data[start : start + max(step, 10_000)])])
    (line,) = joiner.finish()

    assert len(line.text) <= LINE_LIMIT + 100
    assert parse_line(line.text, Stream.STDOUT, 0).raw == line.text


EVENTS = [
    b'{"message": "m", "event_type": "EventType.METRICS", "type": "val", "epoch": 0.5, "metrics": {"a": 1e-3}}',
    b'{"message": "p", "event_type": "EventType.PROGRESS", "subtask": "s", "current": 1, "total": 2, "level": "info"}',
    b'{"message": "c", "event_type": "EventType.CHECKPOINT", "id": 1, "subdir": "0001", "sizeb": 9, "best_now": true}',
    b'{"message": "x", "event_type": "EventType.TASK_CRASHED", "exc_str": "e", "stack": ["a", "b"], "level": "fatal"}',
    b'{"message": "i", "image": {"path": "a.png", "name": "val", "step": 3, "caption": "c"}, "level": "info"}',
    b'\r 10%|###  |\r 20%|{"message": "glued", "level": "info", "n": {"a": [1, 2]}}',
]


@fuzz(300)
@given(spoilt(EVENTS, words=JSON_WORDS) | st.binary(max_size=200))
def test_any_line_gives_one_event_that_can_be_stored_sent_and_logged(data: bytes) -> None:
    for text in data.decode(errors="replace").split("\n"):
        with bounded():
            event = parse_line(text, Stream.STDERR, 1)
        assert event.raw == text
        assert event.level in Level
        orjson.dumps(dict(event.fields or {}))
        (line,) = LogLines(7).lines(EventColumns.of([event])).splitlines() or [""]
        assert json.loads(line, strict=False)["task_id"] is not None
        event.message.encode()
        assert event.parse_error is None or event.parse_error.isprintable()
