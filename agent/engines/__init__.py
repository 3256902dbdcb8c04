"""One protocol, several doors to where a plugin runs.

Given a `ContainerSpec` an engine starts it, hands over its output from the first byte to the end, and
says how it ended. It decides nothing: policy is in `launch.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.domain import ContainerSpec, ExitResult

Frame = tuple[int, bytes]  # stream (1 stdout, 2 stderr) and a piece of its output: any length, any cut


@dataclass(frozen=True, slots=True)
class EngineInfo:
    name: str  # "docker" or "process"
    version: str
    has_nvidia: bool  # the nvidia runtime, or for processes: CUDA devices on this machine
    can_mount_over: bool  # may `data/` be mounted read-only over the task folder
    remark: str = ""  # what works otherwise than usual here, one sentence for whoever submits
    owner: str = "0:0"  # the user in a container, uid:gid, who owns what this agent makes
    memory_bytes: int = 0  # of the engine's machine; 0: unknown
    cpus: int = 0


@dataclass(frozen=True, slots=True)
class ImageInfo:
    reference: str
    digest: str  # the image id, sha256:...
    labels: Mapping[str, str]
    entry_python: bool = True


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image the engine keeps. `reference` is what its label says; `name` is what it is removed by."""

    name: str  # the reference, or the id of an image that a newer one took the name from
    reference: str
    is_tagged: bool
    size_bytes: int  # shared layers count in each image
    created_s: float  # Unix time


class Container(Protocol):
    """A container that was started, by this agent or by one before it."""

    @property
    def id(self) -> str: ...

    @property
    def task_id(self) -> int | None:
        """From its labels."""

    def is_over(self) -> bool:
        """Whether it ended or is gone."""

    def output(self) -> Iterator[Sequence[Frame]]:
        """Yield everything printed so far and from now on, in the engine's order, until the end.

        Always starts at the first byte, so a reader that starts anew counts what it has and skips it.
        A batch holds what arrived together; it comes as soon as it arrives.
        """

    def wait(self) -> ExitResult:
        """How it ended. Call it after `output` is exhausted."""

    def kill(self, grace_s: float = 0.0) -> None:
        """End it: SIGTERM and a grace period when asked for, then SIGKILL. Idempotent; gone is not an error."""

    def remove(self) -> None:
        """Forget it and its log; give everything under the task folder back to the user. Idempotent."""


class Engine(Protocol):
    name: str

    def info(self) -> EngineInfo:
        """Raises EngineUnavailable with what to do."""

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        """Labels and digest. Pulls by policy `missing`, `always` or `never`. Raises ImageNotFound."""

    def start(self, spec: ContainerSpec) -> Container:
        """Create and start. A leftover with the same name is removed first. Raises CouldNotStart."""

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        """Containers carrying all these labels, running or ended.

        With `unstarted`, those too that were made and never started, because an agent died in between.
        """

    def give_back(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """Make everything below this folder the agent's user's own. Raises AgentError when the engine cannot.

        `labels` mark what the engine starts for it.
        """

    def images_with(self, label: str) -> list[KeptImage]:
        """Images that carry this label and, in the label VERSION, a reference."""

    def remove_image(self, name: str) -> None:
        """Raises AgentError when a container uses it; gone is not an error."""
