"""How far a log has been read over one connection. Pure.

The log of a container is read from its first byte after every break; the bytes that were handed out are skipped then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from agent.engines import Frame
from agent.engines.frames import FrameParser, skip

LAST_BYTES = 1 << 20  # of the bytes received, kept for this comparison


class LogReading:
    """A connection's progress through the log: frames, their position, and the last bytes received."""

    def __init__(self, position: int) -> None:
        self.position = position  # payload bytes handed out, over all connections
        self.start_again()

    def start_again(self) -> None:
        """Expect the log's first byte next."""
        self.to_skip = self.position
        self._parser = FrameParser()
        self._last: deque[bytes] = deque()
        self._last_size = 0

    def of(self, source: Iterator[bytes]) -> Iterator[Sequence[Frame]]:
        for data in source:
            if not data:  # a second of silence
                yield ()
                continue
            self._last.append(data)
            self._last_size += len(data)
            while self._last_size - len(self._last[0]) >= LAST_BYTES:
                self._last_size -= len(self._last.popleft())
            frames, self.to_skip = skip(self._parser.feed(data), self.to_skip)
            if frames:
                self.position += sum(len(payload) for _, payload in frames)
                yield frames

    def last_bytes(self) -> bytes:
        return b"".join(self._last)
