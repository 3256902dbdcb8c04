"""Blocks of log lines: columns of a task's events ↔ bytes. Pure.

A row per line would cost the log loop most of its time, and 80 bytes beside each line. A block holds up to a thousand
lines, column by column, as MessagePack, compressed with Zstandard: lines of one task are alike, so that of two hundred
bytes twenty are left. Blocks below `SEALED_LINES` are kept as they are until their writer joins them.

A block of the first format is the array of `_Packed`, its version first; a Zstandard frame of it begins with that
library's own four bytes, which no such array does.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import sub
from typing import Any, NamedTuple

import msgspec
import zstandard

from agent.store.failures import damaged

MOST_LINES = 1024  # in a block: reading one line reads its block, about half a millisecond
MOST_BYTES = 256 << 10  # characters of lines in a block that has more than one
SEALED_LINES = 512  # a block of so many is compressed; more of them save nothing
SEALED_BYTES = MOST_BYTES // 2
EVERY_LINE_TYPES = frozenset({"METRICS", "PROGRESS"})  # an ordinary training prints little else
_MOST_TYPES = 500  # characters of the names of types beside a block, which an index holds
ANY_TYPE = "*"  # instead of these names: look into the block

LINES = "Lines of a log"  # as a failure calls them

_VERSION = 1
_FRAME = b"\x28\xb5\x2f\xfd"
_LARGEST = 64 << 20  # bytes of a block that is compressed: more is damage
_LEVEL = 1  # of compression: 3 takes half as long again, for nothing; 6 six times as long, for a twentieth


class KeptLine(NamedTuple):
    """An event as it is kept. `message` and `fields` (JSON) belong to the agent's notes alone."""

    seq: int
    time_us: int
    stream: int
    level: int
    event_type: str | None
    raw: str
    message: str | None = None
    fields: str | None = None


_NO_NOTE = (None, None)


@dataclass(slots=True)
class LineColumns:
    """Events being gathered, in ascending order: columns of the same length."""

    seqs: list[int] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    types: list[str | None] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    notes: dict[int, tuple[str, str | None]] = field(default_factory=dict)  # seq → message, fields

    def __len__(self) -> int:
        return len(self.seqs)

    def add(self, line: KeptLine) -> None:
        self.seqs.append(line.seq)
        self.times_us.append(line.time_us)
        self.streams.append(line.stream)
        self.levels.append(line.level)
        self.types.append(line.event_type)
        self.raws.append(line.raw)
        if line.message is not None:
            self.notes[line.seq] = line.message, line.fields

    def extend(self, later: LineColumns) -> None:
        self.seqs += later.seqs
        self.times_us += later.times_us
        self.streams += later.streams
        self.levels += later.levels
        self.types += later.types
        self.raws += later.raws
        self.notes |= later.notes

    def part(self, start: int, stop: int) -> LineColumns:
        if start == 0 and stop >= len(self.seqs):
            return self
        some = slice(start, stop)
        seqs = self.seqs[some]
        return LineColumns(
            seqs,
            self.times_us[some],
            self.streams[some],
            self.levels[some],
            self.types[some],
            self.raws[some],
            {seq: note for seq, note in self.notes.items() if seqs[0] <= seq <= seqs[-1]} if self.notes else {},
        )

    def __iter__(self) -> Iterator[KeptLine]:
        return self.lines()

    def lines(self, *, backwards: bool = False) -> Iterator[KeptLine]:
        columns: list[Sequence[Any]] = [self.seqs, self.times_us, self.streams, self.levels, self.types, self.raws]
        rows = zip(*([column[::-1] for column in columns] if backwards else columns), strict=True)
        notes = self.notes
        for row in rows:
            yield KeptLine(*row, *notes.get(row[0], _NO_NOTE)) if notes else KeptLine(*row)


class BlockHead(NamedTuple):
    """What is known of a block without looking into it."""

    first_seq: int
    last_seq: int
    lines: int
    plain: int  # of them neither metrics nor progress
    max_level: int
    types: str  # the names of its types between newlines, METRICS and PROGRESS too; or ANY_TYPE


class _Packed(msgspec.Struct, array_like=True):
    version: int
    first_seq: int
    steps: list[int] | None  # from each number to the next; None: all are 1
    first_us: int
    steps_us: list[int]
    streams: bytes
    levels: bytes
    type_names: list[str]
    types: list[int]  # 0: none, else the place in `type_names`, counted from 1
    notes: dict[int, tuple[str, str | None]]
    raws: list[str]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Packed)
_OF_THREAD = threading.local()  # a context of the library is not safe for two threads


def cut(columns: LineColumns) -> list[LineColumns]:
    """The events in pieces, each of which may become a block: bounded in lines and in bytes."""
    count = len(columns)
    if count <= MOST_LINES and sum(map(len, columns.raws)) <= MOST_BYTES:
        return [columns] if count else []
    cuts = [0]
    ends = list(accumulate(map(len, columns.raws)))  # characters up to the end of each line
    while cuts[-1] < count:
        start = cuts[-1]
        before = ends[start - 1] if start else 0
        fits = bisect_right(ends, before + MOST_BYTES, start)
        cuts.append(min(max(fits, start + 1), start + MOST_LINES, count))
    return [columns.part(start, stop) for start, stop in pairwise(cuts)]


def head(columns: LineColumns) -> BlockHead:
    """Of at least one event."""
    types = set(columns.types)
    plain = len(columns) - sum(columns.types.count(name) for name in types & EVERY_LINE_TYPES)
    names = sorted(name for name in types if name is not None)
    written = "".join(f"\n{name}" for name in names) + "\n" if names else ""
    if len(written) > _MOST_TYPES:
        written = ANY_TYPE
    return BlockHead(columns.seqs[0], columns.seqs[-1], len(columns), plain, int(max(columns.levels)), written)


def is_ascending(columns: LineColumns, after: int) -> bool:
    """Whether the numbers ascend, from beyond `after`."""
    seqs = columns.seqs
    if not seqs or seqs == list(range(seqs[0], seqs[0] + len(seqs))):
        return not seqs or seqs[0] > after
    return all(one < other for one, other in pairwise([after, *seqs]))


def is_whole(columns: LineColumns, *, lines: int = 0, size: int = 0) -> bool:
    """Whether a block of these events, and of so many other lines and bytes, stays as it is."""
    return len(columns) + lines >= SEALED_LINES or sum(map(len, columns.raws)) + size >= SEALED_BYTES


def pack(columns: LineColumns, *, compress: bool = True) -> bytes:
    """Of at least one event; numbers ascend (`is_ascending`)."""
    seqs, times_us = columns.seqs, columns.times_us
    is_dense = seqs[-1] - seqs[0] == len(seqs) - 1
    names = list(dict.fromkeys(columns.types))
    if None in names:
        names.remove(None)
    places: dict[str | None, int] = {name: place for place, name in enumerate(names, 1)}
    places[None] = 0
    data = _ENCODER.encode(
        (
            _VERSION,
            seqs[0],
            None if is_dense else _steps(seqs),
            times_us[0],
            _steps(times_us),
            bytes(columns.streams),
            bytes(columns.levels),
            names,
            list(map(places.__getitem__, columns.types)),
            columns.notes,
            columns.raws,
        )
    )
    return _compressor().compress(data) if compress and len(data) <= _LARGEST else data


def unpack(data: bytes) -> LineColumns:
    """StorageFailed for bytes that no block of ours can have."""
    return columns_of(plain_bytes(data))


def plain_bytes(data: bytes) -> bytes:
    """The block's bytes before their compression. A line's UTF-8 stands in them as one piece."""
    if data[:4] != _FRAME:
        return data
    try:
        if not 0 <= zstandard.frame_content_size(data) <= _LARGEST:
            raise damaged(LINES)
        return _decompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise damaged(LINES) from error


def columns_of(plain: bytes) -> LineColumns:
    """The events of a block's plain bytes."""
    try:
        packed = _DECODER.decode(plain)
        count = len(packed.raws)
        seqs = accumulate(packed.steps, initial=packed.first_seq) if packed.steps is not None else None
        names: Sequence[str | None] = (None, *packed.type_names)
        columns = LineColumns(
            list(range(packed.first_seq, packed.first_seq + count)) if seqs is None else list(seqs),
            list(accumulate(packed.steps_us, initial=packed.first_us)),
            list(packed.streams),
            list(packed.levels),
            [names[place] for place in packed.types],
            packed.raws,
            packed.notes,
        )
    except (msgspec.MsgspecError, IndexError) as error:
        raise damaged(LINES) from error
    lengths = {len(column) for column in (columns.seqs, columns.times_us, columns.streams, columns.levels)}
    if packed.version != _VERSION or lengths | {len(columns.types)} != {count}:
        raise damaged(LINES)
    return columns


def _steps(numbers: Sequence[int]) -> list[int]:
    return list(map(sub, numbers[1:], numbers))


def _compressor() -> zstandard.ZstdCompressor:
    try:
        made: zstandard.ZstdCompressor = _OF_THREAD.compressor
    except AttributeError:
        made = _OF_THREAD.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    return made


def _decompressor() -> zstandard.ZstdDecompressor:
    try:
        made: zstandard.ZstdDecompressor = _OF_THREAD.decompressor
    except AttributeError:
        made = _OF_THREAD.decompressor = zstandard.ZstdDecompressor()
    return made
