"""Which images and objects a figure is about: the way from a number to what it counts. Pure."""

from __future__ import annotations

from typing import NamedTuple

from agent.evaluation.counts import Counts
from agent.evaluation.judged import Judged
from agent.evaluation.plan import Plan


class Ranked(NamedTuple):
    """An image's number, and its figure."""

    image: int
    value: float


class Judgement(NamedTuple):
    """An object of one side, or two that belong together. Objects are places in the annotations, classes numbers."""

    image: int
    kind: str
    truth: int | None
    predicted: int | None
    truth_class: int | None
    predicted_class: int | None
    overlap: float | None
    distance: float | None
    confidence: float | None


def worst_images(
    plan: Plan,
    counts: Counts | Judged,
    *,
    by: str,
    class_: int | None = None,
    confidence: float | None = None,
    iou: float = 0.5,
) -> list[Ranked]:
    """Images by a figure of theirs, the worst first; those where it is not defined are left out.

    `by`: a figure of images (`IMAGE_FIGURES`). `class_`: of that class alone.
    """
    raise NotImplementedError


def objects(
    plan: Plan,
    counts: Counts | Judged,
    *,
    kinds: frozenset[str] = frozenset(),
    truth_class: int | None = None,
    predicted_class: int | None = None,
    confidence: float | None = None,
    iou: float = 0.5,
    image: int | None = None,
) -> list[Judgement]:
    """Objects by what became of them: `matched`, `missed`, `extra`, `mixed_up`, and of extra ones the kinds of TIDE."""
    raise NotImplementedError
