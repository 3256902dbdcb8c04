"""Import of projects, model states and plugins into the library, and export and removal of them.

Everything is checked before anything is kept, and the same content is kept once. Wherever an id is asked for,
a name or a path does as well.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.library.model_plugin import origin_of, plugin_of_model
    from agent.library.models import add_model, empty_model, export_model, fill_model, purge_model
    from agent.library.plugins import add_plugin_folder, add_plugin_image
    from agent.library.project_tar import project_tar
    from agent.library.projects import add_project, export_project
    from agent.library.references import resolve_model, resolve_plugin, resolve_project
    from agent.library.state_upload import StateUpload
    from agent.library.task_models import best_of_task, find_checkpoint_model, validation_metrics

# A module is imported when a name of it is first used: a command that lists tasks reads no archives.
_MODULES = {
    "StateUpload": "state_upload",
    "add_model": "models",
    "add_plugin_folder": "plugins",
    "add_plugin_image": "plugins",
    "add_project": "projects",
    "best_of_task": "task_models",
    "empty_model": "models",
    "export_model": "models",
    "export_project": "projects",
    "fill_model": "models",
    "find_checkpoint_model": "task_models",
    "origin_of": "model_plugin",
    "plugin_of_model": "model_plugin",
    "project_tar": "project_tar",
    "purge_model": "models",
    "resolve_model": "references",
    "resolve_plugin": "references",
    "resolve_project": "references",
    "validation_metrics": "task_models",
}
__all__ = [
    "StateUpload",
    "add_model",
    "add_plugin_folder",
    "add_plugin_image",
    "add_project",
    "best_of_task",
    "empty_model",
    "export_model",
    "export_project",
    "fill_model",
    "find_checkpoint_model",
    "origin_of",
    "plugin_of_model",
    "project_tar",
    "purge_model",
    "resolve_model",
    "resolve_plugin",
    "resolve_project",
    "validation_metrics",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found
