"""One request after the other: in each step of the event loop one is let in.

Many requests may come at once, and routing each takes milliseconds. Worked on in one step, they would hold up whoever
needs many steps for an answer, as a question to a deployed model does: seconds in place of milliseconds.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Pace:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._has_let_in = False  # in this step

    async def turn(self) -> None:
        """Return when it is this request's turn: at once, unless others came in the same step."""
        loop = asyncio.get_running_loop()
        if not self._has_let_in:
            self._has_let_in = True
            loop.call_soon(self._next, loop)
            return
        own: asyncio.Future[None] = loop.create_future()
        self._waiting.append(own)
        await own

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():  # its client may have gone
                first.set_result(None)
                loop.call_soon(self._next, loop)
                return
        self._has_let_in = False
