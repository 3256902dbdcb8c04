"""Plugins in containers of a Docker engine, through the docker SDK; their life and output in `docker_container`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import docker.errors
import requests
from docker.types import DeviceRequest, LogConfig, Mount
from docker.utils import parse_repository_tag

from agent.domain import ContainerSpec, Hardening
from agent.engines import Container, EngineInfo, ImageInfo, KeptImage
from agent.engines.docker_container import DockerContainer
from agent.engines.docker_hosts import connect
from agent.engines.docker_ownership import give_back_from_inside
from agent.engines.docker_words import is_rootless, translated, words
from agent.errors import ImageNotFound

if TYPE_CHECKING:
    from docker.models.containers import Container as SdkContainer

CALL_TIMEOUT_S = 120  # one request; creating a container on a busy disk takes its time
REMOVAL_S = 15.0  # how long a name may stay taken by a container that is on its way out

# Images built here without a registry: a public registry's account of that name is somebody else's.
NEVER_PULLED = "local/"

# The log is the only way back to what was printed, so it must be readable and complete. A daemon's default
# driver may be one that cannot be read (syslog, fluentd), or json-file with options that drop lines:
# rotation (max-size, max-file) and non-blocking delivery. Each of them is overridden by name.
LOG_CONFIG = LogConfig(
    type=LogConfig.types.JSON,
    config={"max-size": "1000g", "max-file": "1", "mode": "blocking", "compress": "false"},
)


class DockerEngine:
    name = "docker"

    def __init__(self, *, answer_within_s: int = 10) -> None:
        """Connect where the environment, the docker context or the usual sockets say. Raises EngineUnavailable."""
        self.client, self.host = connect(answer_within_s)
        self.client.api.timeout = CALL_TIMEOUT_S

    def close(self) -> None:
        self.client.close()

    def info(self) -> EngineInfo:
        with translated("ask the engine about itself"):
            facts = self.client.info()
        return EngineInfo(
            name=self.name,
            version=str(facts.get("ServerVersion", "")),
            has_nvidia="nvidia" in (facts.get("Runtimes") or {}),
            can_mount_over=True,
            # Under a rootless engine the user is root inside.
            owner="0:0" if is_rootless(facts) else f"{os.geteuid()}:{os.getegid()}",
            memory_bytes=int(facts.get("MemTotal") or 0),
            cpus=int(facts.get("NCPU") or 0),
        )

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        reference = _with_tag(reference)
        if pull == "always":
            self._pull(reference)
        found = self._inspect_image(reference)
        if found is None and pull == "missing":
            self._pull(reference)
            found = self._inspect_image(reference)
        if found is None:
            raise ImageNotFound(
                f"the engine has no image {reference}, and pulling is switched off (pull={pull}); "
                "build it with `agent build FOLDER`, or allow pulling"
            )
        return found

    def start(self, spec: ContainerSpec) -> DockerContainer:
        with translated(f"start a container of {spec.image}"):
            made = self._create(spec)
            try:
                made.start()
            except BaseException:
                with suppress(docker.errors.DockerException, requests.RequestException):  # the first failure counts
                    made.remove(force=True, v=True)
                raise
        return DockerContainer(self.client, self.host, str(made.id), spec.labels)

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        wanted = [f"{key}={value}" for key, value in labels.items()]
        with translated("look for containers"):
            found = self.client.api.containers(all=True, filters={"label": wanted})
        return [
            DockerContainer(self.client, self.host, entry["Id"], entry.get("Labels") or {})
            for entry in found
            if unstarted or entry.get("State") != "created"
        ]

    def give_back(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """As `Engine.give_back`, in a container of any plugin's image that is here."""
        with translated(f"give {folder_on_host} back to its user"):
            here = self.client.api.images(filters={"label": "MODES"})
            if not here:
                raise ImageNotFound(
                    f"the engine has no plugin's image to give {folder_on_host} back to its user with; "
                    "build one with `agent build FOLDER`, or delete the folder as root"
                )
            give_back_from_inside(self.client, here[0]["Id"], folder_on_host, labels)

    def images_with(self, label: str) -> list[KeptImage]:
        with translated("list images"):
            found = self.client.api.images(filters={"label": label})
        images = []
        for entry in found:
            if reference := (entry.get("Labels") or {}).get("VERSION"):
                is_tagged = reference in (entry.get("RepoTags") or ())
                name = reference if is_tagged else entry["Id"]
                size_bytes, created_s = int(entry.get("Size") or 0), float(entry.get("Created") or 0)
                images.append(KeptImage(name, reference, is_tagged, size_bytes, created_s))
        return images

    def remove_image(self, name: str) -> None:
        with translated(f"remove the image {name}"), suppress(docker.errors.ImageNotFound):
            self.client.api.remove_image(name)

    def _inspect_image(self, reference: str) -> ImageInfo | None:
        with translated(f"look at the image {reference}"):
            try:
                found: dict[str, Any] = self.client.api.inspect_image(reference)  # type: ignore[no-untyped-call]
            except docker.errors.ImageNotFound:
                return None
        return ImageInfo(reference, found["Id"], (found.get("Config") or {}).get("Labels") or {})

    def _pull(self, reference: str) -> None:
        if reference.startswith(NEVER_PULLED):
            raise ImageNotFound(f"the engine has no image {reference}; build it with `agent build FOLDER`")
        repository, tag = parse_repository_tag(reference)
        try:
            for line in self.client.api.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise docker.errors.APIError(line["error"])
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise ImageNotFound(
                f"could not pull the image {reference}: {words(error)}; "
                "check its name and the network, or build it with `agent build FOLDER`"
            ) from error

    def _create(self, spec: ContainerSpec) -> SdkContainer:
        """Create, taking the name over from a leftover that may still be on its way out."""
        deadline = time.monotonic() + REMOVAL_S
        while True:
            try:
                return self.client.containers.create(**_create_arguments(spec))
            except docker.errors.ImageNotFound as error:
                raise ImageNotFound(
                    f"the engine has no image {spec.image}; build it with `agent build FOLDER`"
                ) from error
            except docker.errors.APIError as error:
                if error.status_code != 409 or time.monotonic() > deadline:
                    raise
                DockerContainer(self.client, self.host, spec.name, {}).discard()
                time.sleep(0.1)


def _create_arguments(spec: ContainerSpec) -> dict[str, Any]:
    """The spec in docker-py's words; nothing is decided here."""
    arguments: dict[str, Any] = {
        "image": spec.image,
        "entrypoint": list(spec.entrypoint),
        "name": spec.name,
        "environment": dict(spec.env),
        "labels": dict(spec.labels),
        "mounts": [Mount(m.target, m.source, type="bind", read_only=m.read_only) for m in spec.mounts],
        "shm_size": spec.shm_bytes,
        "log_config": LOG_CONFIG,
        "detach": True,
        "tty": False,
        "stdin_open": False,
    }
    if spec.runtime:
        arguments["runtime"] = spec.runtime
    if spec.gpus == "all":
        arguments["device_requests"] = [DeviceRequest(count=-1, capabilities=[["gpu"]])]
    elif spec.gpus:
        arguments["device_requests"] = [DeviceRequest(device_ids=spec.gpus.split(","), capabilities=[["gpu"]])]
    if spec.memory_bytes:
        arguments |= {"mem_limit": spec.memory_bytes, "memswap_limit": spec.memory_bytes}
    if spec.hardening:
        arguments |= _walls(spec.hardening)
    return arguments


def _walls(hardening: Hardening) -> dict[str, Any]:
    return {
        "user": hardening.user,
        "network_mode": hardening.network,
        "cap_drop": list(hardening.drop_capabilities),
        "security_opt": [] if hardening.new_privileges else ["no-new-privileges"],
        "pids_limit": hardening.pids,
        "nano_cpus": int(hardening.cpus * 1e9),
        "read_only": hardening.read_only_root,
        "tmpfs": dict(hardening.tmpfs),
    }


def _with_tag(reference: str) -> str:
    """Without a tag or digest `latest` is meant; a registry's port is no tag."""
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"
