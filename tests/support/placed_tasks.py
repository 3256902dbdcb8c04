"""Tasks that a controller in a thread places on a real cluster, and waiting for what becomes of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent import library
from agent.clusters import Cluster
from agent.clusters.control import run_cluster
from agent.domain import CheckpointState, Task
from agent.installation import Installation
from agent.run.shutdown import Shutdown
from agent.store import Placement, Store
from agent.task_options import RequestedOptions
from tests.support.inputs import COUNTED
from tests.support.tasks import queue_task


@dataclass
class PlacedTasks:
    installation: Installation
    inputs: dict[str, Any] = field(default_factory=dict, kw_only=True)  # a project, a model, plugins by their folder

    def queue(self, *overrides: str, plugin: Path = COUNTED, type_: str = "train", **options: Any) -> Task:
        if str(plugin) not in self.inputs:
            self.inputs[str(plugin)] = library.add_plugin_folder(self.store, plugin, "local")
        return queue_task(
            self.installation,
            plugin=self.inputs[str(plugin)],
            project=self.inputs["project"],
            model=self.inputs["model"],
            name=f"net {len(self.store.tasks.list(limit=1000))}",
            overrides=overrides,
            options=RequestedOptions(**options),
            type=type_,
        )

    @property
    def store(self) -> Store:
        return self.installation.store

    def state(self) -> str:
        """What to show when a wait was in vain."""
        tasks = [(t.id, t.status, t.reason, t.message) for t in self.store.tasks.list(limit=100)]
        placements = [p for task in self.store.tasks.list(limit=100) for p in self.store.placements.of_task(task.id)]
        return f"{tasks}\n{placements}"

    def changed(self, **settings: Any) -> Installation:
        """The installation with other settings."""
        made = replace(self.installation.settings, **settings)
        return Installation(self.store, self.installation.artifacts, made)

    def until(self, reached: Callable[[], Any], within_s: float = 120) -> None:
        deadline = time.monotonic() + within_s
        while not reached():
            assert time.monotonic() < deadline, self.state()
            self.store.wait_for_change(0.2)

    def ends(self, task: Task, within_s: float = 120) -> Task:
        """The task as it ended, when its placement has ended too."""
        self.until(lambda: self.get(task).status.is_final and self.placed(task).is_over, within_s)
        return self.get(task)

    def saves(self, task: Task, count: int = 1) -> None:
        """Wait until the plugin has saved something that is kept."""
        self.until(lambda: len(self.kept(task)) >= count)

    def kept(self, task: Task) -> list[int]:
        rows = self.store.checkpoints.list(task.id)
        return [row.index for row in rows if row.state is CheckpointState.PUBLISHED]

    def get(self, task: Task) -> Task:
        return self.store.tasks.get(task.id)

    def placed(self, task: Task) -> Placement:
        return self.store.placements.of_task(task.id)[-1]

    def waits(self, task: Task, words: str = "") -> str:
        """Why it waits, once it says why, with these words in it."""
        self.until(lambda: (all_ := self.store.placements.of_task(task.id)) and all_[-1].why and words in all_[-1].why)
        return self.placed(task).why or ""


@contextmanager
def controlling_thread(installation: Installation, cluster: Cluster) -> Iterator[None]:
    """A controller while the block runs. Its failure is the test's."""
    shutdown, failures = Shutdown(), list[BaseException]()

    def run() -> None:
        try:
            run_cluster(installation, cluster, shutdown)
        except BaseException as error:  # told to the test
            failures.append(error)

    with closing(cluster):
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            shutdown.leave()
            thread.join()
    assert not failures
