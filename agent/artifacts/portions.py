"""Many blobs, one after the other, without waiting for each: they are brought to this machine in portions.

While one portion is being used, the next one comes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from agent.artifacts import Artifacts, Blob

AT_ONCE = 500  # blobs of a portion
AT_ONCE_BYTES = 256 << 20  # ... or as many as have this size: a portion is waited for before its first is used
_LOOK_S = 0.2  # between two looks whether to go on

Item = TypeVar("Item")


def brought(
    artifacts: Artifacts,
    items: Iterable[Item],
    blob_of: Callable[[Item], Blob],
    keep_going: Callable[[], None] = lambda: None,
) -> Generator[Item, None, None]:
    """The items, in their order, each with its blob on this machine. Raises as `Artifacts.bring`.

    `keep_going` is called in the caller's thread, and `items` are read in it.
    """
    stop = threading.Event()

    def go_on() -> None:
        if stop.is_set():
            raise _Stopped

    def ready(portion: list[Item], coming: Future[None]) -> list[Item]:
        keep_going()
        while not wait([coming], _LOOK_S).done:
            keep_going()
        coming.result()
        return portion

    with ThreadPoolExecutor(1, thread_name_prefix="portions") as pool:
        waiting: deque[tuple[list[Item], Future[None]]] = deque()
        try:
            for portion in _portions(items, blob_of):
                waiting.append((portion, pool.submit(artifacts.bring, list(map(blob_of, portion)), go_on)))
                if len(waiting) > 1:
                    yield from ready(*waiting.popleft())
            while waiting:
                yield from ready(*waiting.popleft())
        finally:
            stop.set()


class _Stopped(Exception):
    """Nobody wants the portion any more."""


def _portions(items: Iterable[Item], blob_of: Callable[[Item], Blob]) -> Iterator[list[Item]]:
    portion: list[Item] = []
    size_bytes = 0
    for item in items:
        portion.append(item)
        size_bytes += blob_of(item).size_bytes
        if len(portion) == AT_ONCE or size_bytes >= AT_ONCE_BYTES:
            yield portion
            portion, size_bytes = [], 0
    if portion:
        yield portion
