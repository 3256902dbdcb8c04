"""A training in the store; the test reports its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.artifacts import Artifacts
from agent.domain import Checkpoint, NewModel
from agent.events.model import CheckpointReported
from agent.store import Store
from tests.support import demo_store


class Training:
    def __init__(self, store: Store, artifacts: Artifacts) -> None:
        self.inputs = demo_store.fill_library(store, artifacts)
        self.story = demo_store.start(store, demo_store.new_task(store, self.inputs, "fruit"))
        self.id = self.story.task_id
        self._store = store

    def report(self, *, best: bool, publish: bool = True, **metrics: float) -> Checkpoint:
        index = len(self._store.checkpoints.list(self.id))
        optional: Mapping[str, Any] | None = {"epoch": index + 1.0, "val_metrics": metrics} if metrics else None
        reported = CheckpointReported(index, f"{index:08d}", 1, best, optional)
        row = self._store.checkpoints.add(self.id, 1000 + index, reported)
        if publish:
            self._store.checkpoints.publish(row.id, NewModel(f"fruit {index}", f"{index:064d}", 1, {}))
        return self._store.checkpoints.get(row.id)
