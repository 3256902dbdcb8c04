"""The row of a new task, with the values of its config. What it uses comes out of the trash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from agent.domain import NewTask, Task, TaskStatus
from agent.errors import NotFound
from agent.needs import needs_of
from agent.store.columns import clean, now_us, to_json
from agent.store.kept import take
from agent.store.runs.values import config_values as config_values_of
from agent.store.schema import config_values, models, plugins, projects, tasks
from agent.store.task_rows import TASK_COLUMNS, to_task


def insert_task(connection: sa.Connection, new: NewTask, **columns: Any) -> Task:
    """A queued task, unless `columns` say otherwise. NotFound when its plugin, project or model is not in the store."""
    for noun, table, id_ in needs(new):
        if not take(connection, table, id_):
            raise NotFound(f"There is no {noun} {id_}.")
    values = {
        "type": new.type.value,
        "status": TaskStatus.QUEUED.value,
        "name": clean(new.name),
        "plugin_id": new.plugin_id,
        "project_id": new.project_id,
        "model_id": new.model_id,
        "config": to_json(new.config),
        "options": to_json(asdict(new.options)),
        "created_us": now_us(),
        "needs": str(wanted) if (wanted := needs_of(new.options.gpus, new.options.on)) else None,
    }
    row = connection.execute(sa.insert(tasks).values(values | columns).returning(*TASK_COLUMNS)).one()
    task = to_task(row)
    if found := [{"task_id": task.id, **value._asdict()} for value in config_values_of(task.config)]:
        connection.execute(sa.insert(config_values), found)
    return task


def needs(task: Any) -> Iterator[tuple[str, sa.Table, int]]:
    """What a task, or a row of one, cannot be without."""
    yield "plugin", plugins, task.plugin_id
    if task.project_id is not None:
        yield "project", projects, task.project_id
    yield "model", models, task.model_id
