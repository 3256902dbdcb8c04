"""The paces of running tasks, from what the store knows of their epochs and progress bars.

The whole of a training is the `epochs` of its config, reached as its metrics count them. Where the one or the other is
missing, the whole is the total of the outermost progress bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.domain import TaskStatus, TaskType
from agent.events.model import Progress
from agent.pace import Pace, Sample, pace_of

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.store import Series, Store

_LEAST_VALIDATIONS = 4  # from then on validations tell the time: between two of them lies all that an epoch takes
_LINES = 5000  # of the log, in which the past of a bar is looked for
_REPORTS = 150  # of bars, read at most


def pace_of_task(store: Store, task: Task, series: Sequence[Series]) -> Pace | None:
    """The pace of a task now, from its series and its bars; None where it has no pace, or none is known."""
    if task.status is not TaskStatus.STARTED:
        return None
    epochs = _epoch_pace(store, task, series)
    if epochs is None or epochs.ends_at is None:
        bar = _bar_pace(store, task.id)
        epochs = bar if epochs is None or (bar is not None and bar.ends_at is not None) else epochs
    return epochs if epochs is not None and datetime.now(UTC) < epochs.valid_until else None


def _epoch_pace(store: Store, task: Task, series: Sequence[Series]) -> Pace | None:
    one = _clock_of(series)
    if one is None or task.type is not TaskType.TRAIN:
        return None
    points, least = store.metrics.newest_epochs(one.id)
    # A plugin that counts its epochs 0, 1, 2 reports the number of the epoch that it has ended, not how many.
    is_index = least == 0 and all(epoch.is_integer() for epoch, _ in points)
    samples = [Sample(time_us / 1e6, epoch + is_index) for epoch, time_us in points]
    return pace_of(samples, _epochs_of(task), unit="epoch")


def _clock_of(series: Sequence[Series]) -> Series | None:
    """The series whose epochs tell the time best."""
    known = [one for one in series if one.last_epoch is not None]
    val = max((one for one in known if one.kind == "val"), key=lambda one: one.count, default=None)
    if val is not None and val.count >= _LEAST_VALIDATIONS:
        return val
    return max((one for one in known if one.kind == "train"), key=lambda one: one.count, default=val)


def _epochs_of(task: Task) -> float | None:
    epochs = task.config.get("epochs")
    if not isinstance(epochs, int | float) or isinstance(epochs, bool):
        return None
    return epochs if 0 < epochs < math.inf else None


def _bar_pace(store: Store, task_id: int) -> Pace | None:
    bar = store.progress.outermost(task_id)
    if bar is None:
        return None
    after = max(0, bar.seq - _LINES)
    found, _ = store.events.page(task_id, after, limit=_REPORTS, event_type="PROGRESS", newest_first=True)
    reports = [
        (event.time.timestamp(), event.body)
        for event in reversed(found)
        if isinstance(event.body, Progress) and event.body.subtask == bar.subtask
    ]
    is_fixed = all(report.total == bar.total for _, report in reports)  # a whole that grows is not known yet
    samples = [Sample(at_s, report.current) for at_s, report in reports]
    name = bar.subtask.strip().rstrip(":") or None
    return pace_of(samples, bar.total if is_fixed else None, unit="step", bar=name)
