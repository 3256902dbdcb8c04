"""A study in a real store whose tasks are "run" by the test itself, so that a turn of the controller is one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.domain import NewModel, NewProject, NewTask, Task, TaskStatus, TaskType
from agent.events.model import Event, Level, Metrics, Stream
from agent.store import EventRow, NewStudy, Store, Study, open_store
from agent.tuning.controller import Turn
from agent.tuning.search import Search, SearchTrial
from agent.tuning.space import to_json
from agent.tuning.space_texts import read_space


@dataclass
class Whole:
    """A study after a turn, with every trial and every task of it."""

    study: Study
    is_over: bool
    gave_up: str
    trials: list[SearchTrial]
    tasks: dict[int, Task]


@dataclass
class Bench:
    store: Store
    task: NewTask

    def add(self, *space: str, **changes: Any) -> Study:
        values: dict[str, Any] = {
            "name": f"study {len(self.store.studies.list())}",
            "task": self.task,
            "space": to_json(read_space(space).varied),
            "metric": "val.score",
            "direction": "maximize",
            "trials": 5,
            "jobs": 2,
            "sampler": "random",
            "pruner": "none",
            "seed": 7,
        }
        return self.store.studies.add(NewStudy(**(values | changes)))

    def whole(self, turn: Turn) -> Whole:
        study = turn.study
        trials = Search(self.store, study).trials()
        return Whole(study, turn.is_over, turn.gave_up, trials, self.store.studies.tasks(study.id))

    def measure(self, task: Task, *values: float | None, first: int = 1) -> None:
        """Let the task print these values, for the epochs from `first` on."""
        rows = []
        for epoch, value in enumerate(values, first):
            body = Metrics("val", float(epoch), {"score": value})
            rows.append(EventRow(epoch, Event("x", Stream.STDERR, epoch, Level.INFO, "metrics", "METRICS", body)))
        self.store.events.append(task.id, rows, lines_read=first + len(values))

    def start(self, task: Task) -> Task:
        claimed = self.store.tasks.claim("agent", task_id=task.id)
        assert claimed is not None
        return self.store.tasks.become(task.id, TaskStatus.STARTED)

    def end(self, task: Task, status: TaskStatus = TaskStatus.FINISHED, message: str | None = None) -> None:
        self.store.tasks.become(task.id, status, reason=status.value, message=message)

    def work(self, study: Study, score: Callable[[Task], float] = lambda task: float(task.config["lr"])) -> None:
        """What agents do in a moment: end the tasks of the study, with a value unless they are to be stopped."""
        for task in self.store.studies.tasks(study.id).values():
            if task.status is TaskStatus.QUEUED:
                self.start(task)
                self.measure(task, score(task))
            elif not task.status.is_final:
                self.end(task, TaskStatus.STOPPED if task.stop_requested else TaskStatus.FINISHED)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_store(tmp_path / "store.db") as store:
        plugin = store.plugins.put(
            title="Net", description="", type="architecture", image="local/net", tag="1", modes=["train"], readme="",
            configs=[], image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        project = store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
        model = store.models.add(NewModel("start", "1" * 64, 10, {}))
        task = NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {"lr": 1, "opt": {"name": "sgd"}})
        yield Bench(store, replace(task))
