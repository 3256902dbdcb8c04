"""Work that is done once, however many requests wait for it, by a few threads of its own.

Work for which nobody waits any more is dropped, unless it has begun: then its result is likely to be kept. Where
`ends_unwanted` says so, it ends also then, at its next `still_wanted`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from web_stub.budget import ClientGone, TooBusy, wanted_until

T = TypeVar("T")


@dataclass(slots=True)
class _Piece(Generic[T]):
    future: Future[T]
    waiting: int = 0
    unwanted: threading.Event = field(default_factory=threading.Event)


class SharedWork(Generic[T]):
    """Any event loop may wait. `close` from any thread."""

    def __init__(self, name: str, *, threads: int, most: int, ends_unwanted: bool = False) -> None:
        """`most`: pieces of work that are being done or wait to be."""
        self._ends_unwanted = ends_unwanted
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
                piece = self._pieces[key] = self._begun(work)
                piece.future.add_done_callback(lambda _: self._forget(key, piece))
            piece.waiting += 1
        mine = asyncio.wrap_future(piece.future)
        mine.add_done_callback(lambda done: done.cancelled() or done.exception())  # retrieved, whoever still waits
        try:
            return await asyncio.shield(mine)  # who leaves does not cancel the work of the others
        except ClientGone:  # of another, or of all by `close`: nobody ends work for which this one waits
            raise TooBusy("the server is being stopped") from None
        except asyncio.CancelledError:
            if mine.cancelled():  # by `close`
                raise TooBusy("the server is being stopped") from None
            raise
        finally:
            with self._lock:
                piece.waiting -= 1
                if not piece.waiting and not piece.future.cancel() and self._ends_unwanted:
                    piece.unwanted.set()
                    self._forget(key, piece)  # who comes now begins anew

    def _begun(self, work: Callable[[], T]) -> _Piece[T]:
        unwanted = threading.Event()

        def run() -> T:
            with wanted_until(unwanted):
                return work()

        return _Piece(self._executor.submit(run), unwanted=unwanted)

    def _forget(self, key: Hashable, piece: _Piece[T]) -> None:
        with self._lock:
            if self._pieces.get(key) is piece:
                del self._pieces[key]

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)

    def close(self) -> None:
        """Drop what waits; wait for what has begun, or end it. Later work begins anew."""
        with self._lock:
            for piece in self._pieces.values() if self._ends_unwanted else ():
                piece.unwanted.set()
            old, self._executor = self._executor, self._new_executor()
        old.shutdown(cancel_futures=True)
