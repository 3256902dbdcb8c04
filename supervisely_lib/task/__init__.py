"""The running task: where its files are, how it reports."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(__name__, {"paths": "task.paths", "progress": "task.progress"})
