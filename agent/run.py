"""One run of one task: what `run_task` says in verbs, done; and its end, whatever happens.

How it ended and why is decided in `verdict.py`, and recorded in `closing.py`. An agent may be killed between any two
lines below, so each change is either repeated without harm by the agent that goes on, or recorded before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agent import launch
from agent.collect import Collected
from agent.domain import CheckpointState, ExitResult, Model, Plugin, Project, Step, Task, TaskStatus, TaskType
from agent.errors import (
    AgentError,
    Conflict,
    CouldNotStart,
    EngineUnavailable,
    PluginFailed,
    Stopped,
    TakenOver,
)
from agent.events.model import Level, Stream
from agent.formats.task_dir import TaskDir
from agent.record import Recorder
from agent.stops import Stops
from agent.upload import Uploader
from agent.verdict import Decided, End, verdict
from agent.wishes import check_mode

if TYPE_CHECKING:
    from agent.engines import Container, Engine, EngineInfo, ImageInfo
    from agent.house import House
    from agent.stage import Staged

ENGINE_PATIENCE_S = 120.0  # for an engine that is restarted together with us, when a container may be waiting there


class Left(Stopped):
    """The agent was stopped before it could look after a container: the next agent goes on with the task."""

    reason = "agent_stopped"


class Run:
    """A task being run: its folder, recorder and uploader, and the verbs of its life."""

    def __init__(self, task: Task, house: House, shutdown: threading.Event) -> None:
        store, settings = house.store, house.settings
        self.task = task
        self.resumed = task.status is not TaskStatus.CONSUMED
        self.plugin: Plugin = store.plugins.get(task.plugin_id)
        self.project: Project = store.projects.get(task.project_id)
        self.model: Model = store.models.get(task.model_id)
        self.folder = TaskDir(settings.tasks / str(task.id))
        self.recorder = Recorder(
            store,
            task.id,
            lines_read=task.lines_read,
            last_seq=store.events.last_seq(task.id),
            log_path=self.folder.log_path(datetime.now().astimezone()),
            agent_id=task.agent_id,
        )
        self.uploader = Uploader(
            task,
            self.plugin,
            store=store,
            artifacts=house.artifacts,
            recorder=self.recorder,
            results=self.folder.results,
            project_name=self.project.name,
        )
        self.stops = Stops(task, house, self.recorder, shutdown)
        self.exit_code: int | None = None
        self.house = house
        self._container: Container | None = None
        self._starting = False  # an engine that fails to start one may have started it all the same

    @cached_property
    def engine(self) -> Engine:
        """The engine the task was launched on, or the one it asks for."""
        return self.house.open_engine(self.task.engine or self.task.options.engine, self.house.settings)

    @cached_property
    def engine_info(self) -> EngineInfo:
        return self.engine.info()

    @cached_property
    def _image(self) -> ImageInfo | None:
        """The plugin's image; None where the engine runs the plugin's folder."""
        if self.engine.name == "process":
            return None
        return self.engine.image(self.plugin.reference, self.task.options.pull)

    # ---------------------------------------------------------------- verbs, in order

    def open(self) -> None:
        """Record the start, or that another agent's task goes on here, and save first what that one had to leave."""
        if self.resumed:
            self.uploader.recover()
        else:
            try:
                self.house.store.tasks.become(self.task.id, TaskStatus.STARTED, agent_id=self.task.agent_id)
            except TakenOver:
                raise
            except Conflict:
                self.stops.raise_if_wished()  # a stop came between claim and start
                raise
        if self.task.reason is not None:  # its closing event may be there, and nothing follows that
            return
        if self.note_once("TASK_START", "TASK_STARTED"):
            self.recorder.note(
                "TASK_MSG",
                fields={"task_type": self.task.type, "config": self.task.config, "options": asdict(self.task.options)},
            )
        self.recorder.note("LAST_COMPLETE_STEP", fields={"step": self.task.step.name})

    def find_container(self) -> Container | None:
        """The container of this task from before a crash. Raises PluginFailed when there was one and it is gone.

        Raises Decided when an agent before this one knew how the task ends.
        """
        if not self.resumed:
            return None
        if self.task.reason is not None:
            with suppress(AgentError):  # else it is swept up later
                self._container = self._look_for_container()
            raise Decided(End.decided(self.task))
        if self.task.engine is not None:
            self._container = self._wait_for_container()
        if self.task.step >= Step.MAIN:
            self.exit_code = 0  # else MAIN would not be complete
        elif self._container is not None:
            self.recorder.note("TASK_MISSED", event_type="MISSED_TASK_FOUND", fields={"container": self._container.id})
            self.house.store.tasks.launched(self.task.id, container_id=self._container.id)
            self.stops.remember()
        elif self.task.container_id is not None:
            self.stops.raise_if_wished()
            raise PluginFailed(
                "the container vanished while no agent was watching; what it printed before is kept",
                reason="container_lost",
            )
        return self._container

    def _look_for_container(self) -> Container | None:
        # Labels as launched: the settings they are made from may have changed since.
        labels = (self.task.container_spec or {}).get("labels") or launch.labels(self.task, self.house.settings)
        found = self.engine.find(labels)
        return found[0] if found else None

    def _wait_for_container(self) -> Container | None:
        """Ask an engine that may be on its way up like us. Raises EngineUnavailable when it stays away."""
        deadline = time.monotonic() + ENGINE_PATIENCE_S
        while True:
            try:
                return self._look_for_container()
            except EngineUnavailable as away:
                if self.stops.shutdown.wait(1.0):
                    raise Left(f"{away}; the next agent goes on with task {self.task.id}") from away
                if time.monotonic() > deadline:
                    raise

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Record the start and the completion of a step."""
        self.recorder.note("BEFORE_STEP", fields={"step": step.name})
        yield
        self.note_once("STEP_DONE", "STEP_COMPLETE", step=step.name)
        self.house.store.tasks.set_step(self.task.id, step)

    def check_image(self) -> None:
        """The plugin can do this kind of task, here. Raises CouldNotStart or BadInput."""
        check_mode(self.plugin, self.task.type)
        if self._image is None and self.plugin.folder is None:
            raise CouldNotStart(
                f"plugin {self.plugin.reference} is known by its image only, but the process engine runs folders; "
                "submit with --plugin FOLDER, or use the docker engine"
            )

    def start(self, staged: Staged) -> Container:
        """Create and start the container, unless a stop came first."""
        self.stops.raise_if_wished()
        spec = launch.container_spec(
            self.task,
            self.plugin,
            self.house.settings.tasks_on_host / str(self.task.id),
            engine=self.engine_info,
            settings=self.house.settings,
            data_read_only=staged.data_method == "hardlink",
        )
        for line in launch.remarks(self.task, self.engine_info, self.house.settings):
            self.recorder.note(line)
        digest = self._image.digest if self._image else self.plugin.content_sha256
        self.uploader.image_digest = digest
        self.recorder.note(
            "CONTAINER_START", fields={"image": spec.image, "digest": digest, "engine": self.engine.name}
        )
        self.uploader.watch()
        # Before the start, so that whoever goes on after a crash in between looks at the right engine.
        self.house.store.tasks.launching(
            self.task.id, engine=self.engine.name, spec=launch.as_json(spec), image_digest=digest
        )
        self._starting = True
        self._container = self.engine.start(spec)
        self.house.store.tasks.launched(self.task.id, container_id=self._container.id)
        return self._container

    def judge(self, result: ExitResult, collected: Collected) -> None:
        """Raise what the container's end means for the task; return when it went well."""
        self.exit_code = result.exit_code
        self.recorder.note(
            "CONTAINER_END", fields={"exit_code": result.exit_code, "out_of_memory": result.out_of_memory}
        )
        if self.stops.why is not None:
            raise self.stops.why
        if (failure := verdict(result, collected, entry=f"/workdir/src/{self.task.type.value}.py")) is not None:
            raise failure

    def publish(self) -> None:
        """Give the result its name. Raises PluginFailed when there is none, or when a part of it was not kept."""
        if self.task.type is TaskType.INFERENCE:
            project = self.uploader.result_project()
            self.house.store.tasks.set_result_project(self.task.id, project.id)
            return
        checkpoints = self.house.store.checkpoints.list(self.task.id)
        kept = [c for c in checkpoints if c.state is CheckpointState.PUBLISHED and c.model_id is not None]
        if kept:
            last = max(kept, key=lambda c: c.seq)
            assert last.model_id is not None
            self.house.store.models.rename(last.model_id, self.task.name)
        if not checkpoints:
            raise PluginFailed(
                "the plugin ended well but reported no checkpoint, so there is no model; "
                "is val_every above epochs, or are there fewer training images than a batch?",
                reason="no_checkpoint",
            )
        if failed := [c for c in checkpoints if c.state is CheckpointState.FAILED]:
            raise PluginFailed(
                f"{len(failed)} of {len(checkpoints)} checkpoints could not be kept; the log says why for each",
                reason=failed[0].reason or "checkpoint_invalid",
            )

    def abandon(self) -> None:
        """Let go of the task without touching it: it is another agent's now, or is gone on with later."""
        self.uploader.abandon()

    def container_left(self) -> Container | None:
        """The task's container, found again if its start failed half-way. Raises EngineUnavailable."""
        return self._container or (self._look_for_container() if self._starting else None)

    def note_once(self, message: str, event_type: str, *, level: Level = Level.INFO, **fields: Any) -> bool:
        """Note an event that a task has once, unless an agent before this one noted it; whether it was noted now."""
        if self.resumed:
            step = fields.get("step")
            for event in self.house.store.events.after(self.task.id, event_type=event_type, limit=10_000):
                if event.stream is Stream.AGENT and (step is None or (event.fields or {}).get("step") == step):
                    return False
        self.recorder.note(message, level, event_type, fields or None)
        return True
