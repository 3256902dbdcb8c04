"""How much of an agent's traffic is served at once, so that no agent, faulty or hostile, slows down anybody else.

A call is read when fewer than CALLS of its agent are: what waits takes no memory, for its body stays with the client.
One call of an agent at a time is worked on, and of all agents AT_ONCE: the others wait on the event loop, not in a
thread. Of a method an agent has STREAMS streams; one more breaks the oldest off, which is what an agent wants that has
lost the connection and comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

CALLS = 4
AT_ONCE = 4
STREAMS = 4


@dataclass(slots=True)
class _Agent:
    calls: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS))
    work: asyncio.Lock = field(default_factory=asyncio.Lock)
    streams: dict[str, dict[object, Callable[[], object]]] = field(default_factory=dict)  # method → the oldest first


class Traffic:
    """Of all agents of a web, by the ids of their tokens. One event loop uses it."""

    def __init__(self) -> None:
        self._agents: dict[int, _Agent] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def call(self, token_id: int) -> AsyncIterator[None]:
        """Around reading a call and working on it."""
        async with self._of(token_id).calls:
            yield

    @asynccontextmanager
    async def work(self, token_id: int) -> AsyncIterator[None]:
        """Around what takes a thread, in a call."""
        async with self._of(token_id).work, self._places:
            yield

    @contextmanager
    def stream(self, token_id: int, method: str, cut: Callable[[], object]) -> Iterator[None]:
        """Around a stream, which `cut` breaks off."""
        streams = self._of(token_id).streams.setdefault(method, {})
        key = object()
        streams[key] = cut
        while len(streams) > STREAMS:
            streams.pop(next(iter(streams)))()
        try:
            yield
        finally:
            streams.pop(key, None)

    def _of(self, token_id: int) -> _Agent:
        return self._agents.setdefault(token_id, _Agent())
