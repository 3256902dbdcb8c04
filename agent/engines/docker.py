"""Plugins in containers of a Docker engine, through the docker SDK. `docker_container` is a container's life."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import docker.errors
import requests
from docker.credentials import StoreError
from docker.types import DeviceRequest, LogConfig, Mount
from docker.utils import parse_repository_tag

from agent.domain import LOCAL_IMAGES, ContainerSpec, EngineInfo, Hardening
from agent.engines import Container, ImageInfo, KeptImage, StoredImage, own_name
from agent.engines.docker_config import missing_helpers, proxies, read_client_config
from agent.engines.docker_container import DockerContainer
from agent.engines.docker_errors import describe_error, is_rootless, translated_errors
from agent.engines.docker_hosts import connect
from agent.engines.docker_ownership import restore_ownership_in_container
from agent.errors import CouldNotStart, ImageNotFound

if TYPE_CHECKING:
    from docker.models.containers import Container as SdkContainer

CALL_TIMEOUT_S = 120  # of a single request; creating a container on a busy disk is slow
REMOVAL_S = 15.0  # how long a container that is being removed may keep its name

# The log is the only copy of the output, so it must be readable and complete. A daemon's default driver may be
# unreadable (syslog, fluentd), or json-file with options that drop lines: rotation (max-size, max-file) and
# non-blocking delivery. Each of these options is overridden by name.
LOG_CONFIG = LogConfig(
    type=LogConfig.types.JSON,
    config={"max-size": "1000g", "max-file": "1", "mode": "blocking", "compress": "false"},
)


T = TypeVar("T")

log = logging.getLogger("agent.engines.docker")


class DockerEngine:
    name = "docker"

    def __init__(self, *, answer_within_s: int = 10) -> None:
        """Connect to the engine of DOCKER_HOST, of the docker context, or of the usual sockets.

        Raises EngineUnavailable.
        """
        self.client, self.host = connect(answer_within_s)
        self.client.api.timeout = CALL_TIMEOUT_S
        self._config = read_client_config()
        self.proxies = proxies(self._config, self.host)  # for containers and builds
        self.without_credentials = ""  # why the user's credentials of registries are not used; empty: they are

    def close(self) -> None:
        self.client.close()

    def info(self) -> EngineInfo:
        with translated_errors("ask the engine about itself"):
            facts = self.client.info()
        return EngineInfo(
            name=self.name,
            version=str(facts.get("ServerVersion", "")),
            has_nvidia="nvidia" in (facts.get("Runtimes") or {}),
            can_mount_over=True,
            # Under a rootless engine the agent's user is root inside the container.
            owner="0:0" if is_rootless(facts) else f"{os.geteuid()}:{os.getegid()}",
            memory_bytes=int(facts.get("MemTotal") or 0),
            cpus=int(facts.get("NCPU") or 0),
            remark=self._remark(),
            is_local=self.host.startswith("unix:"),
        )

    def _remark(self) -> str:
        names = ", ".join(name for name in self.proxies if name.isupper())
        return f"The docker client's {self._config.file} gives every container {names}." if names else ""

    def with_credentials(self, call: Callable[[], T]) -> T:
        """Make a call to the engine that sends the user's credentials of registries, or none if they cannot be had.

        The program that keeps them is often one of another machine or of an uninstalled Docker Desktop.
        """
        configs: dict[str, Any] = getattr(self.client.api, "_auth_configs")  # noqa: B009 - no public way changes them
        if missing := missing_helpers(configs):
            self._forget_credentials(configs, f"there is no program {missing[0]}")
        try:
            return call()
        except (StoreError, docker.errors.DockerException) as error:
            if not isinstance(error, StoreError) and "Credentials store error" not in str(error):
                raise
            self._forget_credentials(configs, describe_error(error))
            return call()

    def _forget_credentials(self, configs: dict[str, Any], why: str) -> None:
        for key in ("credsStore", "credHelpers"):
            configs.pop(key, None)
        if not configs.get("auths"):  # where nothing is left, the SDK reads the file again
            configs["auths"] = {"registry.invalid": {}}
        self.without_credentials = f"credentials of {self._config.file} cannot be used ({why}), so none are sent"
        log.warning("%s", self.without_credentials)

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

    def history(self, reference: str) -> list[dict[str, Any]]:
        """The layers of an image that the engine has, as it tells them: the newest first. ImageNotFound."""
        with translated_errors(f"look for the layers of {reference}"):
            try:
                return list(self.client.api.history(_with_tag(reference)))  # type: ignore[no-untyped-call]
            except docker.errors.ImageNotFound:
                raise ImageNotFound(f"the engine has no image {reference}") from None

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:
        """By the id; an engine that gives ids of its own kind knows what it has loaded by the name it got then."""
        found = self._inspect_image(digest) or self._inspect_image(own_name(reference, digest))
        return replace(found, reference=found.digest) if found is not None else None

    def load_image(self, image: StoredImage) -> ImageInfo:
        from agent.engines.docker_images import load_image  # late: it knows this class

        return load_image(self, image)

    def start(self, spec: ContainerSpec) -> DockerContainer:
        with translated_errors(f"start a container of {spec.image}"):
            made = self._create(spec)
            try:
                made.start()
            except BaseException:
                with suppress(
                    docker.errors.DockerException, requests.RequestException
                ):  # the first failure is reported
                    made.remove(force=True, v=True)
                raise
        return DockerContainer(self.client, self.host, str(made.id), spec.labels)

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        wanted = [f"{key}={value}" for key, value in labels.items()]
        with translated_errors("look for containers"):
            found = self.client.api.containers(all=True, filters={"label": wanted})
        return [
            DockerContainer(self.client, self.host, entry["Id"], entry.get("Labels") or {})
            for entry in found
            if unstarted or entry.get("State") != "created"
        ]

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """As `Engine.restore_ownership`, in a container of any plugin image that the engine has."""
        with translated_errors(f"give {folder_on_host} back to its user"):
            plugin_images = self.client.api.images(filters={"label": "MODES"})
            if not plugin_images:
                raise ImageNotFound(
                    f"the engine has no plugin's image to give {folder_on_host} back to its user with; "
                    "build one with `agent build FOLDER`, or delete the folder as root"
                )
            restore_ownership_in_container(self.client, plugin_images[0]["Id"], folder_on_host, labels)

    def images_with(self, label: str) -> list[KeptImage]:
        with translated_errors("list images"):
            found = self.client.api.images(filters={"label": label})
        images = []
        for entry in found:
            if reference := (entry.get("Labels") or {}).get("VERSION"):
                is_tagged = reference in (entry.get("RepoTags") or ())
                name = reference if is_tagged else entry["Id"]
                size_bytes, created_s = int(entry.get("Size") or 0), float(entry.get("Created") or 0)
                images.append(KeptImage(name, reference, is_tagged, size_bytes, created_s, entry["Id"]))
        return images

    def remove_image(self, name: str) -> None:
        with translated_errors(f"remove the image {name}"), suppress(docker.errors.ImageNotFound):
            self.client.api.remove_image(name)

    def _inspect_image(self, reference: str) -> ImageInfo | None:
        with translated_errors(f"look at the image {reference}"):
            try:
                found: dict[str, Any] = self.client.api.inspect_image(reference)  # type: ignore[no-untyped-call]
            except docker.errors.ImageNotFound:
                return None
        return ImageInfo(reference, found["Id"], (found.get("Config") or {}).get("Labels") or {})

    def _pull(self, reference: str) -> None:
        if reference.startswith(LOCAL_IMAGES):
            raise ImageNotFound(f"the engine has no image {reference}; build it with `agent build FOLDER`")
        repository, tag = parse_repository_tag(reference)
        try:
            pull = partial(self.client.api.pull, repository, tag=tag, stream=True, decode=True)
            for line in self.with_credentials(pull):
                if "error" in line:
                    raise docker.errors.APIError(line["error"])
        except (docker.errors.DockerException, requests.RequestException) as error:
            stale = f"{self.without_credentials}; " if self.without_credentials else ""
            raise ImageNotFound(
                f"could not pull the image {reference}: {describe_error(error)}; {stale}"
                "check its name and the network, or build it with `agent build FOLDER`"
            ) from error

    def _relabels(self) -> bool:
        return any("selinux" in str(option) for option in self.client.info().get("SecurityOptions") or ())

    def _create(self, spec: ContainerSpec) -> SdkContainer:
        """Create a container. An older container that has the name is removed first, which may take a while."""
        deadline = time.monotonic() + REMOVAL_S
        arguments = create_arguments(spec, self.proxies, relabels=self._relabels())
        while True:
            try:
                return self.client.containers.create(**arguments)
            except docker.errors.ImageNotFound as error:
                raise ImageNotFound(
                    f"the engine has no image {spec.image}; build it with `agent build FOLDER`"
                ) from error
            except docker.errors.APIError as error:
                if error.status_code != 409 or time.monotonic() > deadline:
                    raise
                DockerContainer(self.client, self.host, spec.name, {}).discard()
                time.sleep(0.1)


def create_arguments(spec: ContainerSpec, proxies: Mapping[str, str], *, relabels: bool) -> dict[str, Any]:
    """The specification as arguments of docker-py. Nothing is decided here.

    `relabels`: the engine separates containers by SELinux, so files of the host need the label of files of containers.
    The label is the shared one (`z`), because task folders share images with the library and each other. Only binds
    can ask for it, mounts cannot.
    """
    arguments: dict[str, Any] = {
        "image": spec.image,
        "entrypoint": list(spec.entrypoint),
        "name": spec.name,
        "environment": {**({} if spec.hardening else proxies), **spec.env},  # without a network a proxy is no use
        "use_config_proxy": False,  # the proxies of the user's configuration are in the environment already
        "labels": dict(spec.labels),
        "shm_size": spec.shm_bytes,
        "log_config": LOG_CONFIG,
        "detach": True,
        "tty": False,
        "stdin_open": False,
    }
    if relabels:
        arguments["volumes"] = [
            f"{_bindable(m.source)}:{m.target}:{'ro' if m.read_only else 'rw'},z" for m in spec.mounts
        ]
    else:
        arguments["mounts"] = [Mount(m.target, m.source, type="bind", read_only=m.read_only) for m in spec.mounts]
    if spec.runtime:
        arguments["runtime"] = spec.runtime
    if spec.gpus == "all":
        arguments["device_requests"] = [DeviceRequest(count=-1, capabilities=[["gpu"]])]
    elif spec.gpus:
        arguments["device_requests"] = [DeviceRequest(device_ids=spec.gpus.split(","), capabilities=[["gpu"]])]
    if spec.memory_bytes:
        arguments |= {"mem_limit": spec.memory_bytes, "memswap_limit": spec.memory_bytes}
    if spec.hardening:
        arguments |= _hardening_arguments(spec.hardening)
    return arguments


def _bindable(source: str) -> str:
    if ":" in source:
        raise CouldNotStart(
            f"the engine uses SELinux, and cannot label {source} for containers, because the path holds a colon; "
            "set AGENT_HOME or AGENT_TASKS_DIR to a folder without"
        )
    return source


def _hardening_arguments(hardening: Hardening) -> dict[str, Any]:
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
    """The reference with the tag `latest` unless it has a tag or digest. The port of a registry is no tag."""
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"
