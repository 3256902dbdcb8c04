"""What may go wrong while a plugin runs, on purpose: each fault is given to `run_plugin(..., faults=[...])`."""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.domain import ContainerSpec
    from agent.engines import Container, Engine, Frame
    from agent.run.shutdown import Shutdown
    from agent.store import Store

_DAMAGED = 64  # bytes, in the middle of the file
_NO_CHECKPOINTS = frozenset({"artifacts", "projects"})  # folders that the SDK has for other things
_BLOCK = 512  # bytes, in which sh counts the size of files


@dataclass(frozen=True, slots=True)
class Hands:
    """What a fault may use of a run that goes on."""

    store: Store
    task_id: int
    results: Path
    container: Container | None  # None: it has not started yet
    shutdown: Shutdown

    @property
    def steps(self) -> int:
        """Steps of the training that the plugin has reported: lines with training metrics."""
        events = self.store.events.after(self.task_id, event_type="METRICS", limit=1_000_000)
        return sum(getattr(event.body, "kind", "") == "train" for event in events)


def from_the_start(_: Hands) -> bool:
    """Of a fault that is in what the engine starts, or in the agent."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`change` is made to what the engine starts; `look` is called again and again until it has struck: gives True."""

    name: str
    change: Callable[[ContainerSpec], ContainerSpec] = lambda spec: spec
    look: Callable[[Hands], bool] = from_the_start
    pause_s: float = 0.0  # before each batch of lines is handed to the agent


def kill_at_step(step: int) -> Fault:
    """The plugin is killed (SIGKILL) when it has reported so many steps of training."""

    def look(hands: Hands) -> bool:
        if hands.container is None or hands.steps < step:
            return False
        hands.container.kill()
        return True

    return Fault(name=f"killed at step {step}", look=look)


def stop_while_saving() -> Fault:
    """A person stops the task while the first checkpoint is being written, before its line is printed."""

    def look(hands: Hands) -> bool:
        folders = (place for place in hands.results.glob("*") if place.name not in _NO_CHECKPOINTS)
        if not any(path.is_file() for folder in folders for path in folder.glob("**/*")):
            return False
        hands.store.tasks.request_stop(hands.task_id)
        return True

    return Fault(name="stopped while saving", look=look)


def full_disk(size_bytes: int) -> Fault:
    """No file of the plugin gets larger than this, as on a disk that is full: writing more fails with an OSError.

    The error is EFBIG instead of ENOSPC: a full disk of one process alone needs the rights of root.
    """
    return Fault(name="full disk", change=_limited(f"ulimit -f {max(1, size_bytes // _BLOCK)}"))


def out_of_memory(size_bytes: int) -> Fault:
    """The plugin gets no more address space than this: an allocation beyond it fails."""
    return Fault(name="out of memory", change=_limited(f"ulimit -v {max(1, size_bytes >> 10)}"))


def slow_agent(seconds: float) -> Fault:
    """The agent reads the plugin's lines late: so long after they came, batch by batch."""
    return Fault(name="slow agent", pause_s=seconds)


def dying_agent(at_step: int) -> Fault:
    """The agent ends after so many steps and leaves the plugin running; another agent goes on with the task."""

    def look(hands: Hands) -> bool:
        if hands.steps < at_step:
            return False
        hands.shutdown.leave()
        return True

    return Fault(name=f"agent dies at step {at_step}", look=look)


def corrupt_image(project: Path, folder: Path, *, which: int = 0) -> Path:
    """A copy of a project folder in which one image is damaged: a file as it should be, with pixels that none can read.

    The images are counted by name. Raises BadInput where there are not so many.
    """
    shutil.copytree(project, folder)
    images = sorted(path for path in folder.glob("*/img/*") if path.is_file())
    if which >= len(images):
        raise BadInput(f"{project} has {len(images)} images, so none has the number {which}")
    images[which].write_bytes(_damaged(images[which].read_bytes()))
    return folder


def _damaged(data: bytes) -> bytes:
    """Bytes in the middle are others. The checksum of a PNG is right all the same: an import would notice it."""
    at = data.find(b"IDAT")
    start, length = (at + 4, int.from_bytes(data[at - 4 : at])) if at > 0 else (0, len(data))
    middle = start + length // 2
    end = min(middle + _DAMAGED, start + length)
    changed = data[:middle] + b"\x55" * (end - middle) + data[end:]
    if at < 0:
        return changed
    after = start + length
    return changed[:after] + zlib.crc32(changed[at:after]).to_bytes(4) + changed[after + 4 :]


def _limited(limit: str) -> Callable[[ContainerSpec], ContainerSpec]:
    def change(spec: ContainerSpec) -> ContainerSpec:
        *shell, command = spec.entrypoint  # sh -c COMMAND
        return replace(spec, entrypoint=(*shell, f"{limit} && exec {command}"))

    return change


class FaultyEngine:
    """An engine whose containers have faults. `Any`: all else is the engine's own."""

    def __init__(self, engine: Engine, faults: Sequence[Fault]) -> None:
        self._engine, self._faults = engine, faults
        self.container: Container | None = None

    def start(self, spec: ContainerSpec) -> Any:
        for fault in self._faults:
            spec = fault.change(spec)
        self.container = self._engine.start(spec)
        pause_s = sum(fault.pause_s for fault in self._faults)
        return _SlowContainer(self.container, pause_s) if pause_s else self.container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class _SlowContainer:
    def __init__(self, container: Container, pause_s: float) -> None:
        self._container, self._pause_s = container, pause_s

    def output(self) -> Iterator[Sequence[Frame]]:
        for batch in self._container.output():
            if batch:
                time.sleep(self._pause_s)
            yield batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)
