"""Bytes of a container's output → lines. Pure; no bytes make it raise, no output makes it grow without limit.

The pieces of an engine's output end anywhere: Docker cuts a long line into 16 KiB, a tty gives single bytes, and a
character of several bytes may be cut in two. So the bytes of each stream are joined first, and decoded once, when their
line is complete. Only a newline ends a line (contract: events.md 6); `parse.py` reads carriage returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from agent.events.model import Stream

LINE_LIMIT = 1 << 20  # bytes kept of one line, so that a print without end cannot fill the memory

Frame = tuple[int, bytes]  # stream and a piece of its output, as engines give them
_STREAMS = {1: Stream.STDOUT, 2: Stream.STDERR}
_stream_of = itemgetter(0)


class Line(NamedTuple):
    """One line without its newline. Bytes that are not UTF-8 became U+FFFD.

    Of a line above the limit, a mark in its text stands in the place of the bytes that were dropped.
    """

    stream: Stream
    text: str


@dataclass(slots=True)
class Lines:
    """Lines in their order, as columns of the same length: a hundred thousand a second need no object each."""

    texts: list[str] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Line]:
        return map(Line, self.streams, self.texts)

    def add(self, stream: Stream, texts: Sequence[str]) -> None:
        self.texts += texts
        self.streams += [stream] * len(texts)

    def part(self, start: int, stop: int) -> Lines:
        return Lines(self.texts[start:stop], self.streams[start:stop])


def cut_mark(dropped_bytes: int) -> str:
    """The mark at the end of a line that was too long."""
    return f"… [line too long: {dropped_bytes} bytes dropped]"


def redrawn_mark(dropped_bytes: int) -> str:
    """The mark before the last segment of a line that was too long and redrawn by carriage returns."""
    return f"[line too long: {dropped_bytes} redrawn bytes dropped] …\r"


class LineJoiner:
    """Joins the pieces of both streams into lines, in the order in which the lines were completed."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._open: dict[Stream, _OpenLine] = {}

    def feed(self, frames: Sequence[Frame]) -> Lines:
        """The lines these pieces complete."""
        lines = Lines()
        for number, run in groupby(frames, _stream_of):
            stream = _STREAMS.get(number, Stream.STDOUT)
            data = b"".join([piece for _, piece in run])
            whole, newline, rest = data.rpartition(b"\n")
            if newline:
                if stream in self._open:
                    first, newline, whole = whole.partition(b"\n")
                    lines.add(stream, [self._close(stream, first)])
                if newline:
                    lines.add(stream, self._whole_lines(whole))
            if rest:
                self._open.setdefault(stream, _OpenLine(self._limit)).add(rest)
        return lines

    def finish(self) -> Lines:
        """The lines that were printed last, without a newline: often they tell the reason of a crash."""
        lines = Lines()
        for stream in list(self._open):
            lines.add(stream, [self._close(stream)])
        return lines

    def _close(self, stream: Stream, last: bytes = b"") -> str:
        line = self._open.pop(stream)
        line.add(last)
        return line.close()

    def _whole_lines(self, data: bytes) -> list[str]:
        if len(data) <= self._limit:  # nearly always: one decoding for all of them
            return data.decode("utf-8", "replace").split("\n")
        return [self._whole_line(piece) for piece in data.split(b"\n")]

    def _whole_line(self, data: bytes) -> str:
        line = _OpenLine(self._limit)
        line.add(data)
        return line.close()


class _OpenLine:
    """A line that is not complete. Holds at most `limit` bytes of it.

    A line within the limit is kept whole. Of a longer line, the segments that a carriage return has redrawn are dropped
    first, because a progress bar that runs for days may stand before a JSON object on the same line. A segment that is
    still too long is cut at its end. The result depends on the bytes alone, not on the pieces in which they arrived.
    """

    __slots__ = ("_cut", "_kept", "_limit", "_long", "_overwritten", "_returns")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._long = False
        self._cut = 0
        self._overwritten = 0
        self._returns = 0  # carriage returns at the end so far: they redraw only if something follows

    def add(self, piece: bytes) -> None:
        if not self._long:
            if len(self._kept) + len(piece) <= self._limit:
                self._kept += piece
                return
            self._long = True
            start, self._kept = bytes(self._kept), bytearray()
            self._add_long(start)
        self._add_long(piece)

    def _add_long(self, piece: bytes) -> None:
        drawn = piece.rstrip(b"\r")
        if drawn:
            redrawn_from = drawn.rfind(b"\r") + 1
            if self._returns or redrawn_from:
                self._overwritten += len(self._kept) + self._cut + self._returns + redrawn_from
                self._kept.clear()
                self._cut = self._returns = 0
                drawn = drawn[redrawn_from:]
            room = self._limit - len(self._kept)
            self._kept += drawn[:room]
            self._cut += max(0, len(drawn) - room)
            self._returns = len(piece) - len(piece.rstrip(b"\r"))
        else:
            self._returns += len(piece)

    def close(self) -> str:
        text = self._kept.decode("utf-8", "replace")
        if self._overwritten:
            text = redrawn_mark(self._overwritten) + text
        if self._cut:
            text += cut_mark(self._cut)
        return text
