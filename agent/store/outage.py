"""Whether the store answers, as the callers of one process see it: told in the log once, not at each attempt."""

from __future__ import annotations

import logging
import threading
import time

from agent.errors import StoreBusy

log = logging.getLogger("agent")


class Outage:
    """One for a store. Whoever asks again reports here that it had to, and that it was answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: float | None = None  # time.monotonic(); None: the store answers
        self._ended = float("-inf")

    def noticed(self, failure: StoreBusy) -> None:
        with self._lock:
            if self._since is not None:
                return
            self._since = time.monotonic()
        log.warning("the store does not answer; everything goes on when it does: %s", failure)

    def ended(self) -> None:
        with self._lock:
            if self._since is None:
                return
            self._ended, lasted_s = time.monotonic(), time.monotonic() - self._since
            self._since = None
        log.info("the store answers again, after %.0f s", lasted_s)

    def was_within(self, seconds: float) -> bool:
        """Whether the store was away at some time in the last so many seconds."""
        return self._since is not None or time.monotonic() - self._ended < seconds
