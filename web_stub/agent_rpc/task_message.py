"""A task as the original server tells its agent (contract: task.md 1). Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.domain import Model, Plugin, Project, Task


def task_message(task: Task, plugin: Plugin, project: Project | None, model: Model, *, key: str) -> str:
    """JSON. The agent finds project and model by their titles, and uses `key` for the public API.

    `last_complete_step` is null: a task that begins has completed nothing, and no other is sent.
    """
    return json.dumps(
        {
            "task_id": task.id,
            "task_type": task.type.value,
            "docker_image": plugin.pushed or plugin.reference,
            "config": task.config,
            "projects": [] if project is None else [{"id": project.id, "title": project.name}],
            "models": [{"id": model.id, "title": model.name, "hash": model.upload_hash or model.sha256}],
            "new_title": task.name,
            "user_api_key": key,
            "last_complete_step": None,
        }
    )
