from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.errors import StorageFailed
from agent.events.model import Level
from agent.store.line_blocks import (
    ANY_TYPE,
    MOST_BYTES,
    MOST_LINES,
    KeptLine,
    LineColumns,
    cut,
    head,
    is_ascending,
    pack,
    unpack,
)
from agent.store.line_filter import LineFilter, Lines
from tests.support.fuzzing import fuzz

FRAME = b"\x28\xb5\x2f\xfd"  # as Zstandard begins
US = 1_700_000_000_000_000
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
TYPES = st.none() | st.sampled_from(["METRICS", "PROGRESS", "CHECKPOINT", "a\nb", "*"])
WORDS = st.sampled_from(["", "loss", "LOSS", "Straße", "STRASSE", "é", '"', "\\", "\n", "漢", "İ", "\\u00e9", "%", "k"])


@st.composite
def kept_lines(draw: st.DrawFn) -> list[KeptLine]:
    lines, seq = [], 0
    for _ in range(draw(st.integers(1, 6))):
        seq += draw(st.sampled_from([1, 1, 2, 1 << 40]))
        note: tuple[Any, ...] = draw(st.just((None, None)) | st.tuples(TEXTS, st.none() | TEXTS))
        raw = draw(TEXTS) + draw(WORDS) + draw(TEXTS)
        time_us = US + draw(st.sampled_from([0, 1, 97, -5, 1 << 50, -(1 << 50)]))
        level = draw(st.sampled_from([*map(int, Level)]))
        lines.append(KeptLine(seq, time_us, draw(st.integers(0, 2)), level, draw(TYPES), raw, *note))
    return lines


def columns_of(lines: list[KeptLine]) -> LineColumns:
    columns = LineColumns()
    for line in lines:
        columns.add(line)
    return columns


@fuzz(40)
@given(kept_lines(), st.booleans())
def test_lines_come_back_from_a_block(lines: list[KeptLine], compress: bool) -> None:
    columns = columns_of(lines)
    back = unpack(pack(columns, compress=compress))

    assert list(back) == lines
    assert list(back.lines(backwards=True)) == lines[::-1]
    assert is_ascending(columns, lines[0].seq - 1)
    assert not is_ascending(columns, lines[0].seq)
    assert is_ascending(columns_of(lines[::-1]), 0) is (len(lines) == 1)


@fuzz(60)
@given(
    kept_lines(),
    st.builds(
        Lines,
        after_seq=st.integers(0, 40),
        before_seq=st.none() | st.integers(0, 1 << 41),
        min_level=st.none() | st.sampled_from(Level),
        event_type=TYPES,
        text=st.none() | WORDS | TEXTS,
        without_metrics=st.booleans(),
    ),
)
@example([KeptLine(1, US, 1, 20, None, "a"), KeptLine(2, US, 0, 20, None, "x", "STRASSE", None)], Lines(text="straße"))
def test_a_filter_finds_what_a_look_at_each_line_finds(lines: list[KeptLine], wanted: Lines) -> None:
    """The bytes of a block rule no line out that fits."""

    def holds(text: str | None) -> bool:
        assert wanted.text is not None
        spelled = [wanted.text, json_spelling(wanted.text)]
        return text is not None and any(
            one.casefold() in text.casefold() if not one.isascii() else one.lower() in ascii_lower(text)
            for one in spelled
        )

    def fits(line: KeptLine) -> bool:
        return (
            line.seq > wanted.after_seq
            and (wanted.before_seq is None or line.seq < wanted.before_seq)
            and (wanted.min_level is None or line.level >= wanted.min_level)
            and (wanted.event_type is None or line.event_type == wanted.event_type)
            and not (wanted.without_metrics and line.event_type in ("METRICS", "PROGRESS"))
            and (not wanted.text or holds(line.raw) or holds(line.message))
        )

    expected = [line for line in lines if fits(line)]
    data = pack(columns_of(lines))
    found = list(LineFilter(wanted).wanted(data))
    assert [line for line in expected if line not in found] == []
    if wanted.text is None or wanted.text.isascii():  # other texts are looked for in further spellings, too
        assert found == expected
    assert list(LineFilter(wanted).wanted(data, newest_first=True)) == found[::-1]


def ascii_lower(text: str) -> str:
    return text.encode().lower().decode()


def test_what_a_text_finds_does_not_depend_on_other_lines_of_the_block() -> None:
    kelvin, dotted = KeptLine(1, US, 1, 20, None, "300 \u212a"), KeptLine(2, US, 1, 20, None, "\u0130")
    for text in ("k", "i"):
        alone = LineFilter(Lines(text=text)).wanted(pack(columns_of([kelvin, dotted])))
        beside = LineFilter(Lines(text=text)).wanted(
            pack(columns_of([kelvin, dotted, KeptLine(3, US, 1, 20, None, text)]))
        )
        assert ([line.seq for line in alone], [line.seq for line in beside]) == ([], [3])


def json_spelling(text: str) -> str:
    import orjson

    return orjson.dumps(text).decode()[1:-1]


@pytest.mark.parametrize("size", [0, 1, 300, MOST_BYTES, MOST_BYTES + 1, 4 * MOST_BYTES])
def test_a_block_is_bounded_in_lines_and_bytes(size: int) -> None:
    count = 3000 if size < 1000 else 3
    lines = [KeptLine(seq, US, 1, 20, None, "x" * size) for seq in range(1, count + 1)]

    pieces = cut(columns_of(lines))

    assert [line for piece in pieces for line in piece] == lines
    for piece in pieces:
        assert 1 <= len(piece) <= MOST_LINES
        assert len(piece) == 1 or sum(map(len, piece.raws)) <= MOST_BYTES
    assert len(pieces) == (count if size > MOST_BYTES // 2 else 4 if size == 300 else 3)


def test_what_stands_beside_a_block_says_what_is_in_it() -> None:
    lines = [
        KeptLine(3, US, 1, 20, "METRICS", ""),
        KeptLine(5, US, 1, 40, "PROGRESS", ""),
        KeptLine(6, US, 1, 20, None, ""),
        KeptLine(9, US, 1, 20, "ODD", ""),
    ]
    assert head(columns_of(lines)) == (3, 9, 4, 2, 40, "\nMETRICS\nODD\nPROGRESS\n")
    assert head(columns_of([line._replace(event_type=None) for line in lines])).types == ""
    many = [KeptLine(seq, US, 1, 20, f"TYPE{seq:03}", "") for seq in range(100)]
    assert head(columns_of(many)).types == ANY_TYPE


def test_the_first_format_is_read_for_ever() -> None:
    plain = bytes.fromhex(
        "9b0101920201cf00060a24181e4000920504c403010200c4031e141492a74d455452494353a85441534b5f454e44"
        "93000102810492a85441534b5f454e44a77b2261223a317d93a568656c6c6fa178a27b7d"
    )
    frame = bytes.fromhex("28b52ffd2052910200") + plain
    lines = [
        KeptLine(1, US, 1, 30, None, "hello"),
        KeptLine(3, US + 5, 2, 20, "METRICS", "x"),
        KeptLine(4, US + 9, 0, 20, "TASK_END", "{}", "TASK_END", '{"a":1}'),
    ]
    assert list(unpack(plain)) == list(unpack(frame)) == lines


@fuzz(60)
@given(kept_lines(), st.booleans(), st.data())
def test_a_damaged_block_is_said_to_be_one(lines: list[KeptLine], compress: bool, data: st.DataObject) -> None:
    whole = pack(columns_of(lines), compress=compress)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    with suppress(StorageFailed):  # a changed letter cannot be told
        unpack(changed)
    with pytest.raises(StorageFailed, match="the database is damaged"):
        unpack(whole[:at])


@pytest.mark.parametrize("data", [b"", FRAME, FRAME + b"\xa0\xff\xff\xff\xff", b"{}", b"\x9b\x02"])
def test_bytes_of_no_block_are_refused(data: bytes) -> None:
    with pytest.raises(StorageFailed, match="Lines of a log cannot be read"):
        unpack(data)
