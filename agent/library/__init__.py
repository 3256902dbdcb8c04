"""What somebody brings becomes part of the library: projects, model states, plugins; and leaves it again.

Everything is checked before anything is kept, and the same content is kept once. Wherever an id is asked for,
a name or a path does as well.
"""

from __future__ import annotations

from agent.library.models import add_model, empty_model, export_model, fill_model, remove_model
from agent.library.plugins import add_plugin_folder, add_plugin_image
from agent.library.project_tar import project_tar
from agent.library.projects import add_project, export_project
from agent.library.references import resolve_model, resolve_plugin, resolve_project

__all__ = [
    "add_model",
    "add_plugin_folder",
    "add_plugin_image",
    "add_project",
    "empty_model",
    "export_model",
    "export_project",
    "fill_model",
    "project_tar",
    "remove_model",
    "resolve_model",
    "resolve_plugin",
    "resolve_project",
]
