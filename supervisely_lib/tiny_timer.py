"""A stopwatch."""

from __future__ import annotations

import time


class TinyTimer:
    """It starts when it is created; `get_sec()` gives the seconds since then."""

    def __init__(self) -> None:
        self.t = time.time()

    def get_sec(self) -> float:
        return time.time() - self.t
