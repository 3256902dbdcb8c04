"""Work that is done once, however many requests wait for it, by a few threads of its own.

Work for which nobody waits any more is dropped, unless it has begun: then its result is likely to be kept.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from web_stub.budget import TooBusy

T = TypeVar("T")


@dataclass(slots=True)
class _Piece(Generic[T]):
    future: Future[T]
    waiting: int = 0


class SharedWork(Generic[T]):
    """Any event loop may wait. `close` from any thread."""

    def __init__(self, name: str, *, threads: int, most: int) -> None:
        """`most`: pieces of work that are being done or wait to be."""
        self._name, self._threads = name, threads
        self._executor = self._new_executor()
        self._most = most
        self._pieces: dict[Hashable, _Piece[T]] = {}
        self._lock = threading.RLock()

    async def result(self, key: Hashable, work: Callable[[], T]) -> T:
        """What `work` gives, or what the work of the same key that is under way gives. Raises TooBusy."""
        with self._lock:
            piece = self._pieces.get(key)
            if piece is None:
                if len(self._pieces) >= self._most:
                    raise TooBusy("the server is busy with other work of this kind; try again in a few seconds")
                piece = self._pieces[key] = _Piece(self._executor.submit(work))
                piece.future.add_done_callback(lambda _: self._forget(key))
            piece.waiting += 1
        mine = asyncio.wrap_future(piece.future)
        mine.add_done_callback(lambda done: done.cancelled() or done.exception())  # retrieved, whoever still waits
        try:
            return await asyncio.shield(mine)  # who leaves does not cancel the work of the others
        except asyncio.CancelledError:
            if mine.cancelled():  # by `close`
                raise TooBusy("the server is being stopped") from None
            raise
        finally:
            with self._lock:
                piece.waiting -= 1
                if not piece.waiting:
                    piece.future.cancel()

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            self._pieces.pop(key, None)

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)

    def close(self) -> None:
        """Drop what waits; wait for what has begun. Later work begins anew."""
        with self._lock:
            old, self._executor = self._executor, self._new_executor()
        old.shutdown(cancel_futures=True)
