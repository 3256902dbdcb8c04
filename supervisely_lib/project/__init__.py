"""Projects on disk: images with annotations in datasets, and their classes and tags."""

from supervisely_lib._lazy import lazy

_MODULES = ("dataset", "download", "project", "project_meta", "project_type")
__getattr__, __dir__ = lazy(__name__, {name: f"project.{name}" for name in _MODULES})
