"""The page that submits a task, filled in from the task, model, project or plugin that its address names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from agent.domain import Model, Plugin, Project, Task
from agent.errors import NotFound
from agent.liveness import agents_alive
from agent.store import ModelQuestion, ProjectQuestion, Window
from web_stub.context import WebDep
from web_stub.pages.frame import page
from web_stub.pages.library import config_forms
from web_stub.pages.pretty_json import pretty
from web_stub.parameters import LARGEST_ID
from web_stub.resources.tasks import Options

CHOICES = 50  # of each kind in the page at first; the page asks for others

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
    kind = type or (old.type.value if old else "train")
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
    plugins = web.store.plugins.search("", Window(CHOICES))
    projects = web.store.projects.search(ProjectQuestion(), Window(CHOICES))[0]
    models = web.store.models.search(ModelQuestion(), Window(CHOICES))
    the_plugin = the_plugin or next((known for known, _ in plugins.values if kind in known.modes), None)
    the_project = the_project or (projects.values[0] if projects.total == 1 else None)
    the_model = the_model or (models.values[0] if models.total == 1 else None)
    best = web.store.models.best_of_tasks(_tasks_of([*models.values, *([the_model] if the_model else [])]))
    first = {
        "chosen": {
            "plugin": the_plugin and _plugin(the_plugin),
            "project": the_project and _project(the_project),
            "model": the_model and _model(the_model, best),
        },
        "plugins": {"items": [_plugin(known) for known, _ in plugins.values], "total": plugins.total},
        "projects": {"items": [_project(known) for known in projects.values], "total": projects.total},
        "models": {"items": [_model(known, best) for known in models.values], "total": models.total},
        "forms": {the_plugin.id: config_forms(the_plugin)} if the_plugin else {},
        "choices": CHOICES,
        "draft": draft,
        "notes": notes,
        "agents": len(agents_alive(web.store)),
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


def _tasks_of(models: list[Model]) -> set[int]:
    return {model.provenance.task_id for model in models if model.provenance.task_id is not None}


def _plugin(plugin: Plugin) -> dict[str, Any]:
    return {
        "id": plugin.id,
        "name": plugin.title,
        "reference": plugin.reference,
        "modes": plugin.modes,
    }


def _project(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "images_count": project.images_count,
        "task_id": project.task_id,
        "created_at": project.created_at,
    }


def _model(model: Model, best: set[int]) -> dict[str, Any]:
    origin = model.provenance
    return {
        "id": model.id,
        "name": model.name,
        "only_train": model.only_train,
        "task_id": origin.task_id,
        "checkpoint_index": origin.checkpoint_index,
        "is_best": model.id in best,
        "plugin_id": origin.plugin_id,
        "size_bytes": model.size_bytes,
        "created_at": model.created_at,
    }
