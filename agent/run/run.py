"""One run of one task: the verbs of `run_task`, and what they share.

Entering a run cannot fail, and leaving it always goes through `closing.py`, which records the end. `outcome.py` decides
how the task ended. A store that does not answer is waited for (`patience.py`), until this agent is asked to end. An
agent may be killed between any two lines below, so each change is either repeated without harm by the agent that goes
on, or recorded before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from datetime import datetime
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from agent.checkpoints.publisher import Uploader, model_name
from agent.domain import CheckpointState, ExitResult, Step, Task, TaskStatus, TaskType
from agent.engines import ImageInfo
from agent.engines.gpus import Gpus
from agent.errors import AgentError, Conflict, CouldNotStart, EngineUnavailable, PluginFailed, TakenOver
from agent.events.model import Level, Stream
from agent.formats.task_dir import TaskDir
from agent.fs.beneath import open_folder
from agent.models_url import models_url
from agent.patience import Patience
from agent.recorder import DEPLOYED_LINGER_S, LINGER_S, Recorder
from agent.run import resume
from agent.run.attempt import remove_older_containers, task_of_attempt
from agent.run.closing import close
from agent.run.container_spec import as_json, container_spec, remarks
from agent.run.hints import Facts
from agent.run.image import Loading, have_image
from agent.run.interrupts import Interrupts
from agent.run.outcome import plugin_failure, training_failure
from agent.run.serving import connection_to, entry_of, served_config, serves_itself, serving_program
from agent.run.stage import Progress
from agent.run.usage import measuring
from agent.store import SHARED_GPUS
from agent.submission import check_mode, config_notes, require_network
from agent.task_images.keeper import ImageKeeper
from agent.task_options import is_hardened

if TYPE_CHECKING:
    from agent.domain import EngineInfo
    from agent.engines import Container, Engine
    from agent.installation import Installation
    from agent.run.collect import Collected
    from agent.run.loss import Loss
    from agent.run.outcome import Outcome
    from agent.run.shutdown import Shutdown
    from agent.run.stage import Staged
    from agent.store import Store

WAITS = "TASK_WAITS"  # the type of the agent's note why a task waits

JOB_WORD_S = 2.0  # a cluster that ends a job tells its processes at once, and the plugin may obey first


class Run:
    """A task being run: its folder, recorder, uploader and container. Leaving the `with` block records the end."""

    def __init__(
        self,
        task: Task,
        installation: Installation,
        shutdown: Shutdown,
        *,
        is_patient: bool = False,
        loss_of: Callable[[Outcome], Loss | None] | None = None,
        job_restarted: bool = False,
    ) -> None:
        """With `is_patient` the task waits for a machine that cannot run it now; else it fails at once.

        `loss_of`, of a run in a job, says of an end whether it was no fault of the task: another attempt may follow.
        `job_restarted`: the cluster ended that job before, with everything in it, and has started it once more.
        """
        self.job_restarted = job_restarted
        self.was_over = False  # the container, when this agent found it
        self.loss_of = loss_of
        self.patience = Patience(shutdown.wait)
        self.store_at_once = installation.store  # for threads that have more to do than to wait for an answer
        store, settings = self.patience.of(installation.store), installation.settings
        attempt = store.attempts.get(task.id, task.attempt) if task.attempt > 1 else None
        self.first_seq = attempt.first_seq if attempt is not None else 1
        task = task_of_attempt(task, attempt)
        self.task = task
        self.is_patient = is_patient
        self.installation = replace(installation, store=store)
        self.shutdown = shutdown
        self.is_resumed = task.status is not TaskStatus.CONSUMED or task.reason is not None
        self.plugin = store.plugins.get(task.plugin_id)  # a task keeps what it names from being deleted
        self.project = None if task.project_id is None else store.projects.get(task.project_id)
        self.model = store.models.get(task.model_id)
        last_seq = store.events.last_seq(task.id)
        self.was_begun = last_seq > 0
        self.has_waited = self.was_begun and _has_waited(store, task.id)
        self.folder = TaskDir(settings.tasks / str(task.id))
        self.recorder = Recorder(
            installation.store,
            task.id,
            lines_read=task.lines_read,
            last_seq=last_seq,
            log_path=self.folder.log_path(datetime.now().astimezone()),
            agent_id=task.agent_id,
            patience=self.patience,
            first_seq=self.first_seq,
            least_linger_s=DEPLOYED_LINGER_S if task.type is TaskType.DEPLOY else LINGER_S,
        )
        self.uploader = Uploader(
            task,
            self.plugin,
            store=store,
            artifacts=installation.artifacts,
            recorder=self.recorder,
            results=self.folder.results,
            project_name="" if self.project is None else self.project.name,
            patience=self.patience,
            first_seq=self.first_seq,
        )
        self.images = ImageKeeper(
            task,
            store=store,
            artifacts=installation.artifacts,
            recorder=self.recorder,
            results=self.folder.results,
            most_bytes=settings.task_images_bytes,
            patience=self.patience,
            first_seq=self.first_seq,
        )
        self.interrupts = Interrupts(task, self.installation, self.recorder, shutdown, store_at_once=self.store_at_once)
        self.container: Container | None = None
        self.gpus: str | None = (task.container_spec or {}).get("gpus")  # as in ContainerSpec
        self.may_have_started = False  # an engine that fails to start a container may have started it all the same
        self.exit_code: int | None = None
        self.key = ""  # of a deployed model, for the web; no line shows it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return close(self, error)

    @property
    def images_count(self) -> int:
        """Of the project that is staged; 0 without one."""
        return 0 if self.project is None else self.project.images_count

    @cached_property
    def engine(self) -> Engine:
        """The engine the task was launched on, or the engine it asks for. Raises EngineUnavailable."""
        return self.installation.open_engine(self.task.engine or self.task.options.engine, self.installation.settings)

    @cached_property
    def engine_info(self) -> EngineInfo:
        return self.engine.info()

    # ---------------------------------------------------------------- verbs, in order

    def begin(self) -> None:
        """Record the start, or that this agent goes on with another agent's task and what that agent left unsaved.

        Raises Cancelled for a stop that came between claim and start, and for a task whose outcome is decided.
        """
        if self.is_resumed:
            self.uploader.recover()
            self.images.recover()
        if self.task.reason is not None:
            raise resume.decided(self)
        if not self.is_resumed:
            self._record_start()
        if self.note_once("TASK_START", "TASK_STARTED"):
            self.recorder.note(
                "TASK_MSG",
                fields={"task_type": self.task.type, "config": self.task.config, "options": asdict(self.task.options)},
            )
        if not self.has_waited:
            self.recorder.note("LAST_COMPLETE_STEP", fields={"step": self.task.step.name})

    def _record_start(self) -> None:
        try:
            self.installation.store.tasks.become(self.task.id, TaskStatus.STARTED, agent_id=self.task.agent_id)
        except TakenOver:
            raise
        except Conflict:  # a task that is to be stopped cannot become started
            self.interrupts.raise_if_cancelled()
            raise

    def find_container(self) -> Container | None:
        """The container that an agent before this one started; None when there was none.

        Raises PluginFailed when it is gone, EngineUnavailable when the engine stays away, Cancelled when this agent
        ends before the engine has answered.
        """
        if self.is_resumed:
            self.container = resume.find_container(self)
            self.was_over = self.container is not None and self.container.is_over()
        return self.container

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Record the start and the completion of a step."""
        if not self.has_waited or step is not Step.DOWNLOAD:
            self.recorder.note("BEFORE_STEP", fields={"step": step.name})
        yield
        self.note_once("STEP_DONE", "STEP_COMPLETE", step=step.name)
        self.installation.store.tasks.set_step(self.task.id, step, agent_id=self.task.agent_id)

    def pull_image(self) -> ImageInfo:
        """Have the plugin's image on the engine; where folders run, its digest is the hash of the folder.

        Raises BadInput when the plugin cannot do this kind of task, CouldNotStart, Cancelled.
        """
        check_mode(self.plugin, self.task.type)
        hardened = is_hardened(self.task.options, self.installation.settings, self.engine.name)
        require_network(self.task.type, hardened=hardened)
        if self.task.attempt > 1:  # before the folder is made anew, into which they write
            remove_older_containers(self.engine, self.task, self.installation.settings)
        if self.engine.name != "process":
            return self._have_image()
        if self.plugin.folder is None:
            if self.task.options.engine == "auto" and self.installation.settings.engine == "auto":
                raise EngineUnavailable(
                    f"no Docker engine answers, and plugin {self.plugin.reference} is known by its image only; "
                    "start the engine, or submit with --plugin FOLDER"
                )
            raise CouldNotStart(
                f"plugin {self.plugin.reference} is known by its image only, but the process engine runs folders; "
                "submit with --plugin FOLDER, or use the docker engine"
            )
        return ImageInfo(self.plugin.reference, self.plugin.content_sha256 or "", {})

    def _have_image(self) -> ImageInfo:
        pull, loading = self.task.options.pull, Loading(self.plugin.kept_bytes or 0)
        progress = Progress(self.recorder, "Loading the image (MiB)")

        def tell() -> None:
            if loading.done_bytes:
                progress.tell(loading.done_bytes >> 20, loading.total_bytes >> 20)

        def have() -> ImageInfo:
            return have_image(self.engine, self.plugin, pull, self.installation, loading)

        try:
            return self.interrupts.result_of(have, tell)
        finally:
            loading.stop()

    def serving(self) -> tuple[Mapping[str, Any] | None, bytes | None]:
        """The config of a deployed model, and the program that serves it where the plugin has none.

        None for other tasks. Raises CouldNotStart.
        """
        task, settings = self.task, self.installation.settings
        if task.type is not TaskType.DEPLOY:
            return None, None
        is_local = self.engine_info.is_local and self.loss_of is None  # the job of a cluster is not where the web is
        address = models_url(settings, self.engine.name, is_local=is_local)
        program = None if serves_itself(self.plugin) else serving_program()
        self.key = self.installation.store.tokens.create_for_task(task.id)
        return served_config(task.config, connection_to(address, self.key, task.id)), program

    def start(self, staged: Staged, image: ImageInfo) -> Container:
        """Create and start the container. Raises Cancelled, CouldNotStart, BadInput."""
        self.interrupts.raise_if_cancelled()
        store, settings = self.installation.store, self.installation.settings
        spec = container_spec(
            self.task,
            self.plugin,
            settings.tasks_on_host / str(self.task.id),
            engine=self.engine_info,
            settings=settings,
            data_read_only=staged.data_method == "hardlink",
            image=image.reference,
        )
        image_digest = image.digest or None
        self.gpus = spec.gpus
        for line in remarks(self.task, self.engine_info, settings):
            self.recorder.note(line)
        for line in config_notes(self.plugin, self.task):
            self.recorder.note(line, Level.WARN)
        self.uploader.image_digest = image_digest
        self.recorder.note(
            "CONTAINER_START",
            fields={"image": self.plugin.reference, "digest": image_digest, "engine": self.engine.name},
        )
        self.uploader.watch()
        # Before the start, so that the agent that goes on after a crash in between looks at the right engine.
        store.tasks.launching(
            self.task.id,
            engine=self.engine.name,
            spec=as_json(spec),
            image_digest=image_digest,
            agent_id=self.task.agent_id,
        )
        self.may_have_started = True
        self.container = self.engine.start(spec)
        store.tasks.launched(self.task.id, container_id=self.container.id, agent_id=self.task.agent_id)
        return self.container

    def measuring(self, container: Container) -> AbstractContextManager[None]:
        """What the container uses of its machine is read and kept, as long as the block runs."""
        if not self.installation.settings.measure_usage:
            return nullcontext()
        note = partial(self.note_once, "the memory on GPUs is that of every program on them", SHARED_GPUS)
        return measuring(container, self._gpus_here, self.store_at_once, self.task.id, on_shared_gpus=note)

    def _gpus_here(self) -> Gpus:
        """The task's GPUs, none for an engine on another machine."""
        try:
            return Gpus(self.gpus if self.gpus and self.engine_info.is_local else None)
        except AgentError:  # an engine that is away
            return Gpus(None)

    def deployed(self, _seq: int = 0) -> None:
        """The plugin has reported TASK_DEPLOYED: the model answers requests from now on. Harmless when repeated."""
        if self.task.type is not TaskType.DEPLOY:
            return
        try:
            self.installation.store.tasks.become(self.task.id, TaskStatus.DEPLOYED, agent_id=self.task.agent_id)
        except TakenOver:
            raise
        except Conflict:  # it is to be stopped
            return
        self.interrupts.is_deployed = True

    def require_success(self, result: ExitResult, collected: Collected) -> None:
        """Record how the container ended. Raises Cancelled when it was killed, PluginFailed when it failed."""
        self.exit_code = result.exit_code
        self.recorder.note(
            "CONTAINER_END", fields={"exit_code": result.exit_code, "out_of_memory": result.out_of_memory}
        )
        if result.remark:
            self.recorder.note(result.remark, Level.WARN)
        if result.exit_code == 0 and result.error:
            self.recorder.note(f"the container ended well, but {result.error}", Level.WARN)
        if self.interrupts.cancelled is not None:
            raise self.interrupts.cancelled
        if result.signal is not None:
            self.interrupts.raise_if_stopped(JOB_WORD_S if self.loss_of is not None else 0.0)
        if self.job_restarted and self.was_over and result.signal is not None and not result.out_of_memory:
            said = "the plugin was killed while no agent was watching, as its job was; what it printed before is kept"
            raise PluginFailed(said, reason=resume.CONTAINER_LOST)
        entry = entry_of(self.plugin, self.task.type)
        facts = Facts(self.task.config, has_model=self._has_model())
        if (failure := plugin_failure(result, collected, entry=entry, facts=facts)) is not None:
            raise failure
        if lost := result.lost or collected.lost:
            raise PluginFailed(lost, reason="output_lost")

    def _has_model(self) -> bool:
        try:
            with open_folder(self.folder.path) as task, task.folder(self.folder.model.name) as model:
                return bool(model.names())
        except OSError:
            return True

    def finish_uploads(self) -> None:
        """Wait until everything handed over has arrived or failed. Raises what broke our own storage."""
        self.images.finish()
        self.uploader.finish()

    def abandon_uploads(self) -> None:
        """Leave what was handed over as it is, for whoever goes on with the task."""
        self.images.abandon()
        self.uploader.abandon()

    def publish(self) -> None:
        """Give the result its name. Raises PluginFailed when there is none, or when a part of it was not kept."""
        store = self.installation.store
        if self.task.type is TaskType.DEPLOY:
            return
        if self.task.type is TaskType.INFERENCE:
            project = self.uploader.result_project()
            store.tasks.set_result_project(self.task.id, project.id, agent_id=self.task.agent_id)
            return
        checkpoints = store.checkpoints.list(self.task.id)
        published = [checkpoint for checkpoint in checkpoints if checkpoint.state is CheckpointState.PUBLISHED]
        if published and (model_id := published[-1].model_id) is not None:
            given = model_name(self.task, published[-1].index)
            store.models.rename(model_id, self.task.name, instead_of=given)
        if (failure := training_failure(checkpoints, self.first_seq)) is not None:
            raise failure

    # ---------------------------------------------------------------- for the end of a run

    @property
    def was_launched(self) -> bool:
        """Whether a container of the task may exist."""
        return self.may_have_started or self.task.engine is not None

    def note_wait(self, why: str) -> None:
        """Note why the task waits, unless the last note says so already: the log does not tell of each attempt."""
        last = self.installation.store.events.after(self.task.id, newest_first=True, limit=1)
        if [(event.event_type, event.message) for event in last] != [(WAITS, why)]:
            self.recorder.note(why, Level.WARN, WAITS)

    def started_container(self) -> Container | None:
        """The task's container, looked for if its start failed half-way. Raises EngineUnavailable."""
        return self.container or (resume.look_for_container(self) if self.may_have_started else None)

    def note_once(
        self, message: str, event_type: str, *, level: Level = Level.INFO, of_task: bool = False, **fields: Any
    ) -> bool:
        """Note an event that an attempt has once, unless an agent before this one did; whether it was noted now.

        With `of_task` the task has it once, over all its attempts.
        """
        if self.was_begun:
            step, before = fields.get("step"), 0 if of_task else self.first_seq - 1
            for event in self.installation.store.events.each(self.task.id, before, event_type=event_type):
                if event.stream is Stream.AGENT and (step is None or (event.fields or {}).get("step") == step):
                    return False
        self.recorder.note(message, level, event_type, fields or None)
        return True


def _has_waited(store: Store, task_id: int) -> bool:
    """Whether the last attempt to run the task ended because this machine could not run it."""
    return any(event.event_type == WAITS for event in store.events.after(task_id, newest_first=True, limit=1))
