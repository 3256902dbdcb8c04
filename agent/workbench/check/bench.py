"""The bench of a check: a private installation, in which its tasks run as any task runs, and from which nothing stays.

The author's own lists stay as they are. The folder and the container of a check that is killed are found by the next
cleanup.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Model, Plugin, Project, Task, TaskType
from agent.events.model import Stream
from agent.formats.json_text import parse
from agent.installation import Installation
from agent.maintenance.private_runs import noted
from agent.run.shutdown import Shutdown
from agent.store import open_store
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from agent.workbench.check.steps import Ran, SeenCheckpoint, SeenResult
from agent.worker.loop import run_new

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.settings import Settings

_LOOK_S = 0.05
_EVENTS = 200_000  # of a task that are looked through


@contextmanager
def private_installation(settings: Settings, home: Path) -> Iterator[Installation]:
    """An installation in a new folder, with the author's engines and limits."""
    own = replace(
        settings, home=home, store_url="", artifacts_url="", artifacts_endpoint="", tasks_dir=None, tasks_host_dir=None,
        notify="", notify_when="", keep="", delete_task_dir_on_failure=True,
    )  # fmt: skip
    home.mkdir()
    with noted(settings, own):
        store = open_store(own.store)
        try:
            yield Installation(store, open_artifacts(own.artifacts), own)
        finally:
            store.close()


@dataclass(slots=True)
class Bench:
    installation: Installation
    engine: Engine
    plugin: Plugin
    options: RequestedOptions
    shutdown: Callable[[], Shutdown]  # that of the command, so that Ctrl-C stops the task that runs

    def add(self, folder: Path) -> Project:
        """Raises Invalid."""
        return library.add_project(self.installation.store, self.installation.artifacts, folder)

    def run(
        self,
        kind: TaskType,
        project: Project,
        model: Model | int | None,
        config: Mapping[str, Any],
        *,
        stop_at: Callable[[Task], bool] | None = None,
    ) -> Ran:
        """Run a task to its end; `stop_at` says when it is to be stopped.

        Raises BadInput, EngineUnavailable; Cancelled where the check is to end.
        """
        store = self.installation.store
        new = new_task(
            store,
            self.installation.settings,
            TaskRequest(
                type=kind, plugin=self.plugin, project=project, model=model, config=config, options=self.options,
                name=f"check {kind.value}",
            ),
            artifacts=self.installation.artifacts,
        )  # fmt: skip
        new = replace(new, options=replace(new.options, evaluate=False))
        with_engine = replace(self.installation, open_engine=lambda *_: self.engine)
        added: list[Task] = []
        asked_s = None
        with ThreadPoolExecutor(1, thread_name_prefix="task") as pool:
            running = pool.submit(run_new, with_engine, new, self.shutdown(), added.append)
            while stop_at is not None and not running.done() and asked_s is None:
                time.sleep(_LOOK_S)
                if added and stop_at(store.tasks.get(added[0].id)):
                    store.tasks.request_stop(added[0].id)
                    asked_s = time.monotonic()
            task = running.result()
        if (shutdown := self.shutdown()).is_asked:  # the end of this task says nothing about the plugin
            raise shutdown.cancelled()
        ran = self._seen(task)
        return ran if asked_s is None else replace(ran, stopping_s=time.monotonic() - asked_s)

    def _seen(self, task: Task) -> Ran:
        store = self.installation.store
        peaks = store.usage.peaks([task.id]).get(task.id)
        series = store.metrics.series(task.id)
        losses = [one for one in series if one.kind == "train" and "loss" in one.name.lower()]
        values = store.metrics.points(losses[0].id).value if losses else []
        printed = (event for event in store.events.after(task.id, limit=_EVENTS) if event.stream is not Stream.AGENT)
        began, ended = task.started_at, task.finished_at
        return Ran(
            status=task.status.value,
            reason=task.reason or "",
            message=task.message or "",
            seconds=(ended - began).total_seconds() if began and ended else 0.0,
            lines=task.lines_read,
            points=sum(one.count for one in series),
            parse_errors=sum(event.parse_error is not None for event in printed),
            near_misses=tuple(store.near_misses.list(task.id)),
            losses=tuple(value for value in values if value is not None),
            checkpoints=tuple(self._checkpoints(task)),
            memory_bytes=peaks.memory_bytes if peaks else None,
            gpu_memory_bytes=peaks.gpu_memory_bytes if peaks else None,
            result=None if task.result_project_id is None else self.read(task.result_project_id),
        )

    def _checkpoints(self, task: Task) -> Iterator[SeenCheckpoint]:
        store = self.installation.store
        for row in store.checkpoints.list(task.id):
            if row.model_id is None:
                yield SeenCheckpoint(row.index, None, reason=row.reason or "unknown")
                continue
            model = store.models.get(row.model_id)
            yield SeenCheckpoint(row.index, model.id, model.sha256, model.size_bytes, model.config or {})

    def read(self, project_id: int) -> SeenResult:
        """A project, read back as any reader does: from the annotations that the import has checked."""
        store, images, objects, tags = self.installation.store, 0, 0, 0
        for dataset in store.datasets.list(project_id):
            for image in store.images.files_of_dataset(dataset.id):
                images += 1
                read = parse(image.annotation.encode()) if image.annotation.strip() else {}
                objects += len(read.get("objects", ()))
                tags += len(read.get("tags", ()))
        return SeenResult(images, objects, tags)
