"""Multiplexed output, cut anywhere, gives the original bytes of each stream."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.engines.frames import BrokenFraming, FrameParser, missing_end, skip
from tests.support.fuzzing import fuzz

entries = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=30)), max_size=30)


def multiplexed(frames):
    return b"".join(bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data for stream, data in frames)


def cut(data, at):
    places = sorted({min(place, len(data)) for place in at})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def joined(frames):
    """Neighbouring payloads of one stream as one."""
    runs = groupby((f for f in frames if f[1]), key=lambda frame: frame[0])
    return [(stream, b"".join(data for _, data in run)) for stream, run in runs]


@given(entries, st.lists(st.integers(0, 1200)))
def test_every_byte_comes_out_in_order_wherever_the_stream_is_cut(frames, places):
    parser = FrameParser()
    read = [frame for piece in cut(multiplexed(frames), places) for frame in parser.feed(piece)]
    assert joined(read) == joined(frames)
    assert parser.at_boundary


@given(entries, st.integers(0, 1000))
def test_skipping_leaves_exactly_what_follows(frames, count):
    left, still = skip(frames, count)
    payload = b"".join(data for _, data in frames)
    assert b"".join(data for _, data in left) == payload[count:]
    assert still == max(0, count - len(payload))


def test_a_half_read_payload_is_handed_on_at_once():
    parser = FrameParser()
    assert list(parser.feed(multiplexed([(2, b"abcdef")])[:-3])) == [(2, b"abc")]
    assert not parser.at_boundary
    assert list(parser.feed(b"def")) == [(2, b"def")]
    assert parser.at_boundary


def test_a_burst_of_lines_is_one_frame_per_run_of_a_stream():
    frames = [(1, b"a\n"), (1, b"b\n"), (2, b"c\n"), (1, b"d\n")]
    assert list(FrameParser().feed(multiplexed(frames))) == [(1, b"a\nb\n"), (2, b"c\n"), (1, b"d\n")]


@pytest.mark.parametrize("data", [b"plain output", b"\x03\0\0\0\0\0\0\1x", b"\1\0\0\1\0\0\0\1x"])
def test_bytes_that_are_no_frames_are_refused(data):
    with pytest.raises(BrokenFraming):
        FrameParser().feed(data)


LINES = 1000
LOG = multiplexed([(1, f"line {i}\n".encode()) for i in range(LINES)])


@fuzz(50)
@given(st.integers(0, len(LOG)), st.integers(1, len(LOG)), st.integers(1, LINES))
def test_a_missing_end_is_found_or_left_open_but_never_wrong(received, kept, lines):
    """The agent has received the beginning of the log and kept its last part; the engine gives the log's last lines."""
    end = multiplexed([(1, f"line {i}\n".encode()) for i in range(LINES - lines, LINES)])
    rest = missing_end(LOG[:received][-kept:], end)
    if rest is not None:
        assert LOG[:received] + rest == LOG


@fuzz(50)
@given(st.integers(0, 5000), st.integers(6000, len(LOG)), st.integers(600, LINES))
def test_a_missing_end_is_found_where_enough_was_kept(missing, kept, lines):
    end = multiplexed([(1, f"line {i}\n".encode()) for i in range(LINES - lines, LINES)])
    received = LOG[: len(LOG) - missing]
    assert missing_end(received[-kept:], end) == LOG[len(received) :]


@pytest.mark.parametrize("lines", [1, 3, 200])
def test_a_log_received_to_its_end_misses_nothing(lines):
    end = multiplexed([(1, f"line {i}\n".encode()) for i in range(LINES - lines, LINES)])
    assert missing_end(LOG, end) == b""


def test_a_log_that_repeats_itself_is_not_guessed_at():
    for count in (3, 200, 2000):
        same = multiplexed([(1, b"again\n")] * count)
        assert missing_end(same, same) is None
    assert missing_end(b"", same) is None
    assert missing_end(same[:14], same[:14]) == b""
