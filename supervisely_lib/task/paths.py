"""Where a task finds its files (contract: task.md 2, sdk.md 11).

Inside a container the folder is `/sly_task_data`. Where that cannot be made real (a plugin run
straight from its source on a machine without mounts), SLY_TASK_DATA names the folder instead.
"""

from __future__ import annotations

import os
from os.path import join

_TASK_DIR = os.environ.get("SLY_TASK_DATA") or "/sly_task_data"
_SHARED_DIR = os.environ.get("SLY_TASK_SHARED") or "/sly_task_shared"


class TaskPaths:
    """Absolute paths, as constants."""

    TASK_DIR = _TASK_DIR
    SETTINGS_PATH = join(_TASK_DIR, "task_settings.json")  # deprecated twin of TASK_CONFIG_PATH
    TASK_CONFIG_PATH = join(_TASK_DIR, "task_config.json")
    DATA_DIR = join(_TASK_DIR, "data")  # holds exactly one project
    RESULTS_DIR = join(_TASK_DIR, "results")
    DEBUG_DIR = join(_TASK_DIR, "tmp")
    GRAPH_PATH = join(_TASK_DIR, "graph.json")
    MODEL_CONFIG_NAME = "config.json"
    MODEL_DIR = join(_TASK_DIR, "model")
    MODEL_CONFIG_PATH = join(MODEL_DIR, MODEL_CONFIG_NAME)
    OUT_ARTIFACTS_DIR = join(RESULTS_DIR, "artifacts")
    OUT_PROJECTS_DIR = join(RESULTS_DIR, "projects")
    TASK_SHARED_DIR = _SHARED_DIR
