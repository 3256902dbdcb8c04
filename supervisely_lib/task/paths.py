"""The paths of a task's files (contract: task.md 2, sdk.md 11).

Inside a container the folder is `/sly_task_data`. If a plugin runs directly from its source, on a machine
that cannot mount this path, SLY_TASK_DATA names the folder.
"""

from __future__ import annotations

import os
from os.path import join

# Names of files and folders of a task.
ARTIFACTS = "artifacts"
CODE = "code"
CONFIG_JSON = "config.json"
DATA = "data"
GRAPH_JSON = "graph.json"
MODEL = "model"
PROJECTS = "projects"
RESULTS = "results"
TASK_CONFIG_JSON = "task_config.json"
TASK_SETTINGS_JSON = "task_settings.json"
TASK_SHARED = "sly_task_shared"
TMP = "tmp"

_TASK_DIR = os.environ.get("SLY_TASK_DATA") or "/sly_task_data"
_SHARED_DIR = os.environ.get("SLY_TASK_SHARED") or "/sly_task_shared"


class TaskPaths:
    """Absolute paths, as constants."""

    TASK_DIR = _TASK_DIR
    SETTINGS_PATH = join(_TASK_DIR, TASK_SETTINGS_JSON)  # deprecated copy of TASK_CONFIG_PATH
    TASK_CONFIG_PATH = join(_TASK_DIR, TASK_CONFIG_JSON)
    DATA_DIR = join(_TASK_DIR, DATA)  # holds exactly one project
    RESULTS_DIR = join(_TASK_DIR, RESULTS)
    DEBUG_DIR = join(_TASK_DIR, TMP)
    GRAPH_PATH = join(_TASK_DIR, GRAPH_JSON)
    MODEL_CONFIG_NAME = CONFIG_JSON
    MODEL_DIR = join(_TASK_DIR, MODEL)
    MODEL_CONFIG_PATH = join(MODEL_DIR, MODEL_CONFIG_NAME)
    OUT_ARTIFACTS_DIR = join(RESULTS_DIR, ARTIFACTS)
    OUT_PROJECTS_DIR = join(RESULTS_DIR, PROJECTS)
    TASK_SHARED_DIR = _SHARED_DIR
