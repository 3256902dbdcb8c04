"""What a request may change: anything, with the key of a task only what this task has made itself.

An original agent gets such a key with each task. It reads the library, but a plugin's mistake, or an agent that is not
what it seems, changes nothing of it. Which methods a key opens at all: `auth/rights.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Request

from agent.domain import Image, Model, Project
from agent.errors import BadInput
from web_stub.context import Web, WebDep


class NotOfTask(BadInput):
    """The key of a task, and something that another has made."""

    http_status = 403
    reason = "not_of_task"


class Own:
    def __init__(self, web: Web, task_id: int | None) -> None:
        self._web = web
        self.task_id = task_id  # None: a person's token or session, which may change anything

    def require_task(self, task_id: int) -> None:
        """Raises NotOfTask, as all of these."""
        self._require(task_id, f"task {task_id}")

    def require_project(self, project_id: int) -> None:
        if self.task_id is not None:
            self._require(self._project(project_id).task_id, f"project {project_id}")

    def require_dataset(self, dataset_id: int) -> None:
        if self.task_id is not None:
            self.require_project(self._web.store.datasets.get(dataset_id).project_id)

    def require_images(self, images: Iterable[Image]) -> None:
        if self.task_id is not None:
            for dataset_id in {image.dataset_id for image in images}:
                self.require_dataset(dataset_id)

    def require_model(self, model: Model) -> None:
        self._require(model.provenance.task_id, f"model {model.id}")

    def _project(self, project_id: int) -> Project:
        return self._web.store.projects.get(project_id)

    def _require(self, maker: int | None, what: str) -> None:
        if self.task_id is not None and maker != self.task_id:
            raise NotOfTask(f"the key of task {self.task_id} does not change {what}, only what this task has made")


def own_of(web: WebDep, request: Request) -> Own:
    return Own(web, request.scope.get("task_id"))


OwnDep = Annotated[Own, Depends(own_of)]
