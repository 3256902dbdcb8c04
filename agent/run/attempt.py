"""Another attempt of a task whose node was lost: what it starts from, and what those before it have left here."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.domain import Attempt, Task
from agent.engines import ATTEMPT_LABEL, TASK_LABEL
from agent.installation import installation_labels

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.settings import Settings
    from agent.store import Store

WEIGHTS = "weights_init_type"  # of a config: what a training does with the model that it is given
CONTINUE = "continue_training"

log = logging.getLogger("agent")


def task_of_attempt(task: Task, attempt: Attempt | None) -> Task:
    """The task as its attempt runs it: another model, and a config that says to go on with it. Pure."""
    if attempt is None:
        return task
    task = replace(task, started_at=attempt.started_at)
    if attempt.model_id == task.model_id:
        return task
    config = {**task.config, WEIGHTS: CONTINUE} if WEIGHTS in task.config else task.config
    return replace(task, model_id=attempt.model_id, config=config)


def is_fenced(store: Store, task: Task) -> bool:
    """Whether nobody will go on with this attempt: its node was declared lost while its agent was away."""
    now = store.tasks.get(task.id)
    return now.status.is_final or now.attempt != task.attempt


def remove_older_containers(engine: Engine, task: Task, settings: Settings) -> None:
    """Remove what attempts before this one run here still: they would write into the same folder. AgentError."""
    labels = {**installation_labels(settings), TASK_LABEL: str(task.id)}
    ours = {container.id for container in engine.find({**labels, ATTEMPT_LABEL: str(task.attempt)}, unstarted=True)}
    for container in engine.find(labels, unstarted=True):
        if container.id not in ours:
            log.warning("task %s: the container of an earlier attempt is removed", task.id)
            container.kill()
            container.remove()
