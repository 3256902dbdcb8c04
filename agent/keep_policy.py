"""Which checkpoints a policy keeps. Pure.

A policy is text: `best=3,latest=2,every=10`. A checkpoint stays when one part of the policy keeps it. Without a policy
every checkpoint stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

_PART = re.compile(r"(best|latest|every)=([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Keep:
    """How many checkpoints of each task stay; all None: all of them."""

    best: int | None = None  # of the checkpoints that were the best when they were reported, the last so many
    latest: int | None = None
    every: int | None = None  # those whose position is a multiple of it

    @property
    def is_everything(self) -> bool:
        return self.best is None and self.latest is None and self.every is None


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A model that a checkpoint of a task became."""

    model_id: int
    task_id: int
    name: str
    size_bytes: int
    position: int  # from 1, among all checkpoints the task reported, also those whose model is gone
    is_best: bool  # the best so far when it was reported: of several the last is the best
    is_last: bool
    pinned: bool
    used: bool  # a task starts from it


def parse_keep(text: str) -> Keep:
    """`"best=3,every=10"` → Keep; ValueError with the sentence to show."""
    numbers: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _PART.fullmatch(part)
        if match is None or match[1] in numbers or (match[1] == "every" and int(match[2]) == 0):
            raise ValueError(f"{text!r} is no policy; write for instance best=3,latest=2,every=10")
        numbers[match[1]] = int(match[2])
    return Keep(**numbers)


def to_remove(checkpoints: Iterable[KeptCheckpoint], keep: Keep) -> list[int]:
    """The ids of the models that go; the checkpoints come in any order.

    A pinned checkpoint stays, so does one that a task starts from, and the last one of its task, which is the
    task's result. After these are removed, the same policy removes nothing more.
    """
    if keep.is_everything:
        return []
    ordered = sorted(checkpoints, key=lambda checkpoint: (checkpoint.task_id, checkpoint.position))
    removed: list[int] = []
    for _, group in groupby(ordered, key=lambda checkpoint: checkpoint.task_id):
        of_task = list(group)
        kept = {checkpoint.position for checkpoint in _kept(of_task, keep)}
        removed += [checkpoint.model_id for checkpoint in of_task if checkpoint.position not in kept]
    return removed


def _kept(of_task: Sequence[KeptCheckpoint], keep: Keep) -> Iterable[KeptCheckpoint]:
    yield from (checkpoint for checkpoint in of_task if checkpoint.pinned or checkpoint.used or checkpoint.is_last)
    if keep.best:
        yield from [checkpoint for checkpoint in of_task if checkpoint.is_best][-keep.best :]
    if keep.latest:
        yield from of_task[-keep.latest :]
    if keep.every:
        yield from (checkpoint for checkpoint in of_task if checkpoint.position % keep.every == 0)
