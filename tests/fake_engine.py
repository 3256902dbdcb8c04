"""The one thing tests fake: an engine whose containers are Python functions over the task folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from agent.domain import ContainerSpec, ExitResult
from agent.engines import EngineInfo, Frame, ImageInfo, KeptImage

Act = Callable[[Path], Iterable[str | bytes | int]]  # yields lines for stderr; an int is the exit code


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
    config = {"settings": {}, "classes": [], "class_title_to_idx": {}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.pt").write_bytes(weights)
    return folder


class FakeContainer:
    def __init__(self, spec: ContainerSpec, act: Act) -> None:
        self.id = f"fake-{spec.name}"
        self.spec = spec
        self.removed = False
        self._act = act
        self._exit = ExitResult(0)
        self._killed = threading.Event()

    @property
    def task_id(self) -> int | None:
        return int(self.spec.labels["task_id"])

    def is_over(self) -> bool:
        return self.removed or self._killed.is_set()

    def output(self) -> Iterator[Sequence[Frame]]:
        folder = Path(next(m.source for m in self.spec.mounts if m.target == "/sly_task_data"))
        for item in self._act(folder):
            if self._killed.is_set():
                self._exit = ExitResult(137)
                return
            if isinstance(item, int):
                self._exit = ExitResult(item)
                return
            line = item.encode() + b"\n" if isinstance(item, str) else item
            yield [(2, line)]

    def wait(self) -> ExitResult:
        return self._exit

    def kill(self, grace_s: float = 0.0) -> None:
        self._killed.set()

    def remove(self) -> None:
        self.removed = True


class FakeEngine:
    name = "docker"

    def __init__(self, act: Act, labels: Mapping[str, str] | None = None) -> None:
        self.act = act
        self.labels = labels or {}
        self.containers: list[FakeContainer] = []

    def info(self) -> EngineInfo:
        return EngineInfo("docker", "0", has_nvidia=False, can_mount_over=True)

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:
        return ImageInfo(reference, "sha256:" + "0" * 64, self.labels)

    def start(self, spec: ContainerSpec) -> FakeContainer:
        container = FakeContainer(spec, self.act)
        self.containers.append(container)
        return container

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[FakeContainer]:
        return [c for c in self.containers if not c.removed and labels.items() <= dict(c.spec.labels).items()]

    def give_back(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        pass

    def images_with(self, label: str) -> list[KeptImage]:
        return []

    def remove_image(self, name: str) -> None:
        pass
