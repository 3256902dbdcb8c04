"""What is special about the run of a deployed model: its config, its key and its entry.

The plugin asks the web for requests, at the address and with the key in its config (contract: task.md 2). The key is
in the task folder only: neither the store nor a log has it.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.domain import TASK_MOUNT, WORKDIR, Plugin, TaskType
from agent.errors import CouldNotStart
from agent.formats.plugin_files import REST_MODE
from agent.fs.beneath import open_folder

if TYPE_CHECKING:
    from agent.formats.task_dir import TaskDir

CONNECTION = "connection"  # the key of the config
CONFIG_BYTES = 8 << 20  # of a config that is read again; far more than a task's may have
HIDDEN = "<the key of this task>"  # in place of the key in lines that a plugin prints
_PROGRAM = Path("nn", "hosted", "serve.py")  # in the SDK


def serves_itself(plugin: Plugin) -> bool:
    """Whether the plugin has deploy.py. Else the agent brings a program, for inference.py or rest_inference.py."""
    return TaskType.DEPLOY.value in plugin.modes


def entry_of(plugin: Plugin, kind: TaskType) -> str:
    """The plugin's own file that a task of this kind runs."""
    name = kind.value
    if kind is TaskType.DEPLOY and not serves_itself(plugin):
        name = REST_MODE if REST_MODE in plugin.modes else TaskType.INFERENCE.value
    return f"{WORKDIR}/src/{name}.py"


def command_of(plugin: Plugin, kind: TaskType) -> str:
    """The command of the container."""
    if kind is TaskType.DEPLOY and not serves_itself(plugin):
        return f"python -u {TASK_MOUNT}/serve.py {entry_of(plugin, kind)}"
    return f"python -u {entry_of(plugin, kind)}"


def served_config(settings: Mapping[str, Any], connection: Mapping[str, str]) -> dict[str, Any]:
    """The config of a deployed model. `settings` are the task's."""
    return {**settings, CONNECTION: dict(connection), "model_settings": dict(settings)}


def connection_to(address: str, key: str, task_id: int) -> dict[str, str]:
    """How the model reaches its server. The address ends with a slash, as the original agent writes it."""
    return {"server_address": f"{address.rstrip('/')}/", "token": key, "task_id": str(task_id)}


def serving_program() -> bytes:
    """The program that serves the model of a plugin without one of its own. CouldNotStart."""
    package = importlib.util.find_spec("supervisely_lib")  # found, not imported
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        with suppress(OSError):
            return Path(folder, _PROGRAM).read_bytes()
    raise CouldNotStart(
        f"the plugin has no src/deploy.py, and the program that would serve its model ({_PROGRAM}) is not installed "
        "with this agent; install the agent again, or add src/deploy.py to the plugin"
    )


def key_in(folder: TaskDir) -> str:
    """The key that a deployed model was given by an agent before this one; empty where it cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError), open_folder(folder.path) as opened:
        with opened.file(folder.config_path.name) as config:  # a plugin may have put anything in its place
            text = config.read(CONFIG_BYTES + 1)
        if len(text) <= CONFIG_BYTES:
            return str(json.loads(text)[CONNECTION]["token"])
    return ""
