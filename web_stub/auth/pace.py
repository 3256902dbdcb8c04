"""One request after the other: in each step of the event loop one is let in, and some more where many wait.

Many requests may come at once, and routing each takes milliseconds. Worked on in one step, they would hold up whoever
needs many steps for an answer, as a question to a deployed model does: seconds in place of milliseconds.
"""

from __future__ import annotations

import asyncio
from collections import deque

_STEPS = 32  # within about so many steps those are let in who wait now: a queue that grows does not grow for ever


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
        places = 1 + len(self._waiting) // _STEPS
        self._has_let_in = bool(self._waiting)
        while self._waiting and places:
            first = self._waiting.popleft()
            if not first.done():  # it was cancelled
                first.set_result(None)
                places -= 1
        if self._has_let_in:
            loop.call_soon(self._next, loop)
