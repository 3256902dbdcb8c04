"""The page that submits a task, filled in from the task, model, project or plugin that its address names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from agent.domain import Task
from agent.errors import NotFound
from web_stub.context import WebDep
from web_stub.pages.choices import choices
from web_stub.pages.frame import page
from web_stub.pages.pretty_json import pretty
from web_stub.parameters import LARGEST_ID
from web_stub.resources.tasks import Options

router = APIRouter(include_in_schema=False)

_Entity = TypeVar("_Entity")
_Id = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


@router.get("/tasks/new")
def new_task_page(
    request: Request,
    web: WebDep,
    type: Literal["train", "inference"] | None = None,  # noqa: A002 - the wire's word
    task: _Id = None,
    plugin: _Id = None,
    project: _Id = None,
    model: _Id = None,
) -> Response:
    """Fields come from `task`, its config included, except for those that the address names itself."""
    notes: list[str] = []
    old = _found(web.store.tasks.get, task, notes)
    the_model = _found(web.store.models.get, model or (old.model_id if old else None), notes)
    kind = type or (old.type.value if old and old.project_id is not None else "train")
    plugin = plugin or (old.plugin_id if old else None) or (the_model.provenance.plugin_id if the_model else None)
    project = project or (old.project_id if old else None)
    the_project = _found(web.store.projects.get, project, notes)
    the_plugin = _found(web.store.plugins.get, plugin, notes)
    is_same_kind = old is not None and old.type.value == kind
    draft = {
        "type": kind,
        "plugin": the_plugin.id if the_plugin else None,
        "project": the_project.id if the_project else None,
        "model": the_model.id if the_model else None,
        "name": old.name if old and is_same_kind else None,
        "config": pretty(_config(old, goes_on=model is not None)) if old and is_same_kind else None,
        "options": Options.of(old.options) if old else None,
        "task": old.id if old else None,
    }
    settings = web.settings
    first = {
        **choices(web.store, kind, the_plugin, the_project, the_model),
        "draft": draft,
        "notes": notes,
        "defaults": {
            "engine": settings.engine,
            "gpus": settings.gpus,
            "pull": settings.pull,
            "hardened": settings.hardened,
        },
    }
    return page(request, "new_task.html", first=first)


def _found(get: Callable[[int], _Entity], id_: int | None, notes: list[str]) -> _Entity | None:
    try:
        return get(id_) if id_ is not None else None
    except NotFound as error:
        notes.append(str(error))
        return None


def _config(old: Task, *, goes_on: bool) -> dict[str, Any]:
    """The config of the earlier task; training that goes on from a checkpoint keeps its classes and last layer."""
    config = dict(old.config)
    if goes_on and "weights_init_type" in config:
        config["weights_init_type"] = "continue_training"
    return config
