"""What the task of a trial has measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.tuning.decisions import read_metric, steps_of

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.store import Series, Store, Study


def find_series(store: Store, study: Study, task: Task) -> Series | None:
    """The series of the study's metric; None while the task has not measured it."""
    if study.metric is None:
        return None
    metric = read_metric(study.metric)
    found = store.metrics.series(task.id)
    return next((series for series in found if (series.kind, series.name) == (metric.kind, metric.name)), None)


def read_steps(store: Store, series: Series | None, *, ended: bool) -> list[tuple[int, float]]:
    """See `steps_of`; `ended`: no more points come."""
    if series is None:
        return []
    points = store.metrics.points(series.id)
    return steps_of(points.epoch, points.value, ended=ended)
