"""The docker SDK's errors in our words, and how long one goes on asking an engine that is away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker.errors
import requests

from agent.errors import CouldNotStart, EngineUnavailable


@contextmanager
def translated(what: str) -> Iterator[None]:
    """The docker SDK's errors as ours. `what` completes "could not ..."."""
    try:
        yield
    except docker.errors.APIError as error:
        raise CouldNotStart(f"could not {what}: {words(error)}{_hint(words(error))}") from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineUnavailable(f"could not {what}: the Docker engine does not answer ({words(error)})") from error


def _hint(words: str) -> str:
    signs = ("could not select device driver", "runtime name: nvidia", "runtime specified nvidia", "nvidia-container")
    if any(sign in words for sign in signs):
        return "; the engine cannot give GPUs (is the NVIDIA container toolkit installed?), or submit with --gpus none"
    if "bind source path does not exist" in words:
        return "; the engine does not see the agent's task folder: set AGENT_TASKS_HOST_DIR to its path on the host"
    if "executable file not found" in words:
        return "; a plugin's image needs `sh` and `python` on its PATH"
    return ""


def is_rootless(info: Mapping[str, Any]) -> bool:
    """Whether the engine runs as an ordinary user, by what it says of itself."""
    return any("rootless" in option for option in info.get("SecurityOptions") or ())


def words(error: Exception) -> str:
    """The engine's own explanation, in one line."""
    text = getattr(error, "explanation", None) or error
    return " ".join(str(text).split())


def attempts(patience_s: float) -> Iterator[int]:
    """Tries with growing pauses between them, until the patience is used up."""
    deadline, pause_s, count = time.monotonic() + patience_s, 0.1, 0
    while True:
        yield count
        if time.monotonic() > deadline:
            return
        time.sleep(pause_s)
        pause_s, count = min(pause_s * 2, 3.0), count + 1
