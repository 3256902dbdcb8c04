"""Tasks as a person looks for them: by words, kind and status, in any order, page by page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.domain import Task, TaskStatus, TaskType
from agent.store.connect import Database
from agent.store.listing import Listing, Question, Window, listed
from agent.store.schema import models, plugins, projects, tasks
from agent.store.search import contains, is_number, words_of
from agent.store.task_rows import TASK_COLUMNS, to_task


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """`words` are looked for in the task's id, name and tags and in the names of its plugin, project and model.

    The tasks of the archive are asked for by `archived`, and are in no other answer; `tags` are whole tags, all wanted.
    """

    words: str = ""
    statuses: Collection[TaskStatus] | None = None
    type: TaskType | None = None
    has_metrics: bool | None = None
    archived: bool = False
    tags: Collection[str] = ()


IS_LISTED = tasks.c.deleted_us.is_(None)  # not in the trash
IS_ARCHIVED = tasks.c.archived_us.is_not(None)
ARCHIVED = "archived"  # the group of such tasks, in place of their status

_GROUP = sa.case((IS_ARCHIVED, ARCHIVED), else_=tasks.c.status)


_ORDERS: dict[str, sa.ColumnElement[Any]] = {
    "name": sa.func.lower(tasks.c.name),
    "status": tasks.c.status,
    "started": tasks.c.started_us,
    "finished": tasks.c.finished_us,
    "duration": tasks.c.finished_us - tasks.c.started_us,  # of a task that has ended
}


def search_tasks(database: Database, question: TaskQuestion, window: Window) -> Listing[Task]:
    """The tasks of the window; `counts` are by status, and of the archived ones."""
    conditions = [IS_LISTED, *(contains(tasks.c.tags, f"\n{tag}\n") for tag in question.tags)]
    conditions += [about(word) for word in words_of(question.words)]
    if question.type is not None:
        conditions.append(tasks.c.type == question.type.value)
    if question.has_metrics is not None:
        is_null = tasks.c.metric_name.is_(None)
        conditions.append(sa.not_(is_null) if question.has_metrics else is_null)
    statuses = [status.value for status in (TaskStatus if question.statuses is None else question.statuses)]
    if question.archived and question.statuses is not None:
        conditions.append(tasks.c.status.in_(statuses))
    asked = Question(tasks, conditions, _GROUP, [ARCHIVED] if question.archived else statuses)
    with database.reading() as connection:
        found = listed(connection, TASK_COLUMNS, asked, window, _ORDERS)
    return Listing([to_task(row) for row in found.values], found.total, found.counts)


def about(word: str) -> sa.ColumnElement[bool]:
    """Whether the word is in a name that belongs to the task. Each library is looked through once, not once a task."""
    named = [
        column.in_(sa.select(table.c.id).where(sa.or_(*(contains(text, word) for text in texts))))
        for column, table, texts in (
            (tasks.c.plugin_id, plugins, (plugins.c.title, plugins.c.image)),
            (tasks.c.project_id, projects, (projects.c.name,)),
            (tasks.c.model_id, models, (models.c.name,)),
        )
    ]
    own = [contains(tasks.c.name, word), contains(tasks.c.tags, word), *is_number(tasks.c.id, word)]
    return sa.or_(*own, *named)
