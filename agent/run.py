"""One run of one task: what `run_task` says in verbs, done; and its end, whatever happens.

How it ended and why is decided in `verdict.py`; here it is acted on.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from agent import launch
from agent.collect import Collected
from agent.domain import CheckpointState, ExitResult, Model, Plugin, Project, Step, Task, TaskStatus, TaskType
from agent.errors import AgentError, CouldNotStart, PluginFailed, Stopped
from agent.events.model import Level
from agent.formats.task_dir import TaskDir
from agent.record import Recorder
from agent.upload import Uploader
from agent.verdict import End, end_of, verdict
from agent.wishes import check_mode

if TYPE_CHECKING:
    from agent.engines import Container, Engine, EngineInfo, ImageInfo
    from agent.house import House
    from agent.stage import Staged

STOP_POLL_S = 0.25  # how soon a stop is noticed; the original looks every 0.5 s


class Run:
    """A task being run: its folder, recorder and uploader, and the verbs of its life."""

    def __init__(self, task: Task, house: House, shutdown: threading.Event) -> None:
        store, settings = house.store, house.settings
        self.task = task
        self.plugin: Plugin = store.plugins.get(task.plugin_id)
        self.project: Project = store.projects.get(task.project_id)
        self.model: Model = store.models.get(task.model_id)
        self.folder = TaskDir(settings.tasks / str(task.id))
        self.recorder = Recorder(
            store,
            task.id,
            lines_read=task.lines_read,
            last_seq=store.events.last_seq(task.id),
            log_path=self.folder.logs / f"log_{datetime.now().astimezone():%Y-%m-%d_%H:%M:%S}.txt",
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
        self.exit_code: int | None = None
        self._house = house
        self._shutdown = shutdown
        self._container: Container | None = None
        self._stop: Stopped | None = None

    @cached_property
    def engine(self) -> Engine:
        return self._house.open_engine(self.task.options.engine, self._house.settings)

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

    def find_container(self) -> Container | None:
        """The container of this task from before a crash. Raises PluginFailed when there was one and it is gone."""
        if self.task.status is TaskStatus.CONSUMED:
            return None
        found = self.engine.find(launch.labels(self.task, self._house.settings))
        if found:
            self.recorder.note("TASK_MISSED", event_type="MISSED_TASK_FOUND", fields={"container": found[0].id})
            self._container = found[0]
            self.uploader.watch()
            self.uploader.recover()
            return found[0]
        if self.task.container_id is not None and self.task.step < Step.MAIN:
            raise PluginFailed(
                "the container vanished while no agent was watching; what it printed before is kept",
                reason="container_lost",
            )
        return None

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Record the start and the completion of a step."""
        self.recorder.note("BEFORE_STEP", fields={"step": step.name})
        yield
        self._house.store.tasks.set_step(self.task.id, step)
        self.recorder.note("STEP_DONE", event_type="STEP_COMPLETE", fields={"step": step.name})

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
        self.raise_if_stopped()
        spec = launch.container_spec(
            self.task,
            self.plugin,
            self._house.settings.tasks_on_host / str(self.task.id),
            engine=self.engine_info,
            settings=self._house.settings,
            data_read_only=staged.data_method == "hardlink",
        )
        for line in launch.remarks(self.task, self.engine_info, self._house.settings):
            self.recorder.note(line)
        digest = self._image.digest if self._image else self.plugin.content_sha256
        self.uploader.image_digest = digest
        self.recorder.note(
            "CONTAINER_START", fields={"image": spec.image, "digest": digest, "engine": self.engine.name}
        )
        self.uploader.watch()
        self._container = self.engine.start(spec)
        self._house.store.tasks.launched(
            self.task.id,
            engine=self.engine.name,
            container_id=self._container.id,
            spec=launch.as_json(spec),
            image_digest=digest,
        )
        return self._container

    @contextmanager
    def stoppable(self, container: Container) -> Iterator[None]:
        """While the block runs, a stop wish or the agent's shutdown kills the container."""
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                with suppress(AgentError):  # a busy store is asked again in a moment
                    if (stop := self._stop_wish()) is not None:
                        self._stop = stop
                        container.kill(self.task.options.stop_grace_s)
                        return
                done.wait(STOP_POLL_S)

        watcher = threading.Thread(target=watch, name=f"stop-{self.task.id}", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def judge(self, result: ExitResult, collected: Collected) -> None:
        """Raise what the container's end means for the task; return when it went well."""
        self.exit_code = result.exit_code
        self.recorder.note(
            "CONTAINER_END", fields={"exit_code": result.exit_code, "out_of_memory": result.out_of_memory}
        )
        if self._stop is not None:
            raise self._stop
        if (failure := verdict(result, collected, entry=f"/workdir/src/{self.task.type.value}.py")) is not None:
            raise failure

    def publish(self) -> None:
        """Give the result its name. Raises PluginFailed when there is none, or when a part of it was not kept."""
        if self.task.type is TaskType.INFERENCE:
            project = self.uploader.result_project()
            self._house.store.tasks.set_result_project(self.task.id, project.id)
            return
        checkpoints = self._house.store.checkpoints.list(self.task.id)
        kept = [c for c in checkpoints if c.state is CheckpointState.PUBLISHED and c.model_id is not None]
        if kept:
            last = max(kept, key=lambda c: c.seq)
            assert last.model_id is not None
            self._house.store.models.rename(last.model_id, self.task.name)
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

    # ---------------------------------------------------------------- the end

    def finish(self, error: BaseException | None) -> None:
        """Record the end, last of all: uploads done, container gone, folder tidied, then one closing event."""
        end = end_of(error, self.exit_code)
        try:
            if error is not None:  # what was saved before the failure stays saved
                self.uploader.finish()
        except (AgentError, OSError) as storage:
            end = end_of(storage, self.exit_code) if end.status is TaskStatus.FINISHED else end
        self._tidy(end)
        fields: dict[str, object] = {"reason": end.reason}
        if end.status is TaskStatus.FINISHED:
            self.recorder.note("TASK_END", event_type="TASK_FINISHED", fields=fields)
        elif end.status is TaskStatus.STOPPED:
            self.recorder.note("TASK_END", event_type="TASK_STOPPED", fields={"stopped": "by_user", **fields})
        else:
            fields["exc_str"] = end.message
            if end.reason == "internal_error" and error is not None:
                fields["stack"] = traceback.format_exception(error)
            self.recorder.note("TASK_END", level=Level.FATAL, event_type="TASK_CRASHED", fields=fields)
        self.recorder.close()
        self._house.store.tasks.become(
            self.task.id, end.status, reason=end.reason, message=end.message or None, exit_code=end.exit_code
        )

    def _tidy(self, end: End) -> None:
        """No container left, the folder kept or cleaned as the settings say. Reports, never fails the task."""
        settings = self._house.settings
        if end.status is TaskStatus.ERROR:
            clean = settings.delete_task_dir_on_failure
        else:
            clean = settings.delete_task_dir_on_finish
        try:
            if self._container is not None:
                self._container.kill()
                self._container.remove()
            if clean:
                self.folder.clean()
        except (AgentError, OSError) as error:
            self.recorder.note(f"could not tidy up after the task: {error}", level=Level.WARN)

    def _stop_wish(self) -> Stopped | None:
        if self._shutdown.is_set():
            return Stopped("the agent was stopped while the task ran", reason="agent_stopped")
        if self._house.store.tasks.stop_requested(self.task.id):
            return Stopped("stopped by the user")
        return None

    def raise_if_stopped(self) -> None:
        if (stop := self._stop_wish()) is not None:
            raise stop


@contextmanager
def open_run(task: Task, house: House, shutdown: threading.Event) -> Iterator[Run]:
    """A run whose end is recorded whatever happens inside. Expected failures end here; bugs go on to the caller."""
    try:
        run = Run(task, house, shutdown)
    except AgentError as error:  # its plugin, project or model was deleted: there is nothing to run
        house.store.tasks.become(task.id, TaskStatus.ERROR, reason=error.reason, message=str(error))
        raise
    if task.status is TaskStatus.CONSUMED:
        house.store.tasks.become(task.id, TaskStatus.STARTED)
        run.recorder.note("TASK_START", event_type="TASK_STARTED")
        run.recorder.note(
            "TASK_MSG", fields={"task_type": task.type, "config": task.config, "options": asdict(task.options)}
        )
    run.recorder.note("LAST_COMPLETE_STEP", fields={"step": task.step.name})
    try:
        yield run
    except AgentError as error:
        run.finish(error)
    except BaseException as error:
        run.finish(error)
        raise
    else:
        run.finish(None)
