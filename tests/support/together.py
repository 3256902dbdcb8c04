"""Work that begins in several threads at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """What each gives, or raises, when all begin together."""
    together = threading.Barrier(len(work))

    def begin(one: Callable[[], Any]) -> Any:
        together.wait(30)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        asked = [pool.submit(begin, one) for one in work]
    return [one.exception() or one.result() for one in asked]
