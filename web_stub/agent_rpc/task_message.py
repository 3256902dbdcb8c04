"""A task as the original server tells its agent (contract: task.md 1). Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agent.domain import TaskType

if TYPE_CHECKING:
    from agent.domain import Model, Plugin, Project, Task

_DEPLOYS = "infer_rpc"  # the agent's word for a deployed model


def task_message(task: Task, plugin: Plugin, project: Project | None, model: Model, *, key: str) -> str:
    """JSON. The agent finds project and model by their titles, and uses `key` for the public API.

    `last_complete_step` is null: a task that begins has completed nothing, and no other is sent.
    """
    titled = {"id": model.id, "title": model.name, "hash": model.upload_hash or model.sha256}
    message: dict[str, Any] = {
        "task_id": task.id,
        "task_type": task.type.value,
        "docker_image": plugin.pushed or plugin.reference,
        "config": task.config,
        "projects": [] if project is None else [{"id": project.id, "title": project.name}],
        "models": [titled],
        "new_title": task.name,
        "user_api_key": key,
        "last_complete_step": None,
    }
    if task.type is TaskType.DEPLOY:
        message |= {"task_type": _DEPLOYS, "models": [], "nn_model": titled, "task_settings": task.config}
    return json.dumps(message)
