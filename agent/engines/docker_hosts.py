"""Where a Docker engine may answer: DOCKER_HOST, the current docker context, the usual sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import ContextAPI
from docker.utils import kwargs_from_env

from agent.errors import EngineUnavailable


def connect(answer_within_s: int) -> tuple[docker.DockerClient, str]:
    """A client of the first engine that answers, and its host URL. Raises EngineUnavailable with what was tried."""
    tried: list[str] = []
    for host, options in _hosts():
        try:
            _knock(host, answer_within_s)
            return docker.DockerClient(base_url=host, timeout=answer_within_s, **options), host
        except (docker.errors.DockerException, OSError, ValueError) as error:
            tried.append(f"{host} ({_reason(host, error)})")
    raise EngineUnavailable(
        f"no Docker engine answers: tried {', '.join(tried)}; start it or set DOCKER_HOST, "
        "or run plugins as processes with AGENT_ENGINE=process"
    )


def _knock(host: str, answer_within_s: int) -> None:
    """Raise OSError where nobody listens on a Unix socket; docker-py would leave its own socket open there."""
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.settimeout(answer_within_s)
            knock.connect(host.removeprefix("unix://"))


def _hosts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Host URLs with what the client needs for them. DOCKER_HOST, when set, is the only one."""
    from_environment = kwargs_from_env()  # DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH
    if host := from_environment.pop("base_url", None):
        yield _url(host), dict(from_environment)
        return
    chosen = _context()
    if chosen:
        yield chosen
    usual = _url(DEFAULT_UNIX_SOCKET)
    if not chosen or chosen[0] != usual:
        yield usual, {}
    home = Path.home()
    others = (Path(f"/run/user/{os.getuid()}/docker.sock"), home / ".docker/run/docker.sock")  # rootless, Desktop
    for path in others:
        if path.exists():
            yield f"unix://{path}", {}


def _context() -> tuple[str, dict[str, Any]] | None:
    """What `docker context use` chose, if anything."""
    try:
        context = ContextAPI.get_current_context()
    except (docker.errors.DockerException, OSError, ValueError):
        return None
    if context is None or context.Name == "default" or not context.Host:
        return None
    return _url(context.Host), {"tls": context.TLSConfig} if context.TLSConfig else {}


def _url(host: str) -> str:
    """`http+unix:///path`, docker-py's own spelling, and `unix:///path` as the latter."""
    return host.removeprefix("http+") if host.startswith("http+unix://") else host


def _reason(host: str, error: Exception) -> str:
    """Why nobody answered there, in a few words."""
    path = Path(host.removeprefix("unix://"))
    if host.startswith("unix://"):
        if not path.exists():
            return "no such socket"
        if not os.access(path, os.R_OK | os.W_OK):
            return "no permission; is this user in the group `docker`?"
    return " ".join(str(error).split())[:200]
