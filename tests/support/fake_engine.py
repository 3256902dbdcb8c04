"""The only fake of the tests: an engine whose containers are Python functions over the task folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from agent.domain import ContainerSpec, EngineInfo, ExitResult
from agent.engines import Container, Frame, ImageInfo, KeptImage, StoredImage, task_of
from agent.engines.usage import Usage

# An act yields the plugin's output: a line or piece of stderr, or a frame. A number ends the container with that exit
# code; None waits until the container is killed.
Act = Callable[[Path], Iterable[str | bytes | Frame | int | None]]


def event(kind: str, message: str = "", **fields: object) -> str:
    """A line as the official SDK writes it."""
    body = {"message": message or kind.lower(), "event_type": f"EventType.{kind}", **fields}
    return json.dumps({**body, "timestamp": "2026-01-01T00:00:00.000Z", "level": "info"})


def metrics(epoch: float, kind: str = "train", **values: object) -> str:
    return event("METRICS", "metrics", type=kind, epoch=epoch, metrics=values)


def checkpoint(index: int, subdir: str | None = None, *, best: bool = False, optional: object = None) -> str:
    place = f"{index:08d}" if subdir is None else subdir
    return event("CHECKPOINT", "checkpoint", id=index, subdir=place, sizeb=1, best_now=best, optional=optional)


def write_checkpoint(results: Path, index: int, weights: bytes = b"weights") -> Path:
    folder = results / f"{index:08d}"
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, object] = {"settings": {}, "classes": [], "class_title_to_idx": {}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.pt").write_bytes(weights)
    return folder


class FakeContainer:
    """An act that runs while its output is read. A second reader gets the same output from the first frame."""

    trouble = ""

    def __init__(self, spec: ContainerSpec, act: Act, number: int, usage: Callable[[], Usage | None]) -> None:
        self.id = f"fake-{spec.name}-{number}"
        self.spec = spec
        self._usage = usage
        self.removed = False
        folder = Path(next(mount.source for mount in spec.mounts if mount.target == "/sly_task_data"))
        self._items = iter(act(folder))
        self._printed: list[Frame] = []
        self._exit: ExitResult | None = None
        self._killed = threading.Event()
        self._advancing = threading.Lock()
        self._waits = False  # until it is killed

    @property
    def task_id(self) -> int | None:
        return task_of(self.spec.labels)

    def is_over(self) -> bool:
        return self.removed or self._killed.is_set() or self._exit is not None

    def output(self) -> Iterator[Sequence[Frame]]:
        position = 0
        while not self.removed and (position < len(self._printed) or self._advance()):
            batch = self._printed[position : position + 1]
            yield batch
            position += len(batch)

    def _advance(self) -> bool:
        """Let the act go on to its next output, or wait a moment; False at its end."""
        with self._advancing:
            while self._exit is None:
                item = None if self._waits else next(self._items, 0)
                self._waits = item is None
                if item is None and not self._killed.wait(0.02):
                    return True
                if self._killed.is_set():
                    self._exit = ExitResult(137)
                elif isinstance(item, int):
                    self._exit = ExitResult(item)
                elif item is not None:
                    self._printed.append(_frame(item))
                    return True
            return False

    def usage(self, *, with_pids: bool = False) -> Usage | None:
        """As the test has set it: see `FakeEngine.usage`."""
        return None if self.is_over() else self._usage()

    def wait(self) -> ExitResult:
        while self._advance():
            pass
        assert self._exit is not None
        return self._exit

    def kill(self, grace_s: float = 0.0) -> None:
        self._killed.set()

    def remove(self) -> None:
        self.kill()
        self.removed = True


def _frame(item: str | bytes | Frame) -> Frame:
    match item:
        case str():
            return (2, item.encode() + b"\n")
        case bytes():
            return (2, item)
    return item


class FakeEngine:
    name = "docker"

    def __init__(self, act: Act, labels: Mapping[str, str] | None = None) -> None:
        self.act = act
        self.labels = labels or {}
        self.containers: list[FakeContainer] = []
        self.has: set[str] = set()  # ids of images that it has
        self.usage: Callable[[], Usage | None] = lambda: None  # what a running container uses

    def info(self) -> EngineInfo:
        return EngineInfo("docker", "0", has_nvidia=False, can_mount_over=True)

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        return ImageInfo(reference, "sha256:" + "0" * 64, self.labels)

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:
        return ImageInfo(digest, digest, self.labels) if digest in self.has else None

    def load_image(self, image: StoredImage) -> ImageInfo:
        for blob in image.blobs:
            with image.open(blob.sha256) as opened:
                image.tell(len(opened.read()))
        self.has.add(image.digest)
        return ImageInfo(image.digest, image.digest, self.labels)

    def start(self, spec: ContainerSpec) -> FakeContainer:
        for older in self.containers:
            if older.spec.name == spec.name:
                older.remove()
        container = FakeContainer(spec, self.act, len(self.containers), lambda: self.usage())
        self.containers.append(container)
        return container

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        return [c for c in self.containers if not c.removed and labels.items() <= dict(c.spec.labels).items()]

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        pass

    def images_with(self, label: str) -> list[KeptImage]:
        return []

    def remove_image(self, name: str) -> None:
        pass
