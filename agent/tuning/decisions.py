"""What is to be done next in a study, and what a trial is worth. Pure.

The controller has no memory: each turn it looks at the trials that run and at their tasks, and does what is missing. So
it may be killed at any moment, and the next one goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.domain import Task, TaskStatus
from agent.errors import BadInput
from agent.store import StudyState


class TrialState(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Metric:
    kind: str  # train or val
    name: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Choose the parameters of a new trial, and submit its task."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Report what the trial's task has measured, and stop the task if the trial is pruned."""

    number: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the trial's task: the study was stopped."""

    number: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the search how the trial ended."""

    number: int


Action = Ask | Follow | Stop | Tell


def next_actions(
    unended: Iterable[int], tasks: Mapping[int, Task], *, count: int, state: StudyState, wanted: int, jobs: int
) -> list[Action]:
    """What is missing. `unended` are the numbers of the trials that were not told yet, among `count` that the search
    knows; `tasks` are theirs.

    A trial whose task has ended is told; so is one whose task was deleted for good, for a trial runs once. Then come
    new trials, as many as are wanted and may run at once.
    """
    actions: list[Action] = []
    running = 0
    for number in unended:
        task = tasks.get(number)
        if task is None or task.status.is_final:
            actions.append(Tell(number))
            continue
        running += 1
        actions.append(Follow(number))
        if state is not StudyState.RUNNING and not task.stop_requested:
            actions.append(Stop(number))
    if state is StudyState.RUNNING:
        new = min(wanted - count, jobs - running)
        actions += [Ask()] * max(0, new)
    return actions


def read_metric(text: str) -> Metric:
    """`val.mean_iou` → Metric("val", "mean_iou"). BadInput says what to write."""
    kind, _, name = text.partition(".")
    if kind not in ("train", "val") or not name:
        raise BadInput(
            f"{text!r} names no metric; write train. or val. before the name that the plugin prints, "
            "for instance val.mean_iou (`agent task metrics TASK` lists those of a task)"
        )
    return Metric(kind, name)


def steps_of(epochs: Sequence[float | None], values: Sequence[float | None], *, ended: bool) -> list[tuple[int, float]]:
    """(step, value) of a series of points: the last value of each epoch counts, and steps are counted in their order.

    A point without an epoch is a step of its own. While the task runs, an epoch has its value when it is whole or
    the next one has begun. A step without a number is left out; it counts all the same.
    """
    steps: list[float | None] = []
    open_epoch: float | None = None  # the epoch of the last step, while more of its points may come
    for epoch, value in zip(epochs, values, strict=True):
        whole = math.ceil(epoch) if epoch is not None and math.isfinite(epoch) else None
        if whole is not None and whole == open_epoch:
            steps[-1] = value
        else:
            steps.append(value)
        open_epoch = whole if epoch != whole else None
    if open_epoch is not None and not ended:
        steps.pop()
    return [(step, value) for step, value in enumerate(steps) if value is not None and math.isfinite(value)]


def is_reported(step: int) -> bool:
    """Whether a search hears of this step: of the first thousand all, then each tenth, from ten thousand the hundredth.

    So trials of any length are compared at the same steps, and the journal of a search stays small.
    """
    apart = 1
    while step >= 1000 * apart:
        apart *= 10
    return step % apart == 0


def best_of(values: Sequence[float], direction: str) -> float:
    """The value of a trial: its best step, for the checkpoint of that step is the model one goes on with."""
    return max(values) if direction == "maximize" else min(values)


@dataclass(frozen=True, slots=True)
class End:
    """How a trial ended. `sentence` says why it failed; empty for the others."""

    state: TrialState
    value: float | None = None
    sentence: str = ""


def end_of(
    task: Task | None, values: Sequence[float], *, metric: str | None, direction: str | None, is_pruned: bool
) -> End:
    """The end of a trial from its ended task and the values of its steps. `is_pruned`: its stop was decided on."""
    if task is None:
        return End(TrialState.FAILED, sentence="its task was deleted before its value was read")
    if task.status is TaskStatus.FINISHED:
        if metric is None or direction is None:
            return End(TrialState.COMPLETE)
        if not values:
            return End(
                TrialState.FAILED,
                sentence=f"task {task.id} finished without a value of {metric}; `agent task metrics {task.id}` lists "
                "what it printed",
            )
        return End(TrialState.COMPLETE, best_of(values, direction))
    if is_pruned and task.status is TaskStatus.STOPPED:
        return End(TrialState.PRUNED)
    how = f"task {task.id} {'was stopped' if task.status is TaskStatus.STOPPED else 'failed'}"
    return End(TrialState.FAILED, sentence=f"{how}: {task.message}" if task.message else how)
