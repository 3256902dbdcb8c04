"""A plugin run by a test, through the path that every task takes, and what a test may ask of the run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from agent import library
from agent.domain import Checkpoint, CheckpointState, Task, TaskStatus, TaskType
from agent.installation import Installation, node_of
from agent.run.cancellation import Cancelled
from agent.run.shutdown import Shutdown
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from agent.testing.faults import Fault, FaultyEngine, Hands, from_the_start
from agent.worker.loop import run_new, run_one

if TYPE_CHECKING:
    from agent.store.events import StoredEvent

_LOOK_S = 0.02
_MOST_LINES = 25  # of the output, in the message of a failed assertion


@dataclass(frozen=True, slots=True)
class PluginRun:
    """A run that has ended. The `assert_` methods fail with the end of the plugin's output."""

    task: Task
    events: Sequence[StoredEvent]
    checkpoints: Sequence[Checkpoint]
    predictions: Path | None  # of an inference that has finished: the project folder

    @property
    def lines(self) -> list[str]:
        """What the plugin printed, as it printed it."""
        return [event.raw for event in self.events if event.stream.name != "AGENT"]

    def of_type(self, event_type: str) -> list[StoredEvent]:
        """Events of a type, such as PROGRESS or METRICS."""
        return [event for event in self.events if event.event_type == event_type]

    def metric(self, kind: str, name: str) -> list[float]:
        """The values of a series, in the order in which they came. `kind`: train or val."""
        bodies = [event.body for event in self.of_type("METRICS") if getattr(event.body, "kind", "") == kind]
        values = [getattr(body, "values", {}).get(name) for body in bodies]
        return [value for value in values if value is not None]

    def assert_finished(self) -> None:
        assert self.task.status is TaskStatus.FINISHED, self._said(f"the task ended as {self.task.status.value}")

    def assert_failed(self, saying: str = "") -> None:
        """It failed, and the text is in its output or in what the agent says of the end."""
        assert self.task.status is TaskStatus.ERROR, self._said(f"the task ended as {self.task.status.value}")
        told = "\n".join([self.task.message or "", *self.lines])
        assert saying in told, self._said(f"nothing says {saying!r}")

    def assert_stopped(self) -> None:
        assert self.task.status is TaskStatus.STOPPED, self._said(f"the task ended as {self.task.status.value}")

    def assert_checkpoints(self, least: int) -> None:
        """At least so many checkpoints were kept, whole, as models."""
        kept = [one for one in self.checkpoints if one.state is CheckpointState.PUBLISHED]
        assert len(kept) >= least, self._said(f"{len(kept)} checkpoints were kept, not {least}")
        broken = [one.index for one in self.checkpoints if one.state is CheckpointState.FAILED]
        assert not broken, self._said(f"checkpoints {broken} could not be kept")

    def assert_falls(self, kind: str, name: str) -> None:
        """The mean of the last third of a series is less than that of its first third."""
        values = self.metric(kind, name)
        assert values, self._said(f"there is no {kind} {name}")
        third = len(values) // 3 or 1
        first, last = sum(values[:third]) / third, sum(values[-third:]) / third
        assert last < first, self._said(f"{kind} {name} goes from {first:.4g} to {last:.4g}: {values}")

    def assert_predicts(self, *titles: str) -> None:
        """The result's project has objects or tags of these names."""
        self.assert_finished()
        assert self.predictions is not None, self._said("there is no result; a training predicts nothing")
        found: set[str] = set()
        for file in self.predictions.glob("**/ann/*.json"):
            ann = json.loads(file.read_text(encoding="utf-8"))
            found |= {thing["classTitle"] for thing in ann["objects"]}
            found |= {tag if isinstance(tag, str) else tag["name"] for tag in ann["tags"]}
        missing = sorted(set(titles) - found)
        assert not missing, self._said(f"{missing} were not predicted; {sorted(found)} were")

    def _said(self, sentence: str) -> str:
        end = "\n".join(f"    {line}" for line in self.lines[-_MOST_LINES:])
        return f"{sentence} ({self.task.message or self.task.reason}); the plugin's last lines:\n{end}"


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs plugins in one installation. `engine`: process or docker; `python`: the plugins' interpreter."""

    installation: Installation
    results: Path  # gets exported predictions
    engine: str
    python: str | None

    def __call__(
        self,
        folder: Path | str,
        *,
        project: Path | str,
        config: Mapping[str, Any] | None = None,
        preset: str | None = None,
        model: PluginRun | Path | None = None,
        kind: str | None = None,
        set: Sequence[str] = (),  # noqa: A002 - as the option of the command is called
        faults: Sequence[Fault] = (),
        time_limit_s: float = 240,
    ) -> PluginRun:
        """Train on a project folder, or with a `model` of a run apply it; another `kind` of task is named.

        `config` is the whole config; without it the preset, by default the first. `set` changes keys: `epochs=1`.
        A `model` that is a run stands for its best checkpoint. Raises Invalid, NotFound, BadInput for what cannot run.
        """
        store, artifacts, settings = self.installation.store, self.installation.artifacts, self.installation.settings
        plugin = library.add_plugin_folder(store, Path(folder).absolute(), settings.registry, node=node_of(settings))
        start = None
        if model is not None:
            reference = f"task:{model.task.id}/best" if isinstance(model, PluginRun) else Path(model)
            start = library.resolve_model(store, artifacts, reference)
        request = TaskRequest(
            type=kind or (TaskType.TRAIN if model is None else TaskType.INFERENCE),
            plugin=plugin,
            project=library.add_project(store, artifacts, Path(project)),
            model=start,
            config=config,
            preset=preset,
            overrides=set,
            options=RequestedOptions(engine=self.engine, python=self.python, time_limit_s=time_limit_s, evaluate=False),
        )
        new = new_task(store, settings, request, artifacts=artifacts)
        engine = FaultyEngine(self.installation.open_engine(self.engine, settings), faults)
        installation = replace(self.installation, open_engine=lambda *_: engine)
        shutdown, added = Shutdown(), SimpleQueue[Task | None]()
        with ThreadPoolExecutor(1, thread_name_prefix="task") as pool:
            running = pool.submit(run_new, installation, new, shutdown, added.put)
            running.add_done_callback(lambda _: added.put(None))
            first = added.get()
            left = list(faults)
            while not running.done():
                if first is not None:
                    folder_ = settings.tasks / str(first.id) / "results"
                    hands = Hands(store, first.id, folder_, engine.container, shutdown)
                    left = [fault for fault in left if not fault.look(hands)]
                time.sleep(_LOOK_S)
            with suppress(Cancelled):  # the agent has died, and left the task
                return self._ended(running.result(), left)
        assert first is not None
        return self._ended(run_one(self.installation, first.id, Shutdown()), left)

    def _ended(self, task: Task, left: Sequence[Fault]) -> PluginRun:
        store = self.installation.store
        made = None
        if task.result_project_id is not None:
            place = self.results / f"task-{task.id}"
            place.mkdir(parents=True)
            made = library.export_project(store, self.installation.artifacts, task.result_project_id, place)
        events = store.events.after(task.id, limit=1_000_000)
        run = PluginRun(task, events, store.checkpoints.list(task.id), made)
        missed = [fault.name for fault in left if fault.look is not from_the_start]
        assert not missed, run._said(f"the run ended before this came to it: {', '.join(missed)}")
        return run
