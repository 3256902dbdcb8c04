"""What a process that counts does. It has limits of memory and time, for annotations come from anybody; an image beyond
them is not judged.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from agent.errors import BadInput
from agent.formats.stored_annotation import read_annotation, tag_names

if TYPE_CHECKING:
    from agent.evaluation.counting import Item
    from agent.evaluation.counts import Counts
    from agent.evaluation.plan import Plan

log = logging.getLogger("agent")

_NICENESS = 10  # tasks of the same machine come first
_MEMORY_BYTES = 4 << 30  # of address space, beside what a process has when it begins
_IMAGE_S = 20.0  # of processor time, for one image
_PART_S = 60.0
_JUDGED_S = 600.0


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


class JudgedCounts(NamedTuple):
    figures: dict[str, Any]
    problems: tuple[tuple[int, str], ...]  # of images, by their numbers


_plan: list[bytes] = []
_left = threading.Event()  # nothing is wanted any more
_limited: list[float] = []  # the limit of what is done now


def begin(plan: bytes, leaving: Event) -> None:
    """`leaving` is set when nothing is wanted any more."""
    import agent.evaluation.counting  # before memory is limited, as libraries reserve some for each processor  # noqa: F401

    _plan.append(plan)
    with suppress(OSError):
        os.nice(_NICENESS)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    signal.signal(signal.SIGPROF, _stop_here)
    threading.Thread(target=_end_when_left, args=[leaving], name="leaving", daemon=True).start()
    limit = psutil.Process().memory_info().vms + _MEMORY_BYTES
    with suppress(OSError, ValueError):  # there is a lower limit already
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _end_when_left(leaving: Event) -> None:
    leaving.wait()
    _left.set()
    while True:  # again and again: a finalizer may swallow what the first one raises
        if _limited:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGPROF)
        time.sleep(0.1)


def count(number: int, rows: Sequence[Row]) -> Counted:
    from agent.evaluation.plan import Plan
    from agent.evaluation.saved_counts import to_bytes

    tags: dict[int, list[str]] = {}
    counts = _counted(Plan.from_json(_plan[0]), rows, tags)
    return Counted(number, len(rows), [tags.get(row.number, []) for row in rows], to_bytes(counts))


def judge(counts: Sequence[bytes]) -> JudgedCounts:
    from agent.evaluation.counts import Counts
    from agent.evaluation.figures import figures
    from agent.evaluation.plan import Plan
    from agent.evaluation.saved_counts import from_bytes

    try:
        with _at_most(_JUDGED_S):
            joined = Counts.join([from_bytes(one) for one in counts])
            return JudgedCounts(figures(Plan.from_json(_plan[0]), joined), joined.problems)
    except (MemoryError, _TookTooLong):
        raise BadInput("The figures of so many objects and classes take too much time or memory.") from None


def _counted(plan: Plan, rows: Sequence[Row], tags: dict[int, list[str]]) -> Counts:
    """All images at once, which is fast; each by itself where one takes too much or is what no code foresaw.

    Fills `tags`, of each image of the ground truth by its number.
    """
    from agent.evaluation.counting import count_images
    from agent.evaluation.counts import Counts

    try:
        with _at_most(_PART_S):
            return count_images(plan, (_item(row, tags) for row in _until_left(rows)))
    except InterruptedError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is about one image, which is found now
        log.warning("images are counted one by one: %r", error)
        return Counts.join([_one(plan, row, tags) for row in _until_left(rows)])


def _one(plan: Plan, row: Row, tags: dict[int, list[str]]) -> Counts:
    from agent.evaluation.counting import Item, count_images

    try:
        with _at_most(_IMAGE_S):
            return count_images(plan, [_item(row, tags)])
    except InterruptedError:
        raise
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


def _until_left(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if _left.is_set():
            raise InterruptedError
        yield row


class _TookTooLong(Exception):
    pass


def _stop_here(*_: object) -> None:
    if _limited:  # not a moment after the block
        raise InterruptedError if _left.is_set() else _TookTooLong


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
