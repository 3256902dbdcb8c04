"""A task folder as a plugin finds it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from supervisely_lib.sly_logger import EventType, logger
from supervisely_lib.task.paths import TaskPaths

CLASSES = {"stone": "rectangle", "leaf": "polygon", "sky": "rectangle"}


@dataclass(frozen=True)
class TaskFolder:
    root: Path

    def config(self, **values: Any) -> None:
        (self.root / "task_config.json").write_text(json.dumps(values))

    def model_config(self, **values: Any) -> None:
        (self.root / "model" / "config.json").write_text(json.dumps(values))

    @property
    def results(self) -> Path:
        return self.root / "results"

    def project(self, images: int = 4, size: tuple[int, int] = (12, 16), *, covered: bool = True) -> Path:
        """Dataset ds: a leaf on sky in each image; the last is tagged val, all others train."""
        folder = self.root / "data" / "garden"
        for part in ("img", "ann"):
            (folder / "ds" / part).mkdir(parents=True)
        meta = {
            "classes": [{"title": title, "shape": shape, "color": "#0A0B0C"} for title, shape in CLASSES.items()],
            "tags": [{"name": tag, "value_type": "none", "color": "#010203"} for tag in ("train", "val")],
        }
        (folder / "meta.json").write_text(json.dumps(meta))
        random = np.random.default_rng(3)
        for index in range(images):
            image = random.integers(0, 255, (*size, 3), dtype=np.uint8)
            Image.fromarray(image).save(folder / "ds" / "img" / f"i{index:03}.png")
            ann = annotation(size, ["val" if index == images - 1 else "train"], covered=covered)
            (folder / "ds" / "ann" / f"i{index:03}.png.json").write_text(json.dumps(ann))
        return folder


def annotation(size: tuple[int, int], tags: list[str], *, covered: bool) -> Any:
    def label(title: str, *points: list[int]) -> Any:
        return {"classTitle": title, "tags": [], "points": {"exterior": points, "interior": []}}

    sky = [label("sky", [0, 0], [size[1] - 1, size[0] - 1])] if covered else []
    leaf = label("leaf", [1, 1], [8, 2], [4, 9])
    return {"description": "", "size": {"height": size[0], "width": size[1]}, "tags": tags, "objects": [*sky, leaf]}


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TaskFolder:
    """The folder that the SDK takes for /sly_task_data during the test."""
    root = TaskPaths.TASK_DIR
    for name, value in list(vars(TaskPaths).items()):
        if isinstance(value, str) and value.startswith(root):
            monkeypatch.setattr(TaskPaths, name, str(tmp_path) + value[len(root) :])
    for part in ("data", "model", "results"):
        (tmp_path / part).mkdir()
    return TaskFolder(tmp_path)


class Lines(logging.Handler):
    """The lines that the SDK has logged, in order."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    def events(self, event_type: EventType) -> list[dict[str, Any]]:
        return [vars(record) for record in self.records if getattr(record, "event_type", None) is event_type]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
