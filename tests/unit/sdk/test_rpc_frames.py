"""Streams of messages, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisely_lib.worker_api.frames import BrokenStream, frame, messages_of


def test_a_frame_has_its_length_before_it() -> None:
    assert frame(b"abc") == b"\x00\x00\x00\x03abc"


@given(contents=st.lists(st.binary(max_size=40), max_size=6), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_messages_come_as_they_were_however_their_stream_is_cut(contents: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(content) for content in contents)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[begin:end] for begin, end in zip(places, places[1:])]

    assert list(messages_of(pieces)) == [content for content in contents if content]  # empty ones keep it alive


def test_a_message_is_given_before_the_next_piece_is_asked_for() -> None:
    def pieces():
        yield frame(b"first") + b"\x00"
        raise AssertionError

    assert next(messages_of(pieces())) == b"first"


@pytest.mark.parametrize("rest", [b"\x00", b"\x00\x00\x00\x05", b"\x00\x00\x00\x05abcd"])
def test_a_stream_that_ends_inside_a_frame_is_an_error_after_its_messages(rest: bytes) -> None:
    found = messages_of([frame(b"a"), rest])

    assert next(found) == b"a"
    with pytest.raises(BrokenStream, match=f"inside a frame, after {len(rest)} bytes"):
        next(found)


def test_a_frame_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(BrokenStream, match="a frame of 11 bytes; 10 are allowed"):
        list(messages_of([b"\x00\x00\x00\x0b"], max_length=10))
