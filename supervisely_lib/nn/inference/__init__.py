"""Serve a model over HTTP, outside of a task."""

from supervisely_lib._lazy import lazy

_MODULES = ("rest_constants", "rest_server")
__getattr__, __dir__ = lazy(__name__, {name: f"nn.inference.{name}" for name in _MODULES})
