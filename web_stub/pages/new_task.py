"""The page that submits a task, filled in from a task, a model, a project or a plugin where one is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from agent.domain import Model, Plugin, Project, Task
from agent.errors import NotFound
from web_stub.context import Web, WebDep
from web_stub.json_text import pretty
from web_stub.pages.frame import page
from web_stub.pages.library import presets
from web_stub.views import View

CHOICES = 500  # of each kind in the page; older ones are found by searching
_SEEN_S = 60.0  # an agent that reported within it is there

router = APIRouter(include_in_schema=False)

_Entity = TypeVar("_Entity")
_Id = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


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
    """Fields come from `task`, its config included; what is named beside it wins."""
    notes: list[str] = []
    old = _found(web.store.tasks.get, task, notes)
    the_model = _found(web.store.models.get, model or (old.model_id if old else None), notes)
    kind = type or (old.type.value if old else "train")
    plugin = plugin or (old.plugin_id if old else None) or (the_model.provenance.plugin_id if the_model else None)
    project = project or (old.project_id if old else None)
    the_project = _found(web.store.projects.get, project, notes)
    the_plugin = _found(web.store.plugins.get, plugin, notes)
    is_same_kind = old is not None and old.type.value == kind
    wish = {
        "type": kind,
        "plugin": the_plugin.id if the_plugin else None,
        "project": the_project.id if the_project else None,
        "model": the_model.id if the_model else None,
        "name": old.name if old and is_same_kind else None,
        "config": pretty(_config(old, goes_on=model is not None)) if old and is_same_kind else None,
        "options": web.views.detail(old)["options"] if old else None,
        "task": old.id if old else None,
    }
    settings = web.settings
    first = {
        "plugins": [_plugin(one) for one in web.store.plugins.list()],
        "projects": [_project(one) for one in _with(web.store.projects.list(limit=CHOICES), the_project)],
        "models": [_model(one) for one in _with(web.store.models.list(limit=CHOICES), the_model)],
        "choices": CHOICES,
        "wish": wish,
        "notes": notes,
        "agents": _agents(web),
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
    """The config of the task before; training that goes on from a checkpoint keeps its classes and last layer."""
    config = dict(old.config)
    if goes_on and "weights_init_type" in config:
        config["weights_init_type"] = "continue_training"
    return config


def _with(newest: list[_Entity], chosen: _Entity | None) -> list[_Entity]:
    return newest if chosen is None or chosen in newest else [chosen, *newest]


def _agents(web: Web) -> int:
    now = datetime.now(UTC)
    return sum((now - agent.last_seen).total_seconds() < _SEEN_S for agent in web.store.agents.list())


def _plugin(plugin: Plugin) -> View:
    return {
        "id": plugin.id,
        "name": plugin.title,
        "reference": plugin.reference,
        "modes": plugin.modes,
        "presets": presets(plugin),
    }


def _project(project: Project) -> View:
    return {
        "id": project.id,
        "name": project.name,
        "images_count": project.images_count,
        "task_id": project.task_id,
        "created_at": project.created_at,
    }


def _model(model: Model) -> View:
    origin = model.provenance
    return {
        "id": model.id,
        "name": model.name,
        "only_train": model.only_train,
        "task_id": origin.task_id,
        "checkpoint_index": origin.checkpoint_index,
        "is_best": origin.is_best,
        "plugin_id": origin.plugin_id,
        "size_bytes": model.size_bytes,
        "created_at": model.created_at,
    }
