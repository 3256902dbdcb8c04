from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.events.lines import LINE_LIMIT, Frame, Line, LineJoiner, cut_mark, redrawn_mark
from agent.events.model import Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR


def join(*frames: Frame, limit: int = LINE_LIMIT, per_feed: int = 1) -> list[Line]:
    joiner = LineJoiner(limit)
    lines: list[Line] = []
    for start in range(0, len(frames), per_feed):
        lines += joiner.feed(frames[start : start + per_feed])
    return [*lines, *joiner.finish()]


def texts(*frames: Frame, limit: int = LINE_LIMIT) -> list[str]:
    return [line.text for line in join(*frames, limit=limit)]


def test_a_frame_that_is_one_line_is_that_line():
    assert join((1, b"one\n"), (2, b"two\n")) == [Line(OUT, "one"), Line(ERR, "two")]


def test_a_line_cut_into_16_kib_fragments_is_joined():
    line = b"x" * 40_000
    fragments = [line[start : start + 16384] for start in range(0, len(line), 16384)]

    assert texts(*((1, piece) for piece in fragments), (1, b"\n")) == [line.decode()]


def test_single_bytes_of_a_tty_are_joined():
    assert texts(*((1, bytes([byte])) for byte in "naïve\nnext\n".encode())) == ["naïve", "next"]


def test_a_character_cut_between_chunks_is_decoded_whole():
    strawberry = "🍓\n".encode()

    assert texts((1, strawberry[:2]), (1, strawberry[2:])) == ["🍓"]


def test_last_line_without_newline_is_kept():
    assert texts((2, b"Traceback\nValueError: boom")) == ["Traceback", "ValueError: boom"]


def test_last_lines_of_both_streams_are_kept():
    assert join((2, b"err"), (1, b"out")) == [Line(ERR, "err"), Line(OUT, "out")]


def test_halves_of_lines_of_two_streams_are_not_mixed():
    frames = [(1, b"out-"), (2, b"err-"), (1, b"put\n"), (2, b"or\n")]

    assert join(*frames) == [Line(OUT, "out-put"), Line(ERR, "err-or")]
    assert join(*frames, per_feed=4) == [Line(OUT, "out-put"), Line(ERR, "err-or")]


def test_bytes_that_are_not_utf8_are_replaced_visibly():
    assert texts((1, b"caf\xe9\n\xff\xfe\n")) == ["caf\ufffd", "\ufffd\ufffd"]


def test_a_bad_byte_at_the_end_of_a_line_leaves_the_newline_alone():
    assert texts((1, b"cut \xf0\x9f\nnext\n")) == ["cut \ufffd", "next"]


def test_blank_lines_count():
    assert texts((1, b"\n\na\n\n")) == ["", "", "a", ""]


def test_carriage_returns_end_no_line():
    assert texts((2, b"\r 1%\r 2%\nwindows\r\n")) == ["\r 1%\r 2%", "windows\r"]


def test_other_line_separators_of_unicode_end_no_line():
    assert texts((1, "a\x0bb\x0cc\x1cd\x85e\u2028f\n".encode())) == ["a\x0bb\x0cc\x1cd\x85e\u2028f"]


def test_a_stream_number_nobody_knows_is_output():
    assert join((0, b"stdin?\n")) == [Line(OUT, "stdin?")]


def test_a_line_above_the_limit_is_cut_and_says_how_much_is_missing():
    assert texts((1, b"x" * 25 + b"\nnext\n"), limit=10) == ["x" * 10 + cut_mark(15), "next"]


def test_a_line_at_the_limit_is_whole():
    assert texts((1, b"x" * 10 + b"\n"), limit=10) == ["x" * 10]


def test_an_endless_line_does_not_eat_the_memory():
    joiner = LineJoiner(limit=1000)
    for _ in range(10_000):
        assert not joiner.feed([(1, b"y" * 1000)])

    (line,) = joiner.finish()
    assert line.text == "y" * 1000 + cut_mark(10_000_000 - 1000)


def test_a_progress_bar_above_the_limit_keeps_its_last_drawing_and_the_line_behind_it():
    bars = b"".join(b"\r%3d%%" % percent for percent in range(100))

    (text,) = texts((2, bars), (2, b'{"message": "m"}\n'), limit=50)

    assert text == redrawn_mark(len(bars) - 4) + ' 99%{"message": "m"}'


def test_a_carriage_return_at_the_end_of_a_long_line_redraws_nothing():
    assert texts((1, b"x" * 12 + b"\r\n"), limit=10) == ["x" * 10 + cut_mark(2)]
    assert texts((1, b"x" * 12 + b"\r"), (1, b"\n"), limit=10) == ["x" * 10 + cut_mark(2)]


bytes_of_output = st.lists(
    st.sampled_from([b"a", b"\n", b"\r", b"\xf0\x9f", b"\x8d\x93", b"\xff", b"longer than the limit", b"\0", b"{"]),
    max_size=40,
).map(b"".join)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[list[Frame], list[Frame]]:
    """The same output of two streams, in pieces as long as a stream writes alone, and cut anywhere."""
    whole = draw(st.lists(st.tuples(st.sampled_from([1, 2]), bytes_of_output), max_size=6))
    pieces: list[Frame] = []
    for stream, data in whole:
        cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
        pieces += [(stream, data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return whole, pieces


@given(chunked(), st.integers(1, 30), st.integers(1, 5))
def test_any_chunking_gives_the_same_lines(frames: tuple[list[Frame], list[Frame]], limit: int, per_feed: int):
    whole, pieces = frames

    assert join(*pieces, limit=limit, per_feed=per_feed) == join(*whole, limit=limit, per_feed=len(whole) or 1)


@given(st.lists(bytes_of_output, max_size=6))
def test_nothing_of_one_stream_is_lost_or_moved(pieces: list[bytes]):
    data = b"".join(pieces)
    expected = data.decode(errors="replace").split("\n")
    if not expected[-1]:
        expected.pop()

    assert texts(*((1, piece) for piece in pieces)) == expected
