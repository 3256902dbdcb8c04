"""The settings of an agent that a cluster starts on a node, as variables of its environment. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.settings import Settings

# Of a machine and of a person, not of the task: a job has its own.
_OWN = frozenset({"home", "tasks_dir", "tasks_host_dir", "name", "token"})
_NOT_FOR_NODES = ("slurm_", "kubernetes_", "web_", "trusted_", "keep", "trash_")


def node_environment(settings: Settings) -> dict[str, str]:
    """The settings of the controller that are no defaults, but for what is of a machine."""
    env = {}
    for setting in fields(settings):
        name, value = setting.name, getattr(settings, setting.name)
        if name in _OWN or name.startswith(_NOT_FOR_NODES) or value == setting.default:
            continue
        env[f"AGENT_{name.upper()}"] = str(value).lower() if isinstance(value, bool) else str(value)
    env.pop("AGENT_GPUS", None)  # the cluster says which GPUs a job has
    env["AGENT_STORE_URL"] = settings.store_url or f"sqlite:///{settings.home / 'store.db'}"
    env["AGENT_ARTIFACTS_URL"] = settings.artifacts
    return env
