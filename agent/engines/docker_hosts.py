"""The addresses at which a Docker engine may answer: DOCKER_HOST, the chosen docker context, the usual sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.constants import DEFAULT_UNIX_SOCKET

from agent.engines.docker_config import ClientConfig, Endpoint, chosen_context, read_client_config, tls_from
from agent.errors import EngineUnavailable


def connect(answer_within_s: int) -> tuple[docker.DockerClient, str]:
    """A client of the first engine that answers, and its host URL. Raises EngineUnavailable naming every address.

    An engine that the user has chosen, by DOCKER_HOST or a docker context, is the only one that is asked: a task must
    not run on another engine than its user's.
    """
    config = read_client_config()
    tried: list[str] = []
    chosen = ""
    for endpoint in _endpoints(config):
        chosen = endpoint.chosen_by
        try:
            _probe_socket(endpoint.host, answer_within_s)
            options: dict[str, Any] = {"tls": endpoint.tls} if endpoint.tls else {}
            client = docker.DockerClient(base_url=endpoint.host, timeout=answer_within_s, **options)
            return client, endpoint.host
        except (docker.errors.DockerException, OSError, ValueError) as error:
            tried.append(f"{endpoint.host} ({_reason(endpoint.host, error)})")
        except (AttributeError, TypeError, KeyError) as error:  # a configuration of a shape that the SDK does not know
            raise EngineUnavailable(
                f"the docker client's configuration {config.file} cannot be used ({type(error).__name__}: {error}); "
                "correct it, or set DOCKER_CONFIG to another folder"
            ) from error
    where = f"at {tried[0]}, chosen by {chosen}" if chosen else f": tried {', '.join(tried)}"
    remedy = f"start it or change {chosen}" if chosen else "start it or set DOCKER_HOST"
    raise EngineUnavailable(
        f"no Docker engine answers{' ' if chosen else ''}{where}; {remedy}, "
        "or run plugins as processes with AGENT_ENGINE=process"
    )


def _probe_socket(host: str, answer_within_s: int) -> None:
    """Raise OSError when no process listens on a Unix socket. docker-py would leave its own socket open then."""
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(answer_within_s)
            probe.connect(host.removeprefix("unix://"))


def _endpoints(config: ClientConfig, environment: Mapping[str, str] = os.environ) -> Iterator[Endpoint]:
    """The engines to ask, in order; only one where the user has chosen it. Raises EngineUnavailable."""
    if host := environment.get("DOCKER_HOST"):
        yield Endpoint(_url(host), _tls_of_environment(host, config, environment), "DOCKER_HOST")
        return
    if chosen := chosen_context(config, environment):
        yield Endpoint(_url(chosen.host), chosen.tls, chosen.chosen_by)
        return
    yield Endpoint(_url(DEFAULT_UNIX_SOCKET), None, "")
    # rootless, Desktop
    others = (f"/run/user/{os.getuid()}/docker.sock", os.path.expanduser("~/.docker/run/docker.sock"))  # noqa: PTH111
    for path in others:
        if Path(path).exists():
            yield Endpoint(f"unix://{path}", None, "")


def _tls_of_environment(host: str, config: ClientConfig, environment: Mapping[str, str]) -> Any:
    """TLS as DOCKER_TLS_VERIFY and DOCKER_CERT_PATH want it, for an engine behind a network; None for any other.

    The two often outlive the engine that they were set for.
    """
    verify, given = bool(environment.get("DOCKER_TLS_VERIFY")), environment.get("DOCKER_CERT_PATH")
    if not host.startswith(("tcp://", "https://")) or not (verify or given):
        return None
    return tls_from(Path(given) if given else config.folder, verify=verify, about="DOCKER_TLS_VERIFY")


def _url(host: str) -> str:
    """The URL with `unix:///path` for docker-py's own spelling `http+unix:///path`."""
    return host.removeprefix("http+") if host.startswith("http+unix://") else host


def _reason(host: str, error: Exception) -> str:
    """Why no engine answered at this host, in a few words."""
    path = Path(host.removeprefix("unix://"))
    if host.startswith("unix://"):
        if not path.exists():
            return "no such socket"
        if not os.access(path, os.R_OK | os.W_OK):
            return "no permission; is this user in the group `docker`?"
    return " ".join(str(error).split())[:200]
