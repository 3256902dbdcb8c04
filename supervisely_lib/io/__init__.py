"""Files, environment, JSON."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(__name__, {"env": "io.env", "fs": "io.fs", "json": "io.json"})
