"""The engine's multiplexed output, read piece by piece. Pure.

Both output streams travel in a single byte stream: an 8-byte header (stream number, three zero bytes, big-endian
length) before each payload (Docker Engine API, "Stream format"). The process engine keeps its output in the same form.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from agent.engines import Frame

HEADER_BYTES = 8
SURE_BYTES = 4096  # pieces of a log that agree in so many bytes are the same piece: lines carry times and counters
_STREAMS = {1 << 24: 1, 2 << 24: 2}  # by a header's first half
_header_at = struct.Struct(">II").unpack_from


class BrokenFraming(ValueError):
    """The bytes are not multiplexed output."""


class FrameParser:
    """Turns received bytes, cut anywhere, into frames.

    A payload is handed on as far as it has arrived, never collected, so no length in a header can exhaust the
    memory. Neighbouring pieces of the same stream are joined: a burst of lines makes a single frame.
    """

    def __init__(self) -> None:
        self._header = b""  # the beginning of a header whose rest has not arrived
        self._stream = 0
        self._missing = 0  # bytes of the current payload still to come

    @property
    def at_boundary(self) -> bool:
        """Whether no frame is incomplete. A connection that ends at any other point was cut."""
        return not self._header and not self._missing

    def feed(self, data: bytes) -> Sequence[Frame]:
        """The frames in these bytes, in order. Raises BrokenFraming for bytes that are no frames."""
        if self._header:
            data = self._header + data
        stream, position, end = self._stream, self._missing, len(data)
        frames: list[Frame] = []
        pieces = [data[:position]]  # of one stream
        while end - position >= HEADER_BYTES:
            head, length = _header_at(data, position)
            if _STREAMS.get(head) != stream:
                if head not in _STREAMS:
                    raise BrokenFraming(f"expected a frame header, got {data[position : position + HEADER_BYTES]!r}")
                _add(frames, stream, pieces)
                stream, pieces = _STREAMS[head], []
            start = position + HEADER_BYTES
            position = start + length
            pieces.append(data[start:position])  # the part that has arrived
        _add(frames, stream, pieces)
        self._header = data[position:]
        self._stream, self._missing = stream, max(0, position - end)
        return frames


def _add(frames: list[Frame], stream: int, pieces: list[bytes]) -> None:
    payload = b"".join(pieces)
    if payload:
        frames.append((stream, payload))


def skip(frames: Sequence[Frame], count: int) -> tuple[Sequence[Frame], int]:
    """Drop the first `count` payload bytes. Gives the frames left, and the number of bytes still to be dropped."""
    if not count:
        return frames, 0
    left: list[Frame] = []
    for stream, payload in frames:
        dropped = min(count, len(payload))
        count -= dropped
        if dropped < len(payload):
            left.append((stream, payload[dropped:]))
    return left, count


def missing_end(received: bytes, end: bytes) -> bytes | None:
    """The part of a log's end that was not received. Both arguments are multiplexed: the last bytes received, and
    the last bytes of the log.

    None when the part cannot be determined: the arguments overlap by too little to be sure, or in several ways
    because the log repeats itself.
    """
    found: set[int] = set()  # how much of `end` was received
    ours, theirs = memoryview(received), memoryview(end)
    at = received.find(end[:HEADER_BYTES]) if end and received else -1
    while at >= 0:  # the end begins within the received bytes
        overlap = len(received) - at
        if ours[at:] == theirs[:overlap]:
            found.add(overlap)
        at = received.find(end[:HEADER_BYTES], at + 1)
    at = end.find(received, 1) if len(received) >= SURE_BYTES else -1
    while at >= 0:  # the received bytes begin within the end
        found.add(at + len(received))
        at = end.find(received, at + 1)
    sure = {overlap for overlap in found if overlap >= SURE_BYTES} or found & {len(end)}
    certain = len(sure) == 1 and (len(found) == 1 or min(sure) >= SURE_BYTES)
    return end[sure.pop() :] if certain else None
