"""Images of a Docker engine on their way to a registry, into the artifacts, and out of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import docker.errors
import requests
from docker.utils import parse_repository_tag

from agent.engines import ImageInfo, StoredImage
from agent.engines.docker_errors import describe_error, translated_errors
from agent.errors import AgentError, CouldNotStart, EngineUnavailable, ImageNotFound, PushFailed
from agent.formats.image_archive import CHUNK_BYTES, ImageParts, archive, parts_of, read_archive

if TYPE_CHECKING:
    from agent.engines.docker import DockerEngine

TRANSFER_TIMEOUT_S = 3600  # an engine says nothing while it unpacks the layers of an image
_REFUSALS = re.compile(r"no basic auth|unauthorized|denied|authentication required|forbidden|\b40[13]\b", re.IGNORECASE)
_ABSENCES = re.compile(
    r"refused|no such host|timeout|timed out|unreachable|no route|EOF|reset|name resolution|\b50[0-9]\b", re.IGNORECASE
)

OnProgress = Callable[[str], object]


def push_image(engine: DockerEngine, digest: str, target: str, on_line: OnProgress) -> str:
    """Push the image with this id as `target`, a name with a tag; gives `repository@sha256:…` as the registry has it.

    All images keep the names that they had; one without any keeps this. Raises PushFailed, EngineUnavailable.
    """
    repository, tag = parse_repository_tag(target)
    tag = tag or "latest"
    api: Any = engine.client.api
    with translated_errors(f"look at the names of {digest}"):
        has_names = bool(api.inspect_image(digest).get("RepoTags"))
    with translated_errors(f"look at the image {target}"):
        before = _id_of(api, target)
    with translated_errors(f"tag {digest} as {target}"):
        api.tag(digest, repository, tag, force=True)
    try:
        pushed = _push(engine, repository, tag, target, on_line)
        with translated_errors(f"look at what was pushed as {target}"):
            known_as = api.inspect_image(digest).get("RepoDigests") or ()
        if not any(name.endswith(f"@{pushed}") for name in known_as):
            raise PushFailed(f"another image was called {target} meanwhile, and may have been pushed; push again")
        return f"{repository}@{pushed}"
    finally:
        with suppress(docker.errors.DockerException, requests.RequestException):
            if before != digest and _id_of(api, target) == digest:  # else another has given the name away
                if before is not None:
                    api.tag(before, repository, tag, force=True)
                elif has_names:  # an image that loses its last name is gone
                    api.remove_image(target, noprune=True)


def _id_of(api: Any, name: str) -> str | None:
    try:
        return str(api.inspect_image(name)["Id"])
    except docker.errors.ImageNotFound:
        return None


def _push(engine: DockerEngine, repository: str, tag: str, target: str, on_line: OnProgress) -> str:
    pushed, told = "", set[str]()
    try:
        push = partial(engine.client.api.push, repository, tag=tag, stream=True, decode=True)
        for line in engine.with_credentials(push):
            if "error" in line:
                raise PushFailed(_why_not_pushed(target, str(line["error"]), engine.without_credentials))
            pushed = str((line.get("aux") or {}).get("Digest") or pushed)
            status, layer = str(line.get("status") or ""), str(line.get("id") or "")
            if layer and status in ("Pushed", "Layer already exists") and layer not in told:
                told.add(layer)
                on_line(f"{layer}: {status.lower()}\n")
    except docker.errors.APIError as error:
        raise PushFailed(_why_not_pushed(target, describe_error(error), engine.without_credentials)) from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineUnavailable(
            f"could not push {target}: the Docker engine does not answer ({describe_error(error)})"
        ) from error
    if not pushed.startswith("sha256:"):
        raise PushFailed(f"could not push {target}: the registry did not say by which digest it has the image")
    return pushed


def _why_not_pushed(target: str, said: str, without_credentials: str) -> str:
    """The engine's words as a sentence with a remedy. Pure."""
    registry = target.partition("/")[0]
    said = " ".join(said.split()).rstrip(".")
    stale = f"{without_credentials}; " if without_credentials else ""
    if _REFUSALS.search(said):
        remedy = f"log in with `docker login {registry}`, as a user who may write there"
    elif "HTTP response to HTTPS" in said:
        remedy = f"the registry speaks plain http: give it TLS, or list {registry} in the engine's insecure-registries"
    elif "x509" in said or "certificate" in said:
        remedy = f"let the engine trust it: put its certificate into /etc/docker/certs.d/{registry}/ca.crt"
    elif _ABSENCES.search(said):
        remedy = f"see that the registry {registry} runs and that the Docker engine reaches it"
    else:
        remedy = "AGENT_REGISTRY names the registry and the first part of the names in it"
    return f"could not push {target}: {said}; {stale}{remedy}. The image stays usable on this machine"


def save_image(engine: DockerEngine, digest: str, take: Callable[[IO[bytes]], str]) -> ImageParts:
    """Read an image from the engine; `take` gets each layer. Raises Invalid, CouldNotStart, EngineUnavailable."""
    api: Any = engine.client.api

    def read() -> Iterator[bytes]:
        with translated_errors(f"save the image {digest}"):
            # Not the SDK's get_image: its timeout is that of short requests, and an engine collects the image first.
            answer = api._get(api._url("/images/{0}/get", digest), stream=True, timeout=TRANSFER_TIMEOUT_S)
            api._raise_for_status(answer)
            with closing(answer):
                yield from answer.iter_content(CHUNK_BYTES)

    return read_archive(read(), take)


def load_image(engine: DockerEngine, image: StoredImage) -> ImageInfo:
    """As `Engine.load_image`: the engine unpacks nothing before it has the whole archive."""
    with image.open(image.blobs[0].sha256) as config:
        parts = parts_of(config.read())
    if parts.digest != image.digest:  # it was hashed when it was opened
        raise ImageNotFound(f"the image {image.reference} was changed in the artifacts while it was read")
    sizes = {blob.sha256: blob.size_bytes for blob in image.blobs}
    failure: list[BaseException] = []

    def pieces() -> Iterator[bytes]:
        try:
            for piece in archive(parts, image.open, sizes.__getitem__, [image.own_name]):
                yield piece
                image.tell(len(piece))
        except BaseException as error:
            failure.append(error)  # the client of HTTP may make another of it
            raise

    doing = f"load the image {image.reference} into the engine"
    api: Any = engine.client.api
    try:
        with translated_errors(doing):
            # Not the SDK's load_image: its timeout is that of short requests.
            answer = api._post(
                api._url("/images/load"), data=pieces(), params={"quiet": True}, timeout=TRANSFER_TIMEOUT_S
            )
            api._raise_for_status(answer)
            for line in answer.iter_lines():
                if b'"error"' in line:
                    raise CouldNotStart(f"could not {doing}: {line.decode(errors='replace').strip()}")
    except AgentError:
        if failure:
            raise failure[0] from None
        raise
    found = engine.image_here(image.digest, image.reference)
    if found is None:
        raise CouldNotStart(f"could not {doing}: it took the image and does not have it")
    return found
