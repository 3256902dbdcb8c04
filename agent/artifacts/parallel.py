"""Many transfers at once: bounded threads, a way out at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

THREADS = 16  # transfers at once; beyond that a link or a server is busy anyway
_LOOK_S = 0.2  # between two looks whether to go on

Item = TypeVar("Item")


def in_parallel(
    work: Callable[[Item], object], items: Iterable[Item], keep_going: Callable[[], None] = lambda: None
) -> None:
    """Do the work for every item; the first error is raised and ends the rest.

    `keep_going` is called now and then in the caller's thread. What it raises is raised at once: transfers that are
    under way end by themselves, and nobody waits for them.
    """
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="transfer")
    try:
        waiting = {pool.submit(work, item) for item in items}
        while waiting:
            keep_going()
            done, waiting = wait(waiting, _LOOK_S, FIRST_EXCEPTION)
            for one in done:
                one.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
