"""Tasks for tests, queued as the command line queues them."""

from __future__ import annotations

from typing import Any

from agent.domain import NewTask, Task
from agent.installation import Installation
from agent.submission import TaskRequest, new_task


def queue_task(installation: Installation, **asked: Any) -> Task:
    """Queue a training, or a task of the given `type`. `asked` holds the other fields of a TaskRequest."""
    request = TaskRequest(**{"type": "train", **asked})
    return installation.store.tasks.add(new_task(installation.store, installation.settings, request))


def project_of(task: Task | NewTask) -> int:
    """The project of a task that has one: all but deployed models."""
    assert task.project_id is not None
    return task.project_id
