"""Which checkpoints a policy keeps. Pure.

A policy is text: `best=3,latest=2,every=10`. A checkpoint stays when any part of it says so; without a part nothing
of that kind is kept, and without a policy everything is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

_PART = re.compile(r"(best|latest|every)=([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Keep:
    """How many checkpoints of each task stay; all None: every one."""

    best: int | None = None  # the last so many of those that were the best when they were reported
    latest: int | None = None
    every: int | None = None  # each so many-th, counted from the first that was reported

    @property
    def is_everything(self) -> bool:
        return self.best is None and self.latest is None and self.every is None


class Checkpoint(Protocol):
    """What the decision looks at; `store.KeptCheckpoint` is one."""

    @property
    def model_id(self) -> int: ...
    @property
    def task_id(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def is_best(self) -> bool: ...
    @property
    def is_last(self) -> bool: ...
    @property
    def pinned(self) -> bool: ...
    @property
    def used(self) -> bool: ...


def parse_keep(text: str) -> Keep:
    """`"best=3,every=10"` → Keep; ValueError with the sentence to show."""
    numbers: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _PART.fullmatch(part)
        if match is None or match[1] in numbers or (match[1] == "every" and int(match[2]) == 0):
            raise ValueError(f"{text!r} is no policy; write for instance best=3,latest=2,every=10")
        numbers[match[1]] = int(match[2])
    return Keep(**numbers)


def to_remove(checkpoints: Iterable[Checkpoint], keep: Keep) -> list[int]:
    """The ids of the models that go, given those that are there, in any order.

    Never goes: what is pinned, what a task starts from, and the last checkpoint of its task, which is the task's
    result. Doing what this says and asking again gives nothing.
    """
    if keep.is_everything:
        return []
    ordered = sorted(checkpoints, key=lambda one: (one.task_id, one.position))
    gone: list[int] = []
    for _, group in groupby(ordered, key=lambda one: one.task_id):
        of_task = list(group)
        kept = {one.position for one in _kept(of_task, keep)}
        gone += [one.model_id for one in of_task if one.position not in kept]
    return gone


def _kept(of_task: Sequence[Checkpoint], keep: Keep) -> Iterable[Checkpoint]:
    yield from (one for one in of_task if one.pinned or one.used or one.is_last)
    if keep.best:
        yield from [one for one in of_task if one.is_best][-keep.best :]
    if keep.latest:
        yield from of_task[-keep.latest :]
    if keep.every:
        yield from (one for one in of_task if one.position % keep.every == 0)
