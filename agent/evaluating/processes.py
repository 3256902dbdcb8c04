"""The processes that count and judge: one for each processor, started when there is work, ended with their parent."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from agent.evaluating.control import CountingFailed
from agent.evaluating.inside import Counted, JudgedCounts, Row, begin, count, judge

T = TypeVar("T")

_AHEAD = 2  # parts for each process that are read and not yet counted: no process waits for the next
_AHEAD_BYTES = 256 << 20  # of annotations that wait or are counted; a larger part has all processes for itself
_LOOK_S = 0.5  # how often to ask whether to stop


class Processes:
    """The processes of one evaluation, at most `most`. All of it raises CountingFailed when one of them is killed."""

    def __init__(self, plan: bytes, most: int) -> None:
        self._most = min(len(os.sched_getaffinity(0)), max(1, most))
        context = multiprocessing.get_context("spawn")  # this process has threads
        self._leaving = context.Event()
        self._pool = ProcessPoolExecutor(self._most, context, initializer=begin, initargs=(plan, self._leaving))

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        """What is still being done ends between two of its steps."""
        self._leaving.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def count(self, parts: Iterator[tuple[int, Sequence[Row]]], *, stop: Callable[[], bool]) -> Generator[Counted]:
        """The counts of the parts, each as soon as it is counted; the parts are read no faster than they are counted.

        It ends early when `stop` says so.
        """
        waiting: dict[Future[Counted], int] = {}  # with the size of its annotations
        rest = iter(parts)
        with _failures():
            while not stop():
                while _may_read_on(waiting.values(), self._most) and (part := next(rest, None)) is not None:
                    size = sum(len(row.truth) + len(row.predicted) for row in part[1])
                    waiting[self._pool.submit(count, *part)] = size
                if not waiting:
                    return
                done, _ = wait(waiting, _LOOK_S, FIRST_COMPLETED)
                for one in done:
                    del waiting[one]
                yield from [one.result() for one in done]

    def judge(self, counts: Sequence[bytes], *, stop: Callable[[], bool]) -> JudgedCounts | None:
        """The figures of all counts together. None when `stop` said so; BadInput for what takes too much."""
        with _failures():
            judging = self._pool.submit(judge, counts)
            while not stop():
                if wait([judging], _LOOK_S).done:
                    return judging.result()
        return None


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as broken:
        raise CountingFailed(
            "A process that counts was killed, perhaps for the memory it took. Evaluate again: what was counted stays."
        ) from broken


def _may_read_on(sizes: Collection[int], processes: int) -> bool:
    return not sizes or (len(sizes) < processes * _AHEAD and sum(sizes) < _AHEAD_BYTES)
