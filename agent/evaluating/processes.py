"""The processes that count: one for each processor, started when there is work, and ended with their parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from typing import NamedTuple

from agent.errors import StorageFailed
from agent.formats.stored_annotation import read_annotation, tag_names

_AHEAD = 2  # parts for each process that are read and not yet counted: no process waits for the next
_LOOK_S = 0.5  # how often to ask whether to stop
_NICENESS = 10  # tasks of the same machine come first


class Row(NamedTuple):
    """An image to count: its number, its size, both annotations as they are in the store, and why it cannot be."""

    number: int
    width: int
    height: int
    truth: str
    predicted: str
    problem: str


class Counted(NamedTuple):
    number: int  # of the part
    images: int
    tags: list[list[str]]  # of each image of the ground truth
    data: bytes


class CountingFailed(StorageFailed):
    """A process that counts was killed."""

    reason = "counting_failed"


def count_parts(
    plan: bytes, parts: Iterator[tuple[int, Sequence[Row]]], *, most: int, stop: Callable[[], bool]
) -> Generator[Counted]:
    """The counts of the parts, each as soon as it is counted; the parts are read no faster than they are counted.

    `most`: how many parts there are at most. When `stop` says so it ends early, in the time that an image takes. Raises
    CountingFailed when a process is killed.
    """
    if not most:
        return
    processes = min(len(os.sched_getaffinity(0)), most)
    context = multiprocessing.get_context("spawn")  # this process has threads
    leaving = context.Event()
    pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(plan, leaving))
    waiting: set[Future[Counted]] = set()
    rest = iter(parts)
    try:
        while not stop():
            while len(waiting) < processes * _AHEAD and (part := next(rest, None)) is not None:
                waiting.add(pool.submit(_count, *part))
            if not waiting:
                return
            done, waiting = wait(waiting, _LOOK_S, FIRST_COMPLETED)
            yield from [one.result() for one in done]
    except BrokenProcessPool as broken:
        raise CountingFailed(
            "A process that counts was killed, perhaps for the memory it took. Evaluate again: what was counted stays."
        ) from broken
    finally:
        leaving.set()
        pool.shutdown(wait=True, cancel_futures=True)


# ---------------------------------------------------------------- in a process of the pool

_given: list[tuple[bytes, Event]] = []  # the plan, and what is set when nothing is wanted any more


def _begin(plan: bytes, leaving: Event) -> None:
    _given.append((plan, leaving))
    with suppress(OSError):
        os.nice(_NICENESS)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _count(number: int, rows: Sequence[Row]) -> Counted:
    from agent.evaluation.counting import Item, count_images
    from agent.evaluation.plan import Plan
    from agent.evaluation.saved_counts import to_bytes

    plan, leaving = _given[0]
    read = [(row, read_annotation(row.truth), read_annotation(row.predicted)) for row in rows]

    def items() -> Iterator[Item]:
        for row, truth, predicted in read:
            if leaving.is_set():
                raise InterruptedError
            problem = row.problem or _unreadable(truth, predicted)
            yield Item(row.number, (row.width, row.height), truth or {}, predicted or {}, problem)

    counts = count_images(Plan.from_json(plan), items())
    tags = [sorted(set(tag_names(truth or {}))) for _, truth, _ in read]
    return Counted(number, len(rows), tags, to_bytes(counts))


def _unreadable(truth: object, predicted: object) -> str:
    sides = [name for name, found in (("ground truth", truth), ("predictions", predicted)) if found is None]
    return f"Its annotation in the {' and the '.join(sides)} cannot be read." if sides else ""
