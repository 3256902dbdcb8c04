"""What a plugin made becomes part of the library: checkpoints as model states, results as projects.

A checkpoint is made safe at the moment its line is read (`Uploader.checkpoint`, in the log loop), and packed,
hashed and registered by one worker beside the loop, so a slow disk never holds up the log. Each step is
recorded, so nothing fails in silence and nothing is done twice.
"""

from __future__ import annotations

import queue
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent import library
from agent.domain import CheckpointState, NewModel, Plugin, Project, Provenance, Task, TaskType
from agent.errors import AgentError, Conflict, Invalid, PluginFailed, TakenOver
from agent.events.model import CheckpointReported, Level, Stream
from agent.formats import model_state
from agent.formats.packing import Survey, survey
from agent.shadow import Shadow
from agent.snapshot import checkpoint_path, leaves, require_folder, snapshot

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.record import Recorder
    from agent.store import Store


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    row_id: int
    report: CheckpointReported
    folder: Path  # the snapshot
    files: Survey


class _ResultProject:
    """The plugin said that results/<project> is complete."""


class Uploader:
    """One task's results on their way into the library; `finish` waits until all have arrived."""

    def __init__(
        self,
        task: Task,
        plugin: Plugin,
        *,
        store: Store,
        artifacts: Artifacts,
        recorder: Recorder,
        results: Path,
        project_name: str,
    ) -> None:
        self.image_digest: str | None = task.image_digest
        self._task = task
        self._plugin = plugin
        self._store = store
        self._artifacts = artifacts
        self._recorder = recorder
        self._results = results
        self._project_name = project_name
        self._shadow = Shadow(results, results.parent.with_name(f"{results.parent.name}.shadow"))
        # Beside the task folder, not in it: the plugin cannot reach what it has handed over.
        self._snapshots = results.parent.with_name(f"{results.parent.name}.snapshots")
        self._queue: queue.SimpleQueue[_Checkpoint | _ResultProject | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._broken: BaseException | None = None
        self._projects: list[Project] = []

    def watch(self) -> None:
        """From now on a plugin may delete a checkpoint the moment after reporting it. Call before it starts."""
        if self._task.type is TaskType.TRAIN:
            self._shadow.start()

    @property
    def failure(self) -> AgentError | None:
        """What broke our own storage, if anything did: nothing will be kept from then on."""
        return self._broken if isinstance(self._broken, AgentError) else None

    # ---------------------------------------------------------------- in the log loop

    def checkpoint(self, seq: int, report: CheckpointReported) -> None:
        """Take over a reported checkpoint. Called once per line, in order; returns when its files are safe."""
        row = self._store.checkpoints.add(self._task.id, seq, report)
        if row.state is not CheckpointState.SNAPSHOT:  # read again after a crash: done before
            return
        place = self._snapshots / str(seq)
        try:
            # It exists already when a crash came between snapshot and publication.
            files = survey(place) if place.exists() else self._snapshot(report, place)
        except (PluginFailed, OSError) as error:
            self._fail(row.id, report, error)
            return
        self._hand_over(_Checkpoint(row.id, report, place, files))

    def _snapshot(self, report: CheckpointReported, place: Path) -> Survey:
        """Link the reported folder's files below `place`, whole, also when the plugin has deleted them already."""
        half = place.with_name(f"{place.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        folder = checkpoint_path(self._results, report.subdir)
        try:
            source = self._shadow.deleted(folder) or require_folder(folder, report.subdir)
            snapshot(source, half)
        except (PluginFailed, OSError):
            rescued = self._shadow.deleted(folder)  # deleted under our hands
            if rescued is None:
                raise
            shutil.rmtree(half, ignore_errors=True)
            snapshot(rescued, half)
        half.rename(place)
        return survey(place)

    def applied(self, seq: int) -> None:  # noqa: ARG002 - the collector's signature
        """The plugin reported MODEL_APPLIED: its result project is complete and is imported at once."""
        if self._task.type is TaskType.INFERENCE:
            self._hand_over(_ResultProject())

    def recover(self) -> None:
        """After a crash: hand over again what was reported and has not arrived, each once.

        Call it first: what follows may end the task, and then everything handed over has to arrive.
        """
        if self._task.type is TaskType.INFERENCE:
            self._recover_projects()
            return
        if self._results.is_dir() and not leaves(self._results, self._results):
            self.watch()
        for row in self._store.checkpoints.list(self._task.id):
            if row.state is CheckpointState.SNAPSHOT:
                report = CheckpointReported(row.index, row.subdir, row.size_bytes, row.is_best, row.optional)
                self.checkpoint(row.seq, report)
        for seq, report in self._recorder.unhandled_checkpoints():
            self.checkpoint(seq, report)

    def _recover_projects(self) -> None:
        """Import what was reported and not imported; the last import counts, so one stands for all of them."""
        self._projects = self._store.projects.of_task(self._task.id)
        noted = self._store.events.after(self._task.id, event_type="PROJECT_CREATED", limit=10_000)
        known = {(event.fields or {}).get("project_id") for event in noted if event.stream is Stream.AGENT}
        for project in self._projects:
            if project.id not in known:
                self._note_project(project)
        reports = self._store.events.after(self._task.id, event_type="MODEL_APPLIED", limit=10_000)
        if sum(event.stream is not Stream.AGENT for event in reports) > len(self._projects):
            self._hand_over(_ResultProject())

    def _hand_over(self, job: _Checkpoint | _ResultProject) -> None:
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name=f"upload-{self._task.id}", daemon=True)
            self._worker.start()
        self._queue.put(job)

    # ---------------------------------------------------------------- beside it

    def finish(self) -> None:
        """Wait until everything handed over has arrived or failed; clean up. Raises what broke our own storage."""
        if self._worker is not None:
            self._queue.put(None)
            self._worker.join()
            self._worker = None
        self._shadow.stop()
        if self._broken is not None:
            self._fail_the_rest(self._broken)
            raise self._broken
        shutil.rmtree(self._snapshots, ignore_errors=True)

    def _fail_the_rest(self, error: BaseException) -> None:
        """Our own storage failed: say of each checkpoint that could not be packed where its files are."""
        with suppress(AgentError):
            for row in self._store.checkpoints.list(self._task.id):
                if row.state is CheckpointState.SNAPSHOT and (place := self._snapshots / str(row.seq)).exists():
                    report = CheckpointReported(row.index, row.subdir, row.size_bytes, row.is_best, row.optional)
                    self._fail(
                        row.id, report, error, f"; its files are in {place}, from where `agent model add` takes them"
                    )

    def abandon(self) -> None:
        """Stop working and leave everything as it is, for whoever goes on with the task."""
        self._broken = self._broken or TakenOver("the task was abandoned")
        if self._worker is not None:
            self._queue.put(None)
            self._worker.join()
            self._worker = None
        self._shadow.stop(forget=False)

    def result_project(self) -> Project:
        """The last imported result project; imported now when the plugin never said that it was complete."""
        return self._projects[-1] if self._projects else self._import_project()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if self._broken is not None:
                continue
            try:
                if isinstance(job, _Checkpoint):
                    self._publish(job)
                else:
                    self._import_project()
            except PluginFailed as error:
                if isinstance(job, _Checkpoint):
                    self._fail(job.row_id, job.report, error)
                else:
                    self._broken = error
            except BaseException as error:  # noqa: BLE001 - kept and raised by finish(), in the task's own thread
                self._broken = error

    def _publish(self, job: _Checkpoint) -> None:
        try:
            with self._artifacts.writer() as out:
                model_state.pack(job.folder, out, since=job.files)
        except Invalid as error:
            raise PluginFailed(
                f"checkpoint {job.report.index} was changed while it was packed; "
                "write each checkpoint to a folder of its own and leave it alone after reporting it",
                reason="checkpoint_changed",
            ) from error
        config = model_state.read_config(job.folder)
        state = NewModel(
            name=f"{self._task.name} ({job.report.index:08d})",
            sha256=out.blob.sha256,
            size_bytes=out.blob.size_bytes,
            config=config,
            provenance=self._provenance(job.report),
        )
        try:
            model = self._store.checkpoints.publish(job.row_id, state)
        except Conflict:  # published already, by an agent that believed us dead or one that we believed dead
            return
        shutil.rmtree(job.folder, ignore_errors=True)
        fields = {"checkpoint": job.report.index, "model_id": model.id, "model_hash": model.sha256}
        self._recorder.note("MODEL_SAVED", fields=fields)
        if config is None:
            self._recorder.note(
                f"checkpoint {job.report.index} has no config.json: it is kept, but no plugin can continue from it",
                level=Level.WARN,
            )

    def _provenance(self, report: CheckpointReported) -> Provenance:
        return Provenance(
            task_id=self._task.id,
            checkpoint_index=report.index,
            is_best=report.is_best,
            optional=report.optional,
            plugin_id=self._plugin.id,
            plugin_image=self._plugin.reference,
            image_digest=self.image_digest,
            project_id=self._task.project_id,
            parent_model_id=self._task.model_id,
            train_config=self._task.config,
        )

    def _import_project(self) -> Project:
        folder = self._results / self._project_name
        if not folder.is_dir() or leaves(self._results, folder):
            raise PluginFailed(
                f"the plugin wrote no result project: results/{self._project_name} does not exist; "
                "write the predictions there, under the input project's name",
                reason="no_result_project",
            )
        try:
            project = library.add_project(
                self._store, self._artifacts, folder, name=self._task.name, task_id=self._task.id
            )
        except AgentError as error:
            if error.exit_code != PluginFailed.exit_code and error.http_status >= 500:
                raise  # our storage, not the plugin's doing
            raise PluginFailed(f"the result project is not valid: {error}", reason="result_invalid") from error
        self._projects.append(project)
        self._note_project(project)
        return project

    def _note_project(self, project: Project) -> None:
        self._recorder.note("PROJECT_CREATED", event_type="PROJECT_CREATED", fields={"project_id": project.id})

    def _fail(self, row_id: int, report: CheckpointReported, error: BaseException, hint: str = "") -> None:
        reason = error.reason if isinstance(error, AgentError) else "storage_failed"
        try:
            self._store.checkpoints.fail(row_id, reason)
        except Conflict:  # published by another agent, see above
            return
        self._recorder.note(
            f"checkpoint {report.index} was not kept: {error}{hint}",
            level=Level.ERROR,
            fields={"reason": reason, "subdir": report.subdir},
        )
