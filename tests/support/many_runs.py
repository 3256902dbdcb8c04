"""Trainings with configs that differ and curves that follow from them, for tests of compared runs."""

from __future__ import annotations

import math
import random
from typing import Any

from agent.domain import NewTask, TaskStatus, TaskType
from agent.store import Store
from tests.support.demo_store import CONFIG, Library, Story

LRS = (0.1, 0.01, 0.001, 0.0001)
OPTIMIZERS = ("adam", "sgd", "lion")


def config_of(i: int) -> dict[str, Any]:
    """The config of the run number `i`, from 0."""
    return {**CONFIG, "lr": LRS[i % 4], "optimizer": {"name": OPTIMIZERS[i % 3]}, "batch_size": {"train": 4 << i % 4}}


def add_runs(store: Store, library: Library, count: int, *, epochs: int = 12, first: int = 0) -> list[int]:
    """Finished trainings with `train` and `val` metrics; each fifth is an epoch shorter than the one before it."""
    ids = []
    for i in range(first, first + count):
        new = NewTask(
            TaskType.TRAIN, f"unet {i}", library.plugin_id, library.project_id, library.model_id, config_of(i)
        )
        task = store.tasks.add(new)
        store.tasks.claim("demo-agent", task_id=task.id)
        store.tasks.become(task.id, TaskStatus.STARTED)
        _train(Story(store, task.id), i, epochs - i % 5)
        store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished", exit_code=0)
        ids.append(task.id)
    return ids


def _train(story: Story, i: int, epochs: int) -> None:
    rng = random.Random(i)
    good = 0.9 - 0.08 * abs(i % 4 - 2) - 0.05 * (i % 3)
    for epoch in range(1, epochs + 1):
        falling = (1 - good) + math.exp(-epoch / (2 + i % 4)) * (1 + rng.gauss(0, 0.05))
        story.metrics("train", epoch, loss=falling)
        story.metrics(
            "val", epoch, loss=falling + 0.05, mean_iou=good * (1 - math.exp(-epoch / 3)) + rng.gauss(0, 0.01)
        )
    story.flush()
