"""The contract of the engines: `docker`, `process`, `apptainer`, `pod`, `replay`, and the fake engine of the tests.

An engine starts a container from a `ContainerSpec`, hands over its output from the first byte to the last, and
reports its end. It decides nothing: policy is in `run/container_spec.py`. `tests/support/engine_contract.py`
holds every engine to this contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from agent.domain import ContainerSpec, EngineInfo, ExitResult, ImageBlob
from agent.engines.usage import Usage
from agent.fs.names import read_number

TASK_LABEL = "task_id"  # a container's label that holds the number of its task

ATTEMPT_LABEL = "attempt"  # ... and of the task's attempt: an old container is never taken for the new one

Frame = tuple[int, bytes]  # stream (1 stdout, 2 stderr) and a piece of its output: any length, any cut


@dataclass(frozen=True, slots=True)
class ImageInfo:
    reference: str  # by which the engine knows it
    digest: str  # the image id, sha256:...
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image that the engine keeps. `Engine.remove_image` takes `name`."""

    name: str  # the reference; the image id where a newer image has taken over the reference
    reference: str  # the value of the image's label VERSION
    is_tagged: bool
    size_bytes: int  # layers shared with other images included
    created_s: float  # Unix time
    id: str = ""  # sha256:...


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image that an engine can load: `blobs` are its config and then its layers from below.

    `agent/formats/image_archive.py` says what they hold.
    """

    reference: str  # of its plugin
    blobs: Sequence[ImageBlob]
    open: Callable[[str], BinaryIO]  # a blob by its sha256, hashed before; raises ImageNotFound for a damaged one
    place: Callable[[str, Path], object]  # the same, as a new file that nobody may write to
    tell: Callable[[int], object] = lambda _: None  # gets the number of bytes that went to the engine

    @property
    def digest(self) -> str:
        return f"sha256:{self.blobs[0].sha256}"

    @property
    def size_bytes(self) -> int:
        return sum(blob.size_bytes for blob in set(self.blobs))  # an image may have the same layer twice

    @property
    def own_name(self) -> str:
        """A name that stands for these bytes only: a tag of a person's may be built anew meanwhile."""
        return own_name(self.reference, self.digest)


def own_name(reference: str, digest: str) -> str:
    """`local/nn-unet:1.0` → `local/nn-unet:1.0-0a1b2c3d4e5f`."""
    return f"{reference}-{digest.removeprefix('sha256:')[:12]}"


def task_of(labels: Mapping[str, str]) -> int | None:
    """The number of the task that a container with these labels belongs to; None when they name none."""
    return read_number(labels.get(TASK_LABEL, ""))


class Container(Protocol):
    """A container that was started, by this agent or by an earlier agent."""

    @property
    def id(self) -> str: ...

    @property
    def task_id(self) -> int | None:
        """From its labels."""

    @property
    def trouble(self) -> str:
        """Why the engine does not answer at present, while `output` waits for it; empty when it answers."""

    def is_over(self) -> bool:
        """Whether the container has ended or is gone."""

    def output(self) -> Iterator[Sequence[Frame]]:
        """Yield the whole output, in the engine's order, until the container ends. Waits for an engine that is away.

        Every call starts at the first byte: a reader that starts again skips the bytes it has already.
        A batch holds the frames that arrived together, and is yielded as soon as they arrive. While the container is
        silent, or the engine away, an empty batch comes every few seconds, so that the reader can turn to other things.
        """

    def usage(self, *, with_pids: bool = False) -> Usage | None:
        """What it uses of the machine now; None once it has ended, and while the engine cannot say."""

    def wait(self) -> ExitResult:
        """Wait for the container's end, and describe it. Call it after `output` is exhausted."""

    def kill(self, grace_s: float = 0.0) -> None:
        """End the container: SIGTERM and `grace_s` seconds of waiting where given, then SIGKILL.

        Idempotent. A container that is gone is no error.
        """

    def remove(self) -> None:
        """Delete the container and its log, and restore the ownership of the task folder's files. Idempotent."""


class Engine(Protocol):
    name: str

    def info(self) -> EngineInfo:
        """Describe the engine. Raises EngineUnavailable with the remedy."""

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        """An image's labels and digest. `pull` is missing, always or never. Raises ImageNotFound."""

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:
        """The image with this id, or what a person has put in its place for `reference`; None without one here."""

    def load_image(self, image: StoredImage) -> ImageInfo:
        """Take an image from the artifacts. All of it, or nothing. Raises CouldNotStart, and what reading it raises."""

    def start(self, spec: ContainerSpec) -> Container:
        """Create and start a container; an older container of the same name is removed first.

        Raises CouldNotStart.
        """

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        """Containers that carry all these labels, running or ended.

        With `unstarted`, also containers that were created and never started, because their agent died in between.
        """

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """Give every file below this folder to the agent's user. Raises AgentError when the engine cannot.

        `labels` mark the container that the engine starts for this, where it starts one.
        """

    def images_with(self, label: str) -> list[KeptImage]:
        """Images that carry this label and whose label VERSION holds a reference."""

    def remove_image(self, name: str) -> None:
        """Remove an image. Raises AgentError when a container uses it. An image that is gone is no error."""
