"""The docker SDK's errors as errors of ours, and the pauses between calls to an engine that does not answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker.errors
import requests

from agent.errors import CouldNotStart, EngineUnavailable


@contextmanager
def translated_errors(action: str) -> Iterator[None]:
    """Raise the docker SDK's errors as CouldNotStart or EngineUnavailable. `action` completes "could not ..."."""
    try:
        yield
    except docker.errors.APIError as error:
        description = describe_error(error)
        raise CouldNotStart(f"could not {action}: {description}{_hint(description)}") from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineUnavailable(
            f"could not {action}: the Docker engine does not answer ({describe_error(error)})"
        ) from error


def _hint(description: str) -> str:
    """The remedy for an error that the engine describes so, as the end of a sentence; empty for any other error."""
    signs = ("could not select device driver", "runtime name: nvidia", "runtime specified nvidia", "nvidia-container")
    if any(sign in description for sign in signs):
        return "; the engine cannot give GPUs (is the NVIDIA container toolkit installed?), or submit with --gpus none"
    if "bind source path does not exist" in description:
        return "; the engine does not see the agent's task folder: set AGENT_TASKS_HOST_DIR to its path on the host"
    if "exec format error" in description.lower():
        return "; the image is for another processor than this machine's: build it here, or for this machine's platform"
    if "executable file not found" in description:
        return "; a plugin's image needs `sh` and `python` on its PATH"
    return ""


def is_rootless(info: Mapping[str, Any]) -> bool:
    """Whether the engine runs as an ordinary user. `info` is the engine's answer to `docker info`."""
    return any("rootless" in option for option in info.get("SecurityOptions") or ())


def describe_error(error: Exception) -> str:
    """The engine's own explanation, in one line."""
    text = getattr(error, "explanation", None) or error
    return " ".join(str(text).split())


def attempts(patience_s: float) -> Iterator[int]:
    """Count attempts from 0, with growing pauses between them, until `patience_s` seconds have passed."""
    deadline, pause_s, count = time.monotonic() + patience_s, 0.1, 0
    while True:
        yield count
        if time.monotonic() > deadline:
            return
        time.sleep(pause_s)
        pause_s, count = min(pause_s * 2, 3.0), count + 1
