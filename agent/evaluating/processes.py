"""The processes that count: one for each processor, started when there is work, and ended with their parent.

Annotations come from anybody, so processes have limits of memory and time; an image beyond them is not judged.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, NamedTuple

import psutil

from agent.errors import StorageFailed
from agent.formats.stored_annotation import read_annotation, tag_names

if TYPE_CHECKING:
    from agent.evaluation.counting import Item
    from agent.evaluation.counts import Counts
    from agent.evaluation.plan import Plan

log = logging.getLogger("agent")

_AHEAD = 2  # parts for each process that are read and not yet counted: no process waits for the next
_AHEAD_BYTES = 256 << 20  # of annotations that wait beyond one part for each process
_LOOK_S = 0.5  # how often to ask whether to stop
_NICENESS = 10  # tasks of the same machine come first
_MEMORY_BYTES = 4 << 30  # of address space, beside what a process has when it begins
_IMAGE_S = 20.0  # of processor time, for one image
_PART_S = 60.0


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
    waiting: dict[Future[Counted], int] = {}  # with the size of its annotations
    rest = iter(parts)
    try:
        while not stop():
            while _may_read_on(waiting.values(), processes) and (part := next(rest, None)) is not None:
                waiting[pool.submit(_count, *part)] = sum(len(row.truth) + len(row.predicted) for row in part[1])
            if not waiting:
                return
            done, _ = wait(waiting, _LOOK_S, FIRST_COMPLETED)
            for one in done:
                del waiting[one]
            yield from [one.result() for one in done]
    except BrokenProcessPool as broken:
        raise CountingFailed(
            "A process that counts was killed, perhaps for the memory it took. Evaluate again: what was counted stays."
        ) from broken
    finally:
        leaving.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _may_read_on(sizes: Collection[int], processes: int) -> bool:
    return len(sizes) < processes or (len(sizes) < processes * _AHEAD and sum(sizes) < _AHEAD_BYTES)


# ---------------------------------------------------------------- in a process of the pool

_given: list[tuple[bytes, Event]] = []  # the plan, and what is set when nothing is wanted any more
_limited: list[float] = []  # the limit of what is done now


def _begin(plan: bytes, leaving: Event) -> None:
    import agent.evaluation.counting  # before memory is limited, as libraries reserve some for each processor  # noqa: F401

    _given.append((plan, leaving))
    with suppress(OSError):
        os.nice(_NICENESS)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    signal.signal(signal.SIGPROF, _stop_here)
    limit = psutil.Process().memory_info().vms + _MEMORY_BYTES
    with suppress(OSError, ValueError):  # there is a lower limit already
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _count(number: int, rows: Sequence[Row]) -> Counted:
    from agent.evaluation.plan import Plan
    from agent.evaluation.saved_counts import to_bytes

    plan, leaving = _given[0]
    tags: dict[int, list[str]] = {}
    counts = _counted(Plan.from_json(plan), rows, leaving, tags)
    return Counted(number, len(rows), [tags.get(row.number, []) for row in rows], to_bytes(counts))


def _counted(plan: Plan, rows: Sequence[Row], leaving: Event, tags: dict[int, list[str]]) -> Counts:
    """All images at once, which is fast; each by itself where one takes too much or is what no code foresaw.

    Fills `tags`, of each image of the ground truth by its number.
    """
    from agent.evaluation.counting import count_images
    from agent.evaluation.counts import Counts

    try:
        with _at_most(_PART_S):
            return count_images(plan, (_item(row, tags) for row in _until(leaving, rows)))
    except InterruptedError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is about one image, which is found now
        log.warning("images are counted one by one: %r", error)
        return Counts.join([_one(plan, row, tags) for row in _until(leaving, rows)])


def _one(plan: Plan, row: Row, tags: dict[int, list[str]]) -> Counts:
    from agent.evaluation.counting import Item, count_images

    try:
        with _at_most(_IMAGE_S):
            return count_images(plan, [_item(row, tags)])
    except (MemoryError, _TookTooLong):
        problem = "It takes too much time or memory to compare."
    except Exception as mistake:
        log.exception("image %s cannot be counted", row.number)
        problem = f"It could not be compared: {mistake!r}."
    return count_images(plan, [Item(row.number, (row.width, row.height), {}, {}, problem)])


def _item(row: Row, tags: dict[int, list[str]]) -> Item:
    from agent.evaluation.counting import Item

    truth, predicted = read_annotation(row.truth), read_annotation(row.predicted)
    tags[row.number] = sorted(set(tag_names(truth or {})))
    problem = row.problem or _unreadable(truth, predicted)
    return Item(row.number, (row.width, row.height), truth or {}, predicted or {}, problem)


def _until(leaving: Event, rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if leaving.is_set():
            raise InterruptedError
        yield row


class _TookTooLong(Exception):
    pass


def _stop_here(*_: object) -> None:
    if _limited:  # not a moment after the block
        raise _TookTooLong


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raises _TookTooLong in the block after so much processor time, between two steps of Python."""
    _limited.append(seconds)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.1)  # again and again: a finalizer may have swallowed the first
    try:
        yield
    finally:
        _limited.clear()
        signal.setitimer(signal.ITIMER_PROF, 0)


def _unreadable(truth: object, predicted: object) -> str:
    sides = [name for name, found in (("ground truth", truth), ("predictions", predicted)) if found is None]
    return f"Its annotation in the {' and the '.join(sides)} cannot be read." if sides else ""
