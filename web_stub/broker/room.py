"""How many bytes of requests one web holds in its memory. Pure."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from web_stub.broker.errors import TooMany

MOST_BYTES = 1 << 30


class Room:
    """The bytes of all requests together."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.taken = 0

    def part(self) -> Part:
        """What one request takes, for the time of a `with`."""
        return Part(self)


class Part:
    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0

    def take(self, count: int) -> None:
        """Take `count` bytes more. Raises TooMany where the room is full."""
        if self._room.taken + count > self._room.most:
            raise TooMany(
                f"the requests that wait here have {self._room.most >> 20:,} MiB together already; "
                "ask again when some are answered"
            )
        self._room.taken += count
        self._bytes += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.taken -= self._bytes
        self._bytes = 0
