"""The running task: the paths of its files, and its reports."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(__name__, {"paths": "task.paths", "progress": "task.progress"})
