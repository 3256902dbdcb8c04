"""Plugins, projects and models to choose from, for the forms of a new task and a new study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.domain import Model, Plugin, Project
from agent.liveness import agents_alive
from agent.store import ModelQuestion, ProjectQuestion, Window
from web_stub.pages.library import config_forms

if TYPE_CHECKING:
    from agent.store import Store

CHOICES = 50  # of each kind in the page at first; the page asks for others


def choices(
    store: Store, kind: str, plugin: Plugin | None, project: Project | None, model: Model | None
) -> dict[str, Any]:
    """The first of each kind, and what is chosen: what is given, else what is the only one there is."""
    plugins = store.plugins.search("", Window(CHOICES))
    projects = store.projects.search(ProjectQuestion(), Window(CHOICES))[0]
    models = store.models.search(ModelQuestion(), Window(CHOICES))
    plugin = plugin or next((known for known, _ in plugins.values if kind in known.modes), None)
    project = project or (projects.values[0] if projects.total == 1 else None)
    model = model or (models.values[0] if models.total == 1 else None)
    best = store.models.best_of_tasks(_tasks_of([*models.values, *([model] if model else [])]))
    return {
        "chosen": {
            "plugin": plugin and _plugin(plugin),
            "project": project and _project(project),
            "model": model and _model(model, best),
        },
        "plugins": {"items": [_plugin(known) for known, _ in plugins.values], "total": plugins.total},
        "projects": {"items": [_project(known) for known in projects.values], "total": projects.total},
        "models": {"items": [_model(known, best) for known in models.values], "total": models.total},
        "forms": {plugin.id: config_forms(plugin)} if plugin else {},
        "choices": CHOICES,
        "agents": len(agents_alive(store)),
    }


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
