"""A task's row and the values made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from agent.domain import Step, Task, TaskOptions, TaskStatus, TaskType
from agent.errors import NotFound
from agent.store.columns import from_json, from_json_or_none, from_us, from_us_or_none, to_json
from agent.store.line_tail import seal
from agent.store.schema import tasks
from agent.store.words import tags_of

_TYPES = {kind.value: kind for kind in TaskType}
_STATUSES = {status.value: status for status in TaskStatus}
_STEPS = {int(step): step for step in Step}
_NO_OPTIONS = to_json(asdict(TaskOptions()))
_DEFAULT_OPTIONS = TaskOptions()


class TaskSummary(msgspec.Struct, frozen=True, gc=False):
    """A line of the task list, read without configs and specs."""

    id: int
    type: TaskType
    status: TaskStatus
    name: str
    plugin_id: int
    project_id: int | None
    model_id: int
    step: Step
    reason: str | None
    message: str | None
    events_count: int
    progress_subtask: str | None  # of the progress bar that moved last
    progress_current: int | None
    progress_total: int | None
    metric_kind: str | None  # of the first metric of the last METRICS line
    metric_name: str | None
    metric_epoch: float | None
    metric_value: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def _columns(names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
    return [tasks.c[_STAMPS.get(name, name)] for name in names]


_STAMPS = {f"{verb}_at": f"{verb}_us" for verb in ("created", "started", "finished", "archived", "deleted")}
TASK_COLUMNS = _columns(Task.__dataclass_fields__)
SUMMARY_COLUMNS = _columns(TaskSummary.__struct_fields__)


def _options(text: str) -> TaskOptions:
    if text == _NO_OPTIONS:
        return _DEFAULT_OPTIONS
    known = TaskOptions.__dataclass_fields__
    return TaskOptions(**{name: value for name, value in from_json(text).items() if name in known})


def to_task(row: Iterable[Any]) -> Task:
    """Columns as in `TASK_COLUMNS`; by position, which a list of ten thousand tasks feels."""
    values = list(row)
    values[1], values[2], values[9] = _TYPES[values[1]], _STATUSES[values[2]], _STEPS[values[9]]
    values[7], values[8], values[12] = from_json(values[7]), _options(values[8]), from_json_or_none(values[12])
    values[22] = from_us(values[22])
    values[23:27] = map(from_us_or_none, values[23:27])
    values[27] = tags_of(values[27])
    return Task(*values)


def to_summary(row: Iterable[Any]) -> TaskSummary:
    values = list(row)
    values[1], values[2], values[7] = _TYPES[values[1]], _STATUSES[values[2]], _STEPS[values[7]]
    values[-3:] = from_us(values[-3]), from_us_or_none(values[-2]), from_us_or_none(values[-1])
    return TaskSummary(*values)


def lock_task(connection: sa.Connection, id_: int) -> sa.Row[Any]:
    """The task's row, held until the transaction ends (SQLite holds the whole database anyway)."""
    row = connection.execute(sa.select(*TASK_COLUMNS).where(tasks.c.id == id_).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no task {id_}.")
    return row


def change_task(connection: sa.Connection, id_: int, changed: Mapping[str, Any]) -> Task:
    """Change a task that exists. One that ends thereby has its log packed."""
    row = connection.execute(sa.update(tasks).where(tasks.c.id == id_).values(changed).returning(*TASK_COLUMNS)).first()
    if row is None:
        raise NotFound(f"There is no task {id_}.")
    task = to_task(row)
    if "status" in changed and task.status.is_final:
        seal(connection, id_)
    return task
