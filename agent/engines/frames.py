"""The engine's multiplexed output, read piece by piece. Pure.

Both output streams travel in one byte stream: an 8-byte header (stream number, three zero bytes, big-endian
length) before each payload (Docker Engine API, "Stream format"). The process engine keeps its output in the same form.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.engines import Frame

HEADER_BYTES = 8
SURE_BYTES = 4096  # two pieces of a log that agree so far are the same piece: lines carry times and counters
_STREAMS = (1, 2)


class BrokenFraming(ValueError):
    """The bytes are not multiplexed output."""


class FrameParser:
    """Turns received bytes, cut anywhere, into frames.

    A payload is handed on as far as it has arrived, never collected, so no length in a header can eat the
    memory. Neighbouring pieces of one stream come as one frame: a burst of lines costs one frame, not one each.
    """

    def __init__(self) -> None:
        self._header = b""  # the beginning of a header whose rest has not arrived
        self._stream = 0
        self._missing = 0  # bytes of the current payload still to come

    @property
    def at_boundary(self) -> bool:
        """Nothing is half-read. An end of the connection elsewhere means it was cut."""
        return not self._header and not self._missing

    def feed(self, data: bytes) -> Sequence[Frame]:
        """The frames in these bytes, in their order. Raises BrokenFraming for bytes that are none."""
        frames: list[Frame] = []
        pieces: list[bytes] = []
        of_stream = self._stream
        stream, missing = self._stream, self._missing
        if self._header:
            data = self._header + data
        view, position, end = memoryview(data), 0, len(data)
        while position < end:
            if not missing:
                if end - position < HEADER_BYTES:
                    break
                stream = data[position]
                if stream not in _STREAMS or data[position + 1] or data[position + 2] or data[position + 3]:
                    raise BrokenFraming(f"expected a frame header, got {data[position : position + HEADER_BYTES]!r}")
                missing = int.from_bytes(data[position + 4 : position + HEADER_BYTES], "big")
                position += HEADER_BYTES
                continue
            if stream != of_stream:
                if pieces:
                    frames.append((of_stream, b"".join(pieces)))
                    pieces = []
                of_stream = stream
            take = min(missing, end - position)
            pieces.append(view[position : position + take])  # type: ignore[arg-type]  # join takes buffers
            position += take
            missing -= take
        if pieces:
            frames.append((of_stream, b"".join(pieces)))
        self._header = data[position:]
        self._stream, self._missing = stream, missing
        return frames


def skip(frames: Sequence[Frame], count: int) -> tuple[Sequence[Frame], int]:
    """Drop the first `count` payload bytes: (the frames left, how many bytes are still to be dropped)."""
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
    """What of a log's end was not received. Both are bytes as multiplexed: the last received, and the log's last.

    None when that cannot be told: they overlap by too little to be sure, or in more than one way because the
    log repeats itself.
    """
    found: set[int] = set()  # how much of `end` was received
    ours, theirs = memoryview(received), memoryview(end)
    at = received.find(end[:HEADER_BYTES]) if end and received else -1
    while at >= 0:  # the end begins within what was received
        overlap = len(received) - at
        if ours[at:] == theirs[:overlap]:
            found.add(overlap)
        at = received.find(end[:HEADER_BYTES], at + 1)
    at = end.find(received, 1) if len(received) >= SURE_BYTES else -1
    while at >= 0:  # what was kept begins within the end
        found.add(at + len(received))
        at = end.find(received, at + 1)
    sure = {overlap for overlap in found if overlap >= SURE_BYTES} or found & {len(end)}
    certain = len(sure) == 1 and (len(found) == 1 or min(sure) >= SURE_BYTES)
    return end[sure.pop() :] if certain else None
