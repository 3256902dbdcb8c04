"""A stopwatch."""

from __future__ import annotations

import time


class TinyTimer:
    """Started when made; `get_sec()` gives the seconds since."""

    def __init__(self) -> None:
        self.t = time.time()

    def get_sec(self) -> float:
        return time.time() - self.t
