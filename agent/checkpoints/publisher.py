"""What a plugin made becomes part of the library: checkpoints as model states, results as projects.

A checkpoint is made safe at the moment its line is read (`Uploader.checkpoint`, in the log loop), and packed,
hashed and registered by one worker beside the loop, so a slow disk never holds up the log. Each step is
recorded, so nothing fails in silence and nothing is done twice.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from agent import library
from agent.checkpoints.absence import Absence
from agent.checkpoints.deletion_guard import DeletionGuard
from agent.checkpoints.power_cut import WENT_DOWN, lost_from_project
from agent.checkpoints.snapshot import open_results
from agent.checkpoints.snapshots import CHANGED, Snapshots
from agent.domain import CheckpointState, NewModel, Plugin, Project, Provenance, Task, TaskType
from agent.errors import (
    AgentError,
    ArtifactsAway,
    Conflict,
    DiskFull,
    Invalid,
    PluginFailed,
    StorageFailed,
    StoreBusy,
    TakenOver,
)
from agent.events.model import CheckpointReported, Level, Stream
from agent.formats import model_state
from agent.formats.survey import Survey, survey
from agent.fs.disk import writing
from agent.patience import Patience

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.recorder import Recorder
    from agent.store import Store


LOOK_S = 5.0  # between two looks whether there is space for a checkpoint that waits for it
_HEADER_BYTES = 2048  # of a file in a tar, about


@dataclass(frozen=True, slots=True)
class _Reported:
    row_id: int
    seq: int
    report: CheckpointReported


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    reported: _Reported
    files: Survey  # of its snapshot


class _ResultProject:
    """The plugin said that results/<project> is complete."""


class _Look:
    """It is time to see whether there is space for what waits, and whether the artifacts answer."""


def model_name(task: Task, index: int) -> str:
    """What the model of a checkpoint is called, until its task ends or a person calls it otherwise."""
    return f"{task.name} ({index:08d})"


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
        first_seq: int = 1,
        patience: Patience | None = None,
    ) -> None:
        """`first_seq` is the number of the first event of this attempt: what was reported before it is lost or kept.

        `patience` says how long the end of the task waits for artifacts that do not answer.
        """
        self.image_digest: str | None = task.image_digest
        self._task = task
        self._plugin = plugin
        self._store = store
        self._artifacts = artifacts
        self._recorder = recorder
        self._results = results
        self._project_name = project_name
        self._first_seq = first_seq
        self._guard = DeletionGuard(results, results.parent.with_name(f"{results.parent.name}.shadow"))
        self._went_down = task.started_at is not None and task.started_at.timestamp() < psutil.boot_time()
        self._snapshots = Snapshots(results, self._guard, artifacts.half_made, went_down=self._went_down)
        self._queue: queue.SimpleQueue[_Checkpoint | _ResultProject | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._broken: BaseException | None = None
        self._waiting: list[_Checkpoint | _ResultProject] = []  # for its turn, space or artifacts; the worker's only
        self._said: set[int] = set()  # events whose waiting the log tells of
        self._absence = Absence(patience or Patience(), lambda: store.tasks.stop_requested(task.id), pause_s=LOOK_S)
        self._projects: list[Project] = []
        self._postponed: list[_Reported] = []  # the disk had no room for their snapshots
        self._is_full = False  # and the log says so

    def watch(self) -> None:
        """From now on a plugin may delete a checkpoint the moment after reporting it. Call before it starts."""
        if self._task.type is TaskType.TRAIN:
            self._guard.start()

    @property
    def failure(self) -> AgentError | None:
        """What broke our own storage, if anything did: nothing will be kept from then on."""
        return self._broken if isinstance(self._broken, AgentError) else None

    # ---------------------------------------------------------------- in the log loop

    def checkpoint(self, seq: int, report: CheckpointReported) -> None:
        """Take over a reported checkpoint. Called once per line, in order; returns when its files are safe."""
        row = self._store.checkpoints.add(self._task.id, seq, report, agent_id=self._task.agent_id)
        if row.state is not CheckpointState.SNAPSHOT:  # read again after a crash: done before
            return
        self._try_again()  # in their order: a plugin may use one folder again and again
        self._take(_Reported(row.id, seq, report))

    def _take(self, reported: _Reported, *, is_last_try: bool = False) -> None:
        index = reported.report.index
        try:
            with writing(f"the snapshot of checkpoint {index}"):
                files = self._snapshots.take(reported.seq, reported.report)
        except DiskFull as error:
            if is_last_try:
                self._fail(reported, error)
                return
            self._postponed.append(reported)
            if not self._is_full:
                self._is_full = True
                self._recorder.note(
                    f"checkpoint {index} waits in results/ until there is space: {error}", level=Level.WARN
                )
        except (PluginFailed, StorageFailed) as error:
            self._fail(reported, error, self._where(reported.seq))
        else:
            self._is_full = False
            self._hand_over(_Checkpoint(reported, files))

    def _try_again(self, *, is_last_try: bool = False) -> None:
        """Take over what the disk had no room for: links take little, and somebody may have made room."""
        postponed, self._postponed = self._postponed, []
        for reported in postponed:
            self._take(reported, is_last_try=is_last_try)

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
        with suppress(OSError), open_results(self._results):  # else it is gone, or a link to anywhere
            self.watch()
        for row in self._store.checkpoints.list(self._task.id):
            if row.state is CheckpointState.SNAPSHOT and row.seq >= self._first_seq:
                report = CheckpointReported(row.index, row.subdir, row.size_bytes, row.is_best, row.optional)
                self.checkpoint(row.seq, report)
        for seq, report in self._recorder.unhandled_checkpoints():
            self.checkpoint(seq, report)

    def _recover_projects(self) -> None:
        """Import what was reported and not imported; the last import counts, so one stands for all of them.

        Only this attempt's projects count: one of an earlier attempt is no result of this one.
        """
        noted = self._store.events.each(self._task.id, event_type="PROJECT_CREATED")
        known = {(note.fields or {}).get("project_id"): note.seq for note in noted if note.stream is Stream.AGENT}
        began = self._task.started_at  # this attempt
        for project in self._store.projects.of_task(self._task.id):
            if project.id not in known:
                if began is None or project.created_at >= began:
                    self._projects.append(project)
                    self._note_project(project)
            elif known[project.id] >= self._first_seq:
                self._projects.append(project)
        reports = self._store.events.each(self._task.id, self._first_seq - 1, event_type="MODEL_APPLIED")
        if sum(event.stream is not Stream.AGENT for event in reports) > len(self._projects):
            self._hand_over(_ResultProject())

    def _hand_over(self, job: _Checkpoint | _ResultProject) -> None:
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name=f"upload-{self._task.id}", daemon=True)
            self._worker.start()
        self._queue.put(job)

    # ---------------------------------------------------------------- beside it

    def finish(self) -> None:
        """Wait until everything handed over has arrived or failed; clean up. Raises what broke our own storage.

        Artifacts that do not answer are waited for. Raises ArtifactsAway when the agent is to end meanwhile; what
        waits stays then as it is, for the agent that goes on with the task.
        """
        if self._broken is None:
            self._try_again(is_last_try=True)
        if self._worker is not None:
            self._queue.put(None)
            self._worker.join()
            self._worker = None
        is_left = isinstance(self._broken, TakenOver | StoreBusy)  # then the rest belongs to another agent
        is_left |= isinstance(self._broken, ArtifactsAway) and not self._absence.is_given_up
        self._guard.stop(forget=not is_left)
        if self._broken is not None:
            if not is_left:
                self._fail_the_rest(self._broken)
            raise self._broken
        rows = self._store.checkpoints.list(self._task.id)
        self._snapshots.tidy({row.seq for row in rows if row.state is CheckpointState.PUBLISHED})

    def _fail_the_rest(self, error: BaseException) -> None:
        """Our own storage failed: say of each checkpoint that could not be packed where its files are."""
        with suppress(AgentError):
            for row in self._store.checkpoints.list(self._task.id):
                if row.state is CheckpointState.SNAPSHOT:
                    report = CheckpointReported(row.index, row.subdir, row.size_bytes, row.is_best, row.optional)
                    self._fail(_Reported(row.id, row.seq, report), error, self._where(row.seq))

    def _where(self, seq: int) -> str:
        """Where the files of a checkpoint were set aside that could not be published, for a person who wants them."""
        kept = self._snapshots.kept(seq)
        return f"; its files are in {kept}, from where `agent model add` takes them" if kept is not None else ""

    def abandon(self) -> None:
        """Stop working and leave everything as it is, for whoever goes on with the task."""
        self._broken = self._broken or TakenOver("the task was abandoned")
        if self._worker is not None:
            self._queue.put(None)
            self._worker.join()
            self._worker = None
        self._guard.stop(forget=False)

    def result_project(self) -> Project:
        """The last imported result project; imported now when the plugin never said that it was complete.

        Waits for artifacts that do not answer. Raises ArtifactsAway when waiting is to end.
        """
        while not self._projects:
            try:
                self._import_project()
            except ArtifactsAway as away:
                self._wait_for(away)
                self._absence.outlast(lambda: False)
        return self._projects[-1]

    def _work(self) -> None:
        job: _Checkpoint | _ResultProject | _Look | None = _Look()
        while job is not None:
            try:
                job = self._queue.get(timeout=LOOK_S if self._waiting else None)
            except queue.Empty:
                job = _Look()
            if self._broken is not None:
                continue
            try:
                if isinstance(job, _Checkpoint | _ResultProject):
                    self._waiting.append(job)
                self._try_what_waits(is_last=job is None)
            except BaseException as error:  # noqa: BLE001 - kept and raised by finish(), in the task's own thread
                self._broken = error

    def _try_what_waits(self, *, is_last: bool) -> None:
        """Let everything arrive that can. At the end artifacts that do not answer are waited for."""
        for job in self._waiting.copy():
            if self._absence.keeps_waiting and not is_last:
                self._say_that_all_wait()
                return
            while not self._arrives(job, is_last=is_last) and is_last:
                self._absence.outlast(lambda: self._broken is not None)

    def _arrives(self, job: _Checkpoint | _ResultProject, *, is_last: bool) -> bool:
        """Whether nothing more is to be done about the job."""
        try:
            if isinstance(job, _Checkpoint):
                if not self._publish_or_wait(job, is_last=is_last):
                    return False
            else:
                self._import_project()
        except ArtifactsAway as away:
            self._wait_for(away)
            return False
        self._absence.ended()
        self._waiting.remove(job)
        return True

    def _wait_for(self, away: ArtifactsAway) -> None:
        self._absence.noticed(away)
        self._say_that_all_wait()

    def _say_that_all_wait(self) -> None:
        for job in self._waiting or [_ResultProject()]:
            self._say_that_it_waits(job, f"the artifacts answer: {self._absence.failure}")

    def _say_that_it_waits(self, job: _Checkpoint | _ResultProject, until: str) -> None:
        seq = job.reported.seq if isinstance(job, _Checkpoint) else 0
        if seq in self._said:
            return
        self._said.add(seq)
        what = "the result project waits in results/"
        if isinstance(job, _Checkpoint):
            what = f"checkpoint {job.reported.report.index} waits in {self._snapshots.place(seq)}"
        self._recorder.note(f"{what} until {until}", level=Level.WARN)

    def _publish_or_wait(self, job: _Checkpoint, *, is_last: bool = False) -> bool:
        """Publish a checkpoint; False when there is no space for it: it waits in its snapshot.

        At the end one without space is given up. Raises ArtifactsAway.
        """
        seq = job.reported.seq
        try:
            self._publish(job)
        except PluginFailed as error:
            self._fail(job.reported, error)
            self._snapshots.remove(seq)
        except DiskFull as error:
            if not is_last:
                self._say_that_it_waits(job, f"there is space: {error}")
                return False
            self._fail(job.reported, error, self._where(seq))
        return True

    def _publish(self, job: _Checkpoint) -> None:
        report = job.reported.report
        folder = self._snapshots.place(job.reported.seq)
        size_bytes = job.files.size_bytes + len(job.files.files) * _HEADER_BYTES
        try:
            with self._artifacts.writer(size_bytes, what="checkpoint", may_use_reserve=True) as out:
                model_state.pack(folder, out, since=job.files, is_ours=True)
        except Invalid as error:
            raise PluginFailed(
                f"checkpoint {report.index} was changed while it was packed; {CHANGED}",
                reason="checkpoint_changed",
            ) from error
        config = model_state.read_config(folder)
        state = NewModel(
            name=model_name(self._task, report.index),
            sha256=out.blob.sha256,
            size_bytes=out.blob.size_bytes,
            config=config,
            provenance=self._provenance(report),
        )
        try:
            model = self._store.checkpoints.publish(job.reported.row_id, state, agent_id=self._task.agent_id)
        except TakenOver:
            raise
        except Conflict:  # published already, by an agent that believed us dead or one that we believed dead
            return
        self._snapshots.remove(job.reported.seq)
        fields = {"checkpoint": report.index, "model_id": model.id, "model_hash": model.sha256}
        self._recorder.note("MODEL_SAVED", fields=fields)
        if config is None:
            self._recorder.note(
                f"checkpoint {report.index} has no config.json: it is kept, but no plugin can continue from it",
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
        try:
            with open_results(self._results) as results:
                opened = results.folder(results.resolve(self._project_name))
        except OSError:
            raise PluginFailed(
                f"the plugin wrote no result project: results/{self._project_name} does not exist; "
                "write the predictions there, under the input project's name",
                reason="no_result_project",
            ) from None
        with opened:
            if self._went_down and self._task.project_id is not None:
                given = self._store.projects.get(self._task.project_id).images_count
                if lost := lost_from_project(opened, survey(opened), given):
                    raise PluginFailed(f"{WENT_DOWN}: {lost}", reason="result_incomplete")
            try:
                project = library.add_project(
                    self._store, self._artifacts, opened, name=self._task.name, task_id=self._task.id
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

    def _fail(self, reported: _Reported, error: BaseException, hint: str = "") -> None:
        report = reported.report
        reason = error.reason if isinstance(error, AgentError) else "storage_failed"
        try:
            self._store.checkpoints.fail(reported.row_id, reason, agent_id=self._task.agent_id)
        except TakenOver:
            raise
        except Conflict:  # published by another agent, see above
            return
        self._recorder.note(
            f"checkpoint {report.index} was not kept: {error}{hint}",
            level=Level.ERROR,
            fields={"reason": reason, "subdir": report.subdir},
        )
