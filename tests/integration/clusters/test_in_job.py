"""The agent in a job that its cluster takes away: what it keeps, and who goes on with the task."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.checkpoints.publisher import Uploader
from agent.clusters.in_job import OwnJob, run_placed
from agent.domain import CheckpointState, Task, TaskStatus
from agent.errors import StoreAway, TakenOver
from agent.formats.task_dir import TaskDir
from agent.installation import Installation
from agent.nodes import node_views
from agent.notify import Message
from agent.recorder import Recorder
from agent.run import closing
from agent.run.cancellation import Cancelled, Cause
from agent.run.lost_node import declare_lost
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import Seen, Store, open_store
from agent.task_options import RequestedOptions
from tests.support.fake_engine import FakeEngine, checkpoint, event, metrics, write_checkpoint
from tests.support.inputs import COUNTED, write_model, write_project
from tests.support.tasks import queue_task

PREEMPTED = Cancelled(Cause.JOB_ENDED, "fake job 1 on n1 had to make room for other jobs", reason="job_preempted")


class Told:
    """Messages that were sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def announce(self, addresses: str, message: Message) -> None:
        self.messages.append(message)

    def wait(self) -> None: ...


@dataclass
class Bench:
    """An installation whose plugin saves two checkpoints, and goes on for ever in the first run of a task."""

    installation: Installation
    inputs: dict[str, Any]
    told: Told
    engine: FakeEngine = field(init=False)
    saved: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.engine = FakeEngine(self.act)

    @property
    def store(self) -> Store:
        return self.installation.store

    def act(self, folder: Path) -> Iterator[str | int | None]:
        run = len(self.engine.containers) - 1  # it is listed before it begins
        for number in (1, 2):
            step = 2 * run + number
            yield f"run {run} line {number}"
            yield metrics(float(step), loss=1.0 / step)
            write_checkpoint(folder / "results", step)
            yield checkpoint(step, best=True)
        if run == 0:
            self.saved.set()
            yield None

    def queue(self, restarts: int, type: str = "train") -> Task:  # noqa: A002 - as everywhere
        options = RequestedOptions(restarts=restarts)
        task = queue_task(self.installation, **self.inputs, options=options, type=type)
        assert self.store.placements.control("fake", "me", {}, instead_of=None)
        (placement,) = self.store.placements.place("fake", "me", [task.id], "label")
        self.store.placements.follow("fake", "me", [Seen(placement, "running", job="1", node="n1")])
        return task

    def run(self, task: Task, starts: int = 0, node: str = "n1", shutdown: Shutdown | None = None) -> Task:
        return run_placed(self.installation, task.id, 1, OwnJob("1", node, starts), shutdown or Shutdown())

    def run_until_saved(self, task: Task, shutdown: Shutdown, end: Any) -> Task:
        """Run it, and call `end` once it has saved twice."""

        def wait() -> None:
            self.saved.wait(20)
            end()

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            return self.run(task, shutdown=shutdown)
        finally:
            thread.join()

    def leave(self, task: Task) -> None:
        """Its agent dies after the plugin has saved twice."""
        shutdown = Shutdown()
        with pytest.raises(Cancelled, match="goes on without this agent"):
            self.run_until_saved(task, shutdown, shutdown.leave)

    def events(self, task: Task, kind: str) -> list[Any]:
        return [event for event in self.store.events.after(task.id, limit=1000) if event.event_type == kind]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    settings = Settings(home=tmp_path / "home", notify="json://127.0.0.1:9/")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        artifacts = open_artifacts(settings.artifacts)
        inputs = {
            "plugin": library.add_plugin_folder(store, COUNTED, "local"),
            "project": library.add_project(store, artifacts, write_project(tmp_path / "fruit")),
            "model": library.add_model(store, artifacts, write_model(tmp_path / "start")),
        }
        told: Any = Told()
        made: list[Bench] = []
        installation = Installation(store, artifacts, settings, lambda *_: made[0].engine, told)
        made.append(Bench(installation, inputs, told))
        yield made[0]


def is_one_story(bench: Bench, task: Task) -> None:
    """Two attempts, the second from the last checkpoint of the first: one numbering, one series, one end."""
    events = bench.store.events.after(task.id, limit=1000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    lines = [event.raw for event in events if event.raw.startswith("run ")]
    assert lines == [f"run {run} line {number}" for run in (0, 1) for number in (1, 2)]
    (series,) = bench.store.metrics.series(task.id)
    assert list(bench.store.metrics.points(series.id).epoch) == [1, 2, 3, 4]
    kept = bench.store.checkpoints.list(task.id)
    assert [(one.index, one.state) for one in kept] == [(n, CheckpointState.PUBLISHED) for n in (1, 2, 3, 4)]
    first, second = bench.store.attempts.list(task.id)
    assert second.model_id == kept[1].model_id
    assert events[second.first_seq - 2].seq < second.first_seq <= len(events)
    assert first.ended_at is not None
    assert first.reason in ("job_preempted", "container_lost")
    assert len(bench.events(task, "TASK_RESTARTS")) == 1
    closing = [event.event_type for event in events if event.message == "TASK_END"]
    assert closing == ["TASK_FINISHED"]
    assert len(bench.told.messages) == 1


def test_a_job_that_is_preempted_keeps_what_was_saved_and_queues_the_task(bench: Bench) -> None:
    task = bench.queue(restarts=1)
    shutdown = Shutdown(lambda: PREEMPTED)
    left = bench.run_until_saved(task, shutdown, shutdown.stop_tasks)

    assert (left.status, left.attempt, left.agent_id, left.reason) == (TaskStatus.QUEUED, 2, None, None)
    assert {one.state for one in bench.store.checkpoints.list(task.id)} == {CheckpointState.PUBLISHED}
    assert [container.removed for container in bench.engine.containers] == [True]
    folder = TaskDir(bench.installation.settings.tasks / str(task.id)).path
    assert [path.name for path in folder.iterdir()] == ["logs"]
    (note,) = bench.events(task, "TASK_RESTARTS")
    assert "fake job 1 on n1 had to make room for other jobs; it goes on from checkpoint 2" in note.message
    assert bench.told.messages == []

    ended = bench.run(task, starts=1, node="n2")  # the cluster starts the job again
    assert ended.status is TaskStatus.FINISHED
    is_one_story(bench, task)


def test_a_job_that_is_preempted_ends_a_task_without_restarts(bench: Bench) -> None:
    task = bench.queue(restarts=0)
    shutdown = Shutdown(lambda: PREEMPTED)
    ended = bench.run_until_saved(task, shutdown, shutdown.stop_tasks)
    assert (ended.status, ended.reason, ended.message) == (TaskStatus.ERROR, "job_preempted", str(PREEMPTED))
    assert len(bench.told.messages) == 1


def test_a_plugin_that_hears_of_the_end_of_its_job_before_its_agent_was_not_killed(bench: Bench) -> None:
    task = bench.queue(restarts=0)
    shutdown = Shutdown(lambda: PREEMPTED)

    def end() -> None:
        (container,) = bench.engine.containers
        container.kill()
        time.sleep(0.3)  # the plugin is gone, and its agent has heard nothing
        shutdown.stop_tasks()

    ended = bench.run_until_saved(task, shutdown, end)
    assert (ended.status, ended.reason, ended.message) == (TaskStatus.ERROR, "job_preempted", str(PREEMPTED))


def test_a_stop_that_came_before_the_preemption_is_the_end(bench: Bench) -> None:
    task = bench.queue(restarts=1)
    shutdown = Shutdown(lambda: PREEMPTED)

    def end() -> None:
        shutdown.stop_tasks()
        bench.store.tasks.request_stop(task.id)

    ended = bench.run_until_saved(task, shutdown, end)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert len(bench.told.messages) == 1
    assert [event.event_type for event in bench.events(task, "TASK_STOPPED")] == ["TASK_STOPPED"]


def test_an_agent_that_goes_on_with_a_plugin_waits_for_a_store_that_goes_away_while_it_starts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has begun nothing gives its job back."""
    monkeypatch.setattr("agent.worker.presence.START_LIMIT_S", 0.0)
    task, real, away = bench.queue(restarts=0), bench.store.agents.beat, [True]

    def beat(*words: Any) -> None:
        if away:
            away.pop()
            raise StoreAway("the database does not answer")
        real(*words)

    monkeypatch.setattr(bench.store.agents, "beat", beat)
    with pytest.raises(StoreAway):
        bench.run(task)
    bench.leave(task)
    assert away == []
    away += [True, True]
    (container,) = bench.engine.containers
    threading.Timer(0.5, container.kill).start()
    ended = bench.run(task, starts=1)
    assert (away, ended.reason) == ([], "plugin_killed")


@pytest.mark.parametrize("killed", [False, True], ids=["vanished", "killed"])
@pytest.mark.parametrize("restarts", [0, 1])
def test_a_job_that_is_started_again_finds_that_the_plugin_is_gone(bench: Bench, restarts: int, killed: bool) -> None:
    task = bench.queue(restarts)
    bench.leave(task)
    for container in bench.engine.containers:
        container.kill() if killed else container.remove()

    ended = bench.run(task, starts=1, node="n2")
    if restarts:
        assert ended.status is TaskStatus.FINISHED
        is_one_story(bench, task)
        (note,) = bench.events(task, "TASK_RESTARTS")
        assert "the cluster has started job 1 again, now on n2" in note.message
    else:
        assert (ended.status, ended.reason) == (TaskStatus.ERROR, "container_lost")
        assert len(bench.told.messages) == 1


def test_a_job_that_is_started_again_where_its_plugin_still_runs_goes_on_with_it(bench: Bench) -> None:
    """A container is no part of the job that started it."""
    task = bench.queue(restarts=1)
    bench.leave(task)
    (container,) = bench.engine.containers
    container._waits, container._items = False, iter([0])
    ended = bench.run(task, starts=1)
    assert (ended.status, ended.attempt) == (TaskStatus.FINISHED, 1)


def test_an_agent_that_dies_after_it_has_stopped_its_plugin_leaves_the_reason_to_the_next(bench: Bench) -> None:
    task = bench.queue(restarts=1)
    bench.leave(task)
    recorder = Recorder(
        bench.store,
        task.id,
        lines_read=bench.store.tasks.get(task.id).lines_read,
        last_seq=bench.store.events.last_seq(task.id),
        log_path=TaskDir(bench.installation.settings.tasks / str(task.id)).log_path(datetime.now().astimezone()),
    )
    fields = {"reason": PREEMPTED.reason, "why": str(PREEMPTED)}
    recorder.note("TASK_STOPPING", event_type="STOPPING", fields=fields)
    bench.engine.containers[0].kill()

    ended = bench.run(task, starts=1, node="n2")
    assert ended.status is TaskStatus.FINISHED
    is_one_story(bench, task)


def test_a_checkpoint_that_was_lost_with_the_first_agent_is_no_fault_of_the_second_attempt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = bench.queue(restarts=1)
    died, publish = threading.Event(), Uploader._publish

    def dies(self: Uploader, job: Any) -> None:
        if job.reported.report.index == 2:
            died.wait(20)
            raise TakenOver("its agent died")
        publish(self, job)

    shutdown = Shutdown()

    def leave() -> None:
        shutdown.leave()
        died.set()

    with monkeypatch.context() as patch:
        patch.setattr(Uploader, "_publish", dies)
        with pytest.raises(Cancelled):
            bench.run_until_saved(task, shutdown, leave)
    states = [one.state for one in bench.store.checkpoints.list(task.id)]
    assert states == [CheckpointState.PUBLISHED, CheckpointState.SNAPSHOT]
    for container in bench.engine.containers:
        container.remove()
    shutil.rmtree(bench.installation.settings.tasks)  # another node has none of it

    ended = bench.run(task, starts=1, node="n2")
    assert (ended.status, ended.message, ended.attempt) == (TaskStatus.FINISHED, None, 2)
    kept = [(one.index, one.state, one.reason) for one in bench.store.checkpoints.list(task.id)]
    assert kept == [
        (1, CheckpointState.PUBLISHED, None),
        (2, CheckpointState.FAILED, "checkpoint_missing"),
        (3, CheckpointState.PUBLISHED, None),
        (4, CheckpointState.PUBLISHED, None),
    ]


def lose_the_node_meanwhile(bench: Bench, patch: pytest.MonkeyPatch, task: Task, *, stop: bool) -> None:
    """While the preempted agent removes its container, somebody declares its node lost, after a stop or without."""
    remove, lost = closing._remove_container, list[object]()

    def removes(run: Any) -> None:
        remove(run)
        if not lost:
            if stop:
                bench.store.tasks.request_stop(task.id)
            (node,) = node_views(bench.store)
            lost.append(declare_lost(bench.installation, node, force=True))

    patch.setattr(closing, "_remove_container", removes)


@pytest.mark.parametrize(("stop", "status"), [(True, TaskStatus.STOPPED), (False, TaskStatus.QUEUED)])
def test_an_agent_whose_task_another_has_taken_meanwhile_does_not_tell_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, stop: bool, status: TaskStatus
) -> None:
    task = bench.queue(restarts=1)
    lose_the_node_meanwhile(bench, monkeypatch, task, stop=stop)
    shutdown = Shutdown(lambda: PREEMPTED)
    with pytest.raises(TakenOver):
        bench.run_until_saved(task, shutdown, shutdown.stop_tasks)
    assert bench.store.tasks.get(task.id).status is status
    assert len(bench.told.messages) == int(stop)
    assert "was declared lost" in (bench.store.attempts.list(task.id)[0].message or "")


def test_a_condition_is_told_once_for_a_task_over_all_its_attempts(bench: Bench) -> None:
    when = "metrics.train.loss < 5"
    settings = replace(bench.installation.settings, notify_when=when)
    bench.installation = replace(bench.installation, settings=settings)
    task = bench.queue(restarts=1)
    shutdown = Shutdown(lambda: PREEMPTED)
    bench.run_until_saved(task, shutdown, shutdown.stop_tasks)
    assert bench.run(task, starts=1, node="n2").status is TaskStatus.FINISHED

    assert [message.title.partition(":")[0] for message in bench.told.messages] == [
        f"Task {task.id} reached {when}",
        f"Task {task.id} finished",
    ]
    assert len(bench.events(task, "CONDITION_MET")) == 1


def test_the_result_of_an_inference_is_that_of_its_last_attempt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt imports its result and is preempted; the second reports its own, and its agent dies then."""

    def predict(folder: Path) -> Iterator[str | int | None]:
        shutil.copytree(folder / "data" / "fruit", folder / "results" / "fruit")
        yield event("MODEL_APPLIED")
        if len(bench.engine.containers) > 1:
            bench.saved.set()
        yield None

    imported, import_project = threading.Event(), Uploader._import_project
    preempted = Shutdown(lambda: PREEMPTED)

    def preempt() -> None:
        imported.wait(20)
        preempted.stop_tasks()

    def imports(self: Uploader) -> Any:
        project = import_project(self)
        imported.set()
        return project

    bench.engine.act = predict
    task = bench.queue(1, type="inference")
    with monkeypatch.context() as patch:
        patch.setattr(Uploader, "_import_project", imports)
        thread = threading.Thread(target=preempt)
        thread.start()
        assert bench.run(task, shutdown=preempted).attempt == 2
        thread.join()
    (first,) = bench.store.projects.of_task(task.id)

    died, shutdown = threading.Event(), Shutdown()

    def dies(_: Uploader) -> Any:
        died.wait(20)
        raise TakenOver("its agent died")

    def leave() -> None:
        shutdown.leave()
        died.set()

    with monkeypatch.context() as patch:
        patch.setattr(Uploader, "_import_project", dies)
        with pytest.raises(Cancelled):
            bench.run_until_saved(task, shutdown, leave)
    container = bench.engine.containers[-1]
    container._waits, container._items = False, iter([0])

    ended = bench.run(task, starts=1)
    assert (ended.status, ended.attempt) == (TaskStatus.FINISHED, 2)
    second = [project.id for project in bench.store.projects.of_task(task.id) if project.id != first.id]
    assert second == [ended.result_project_id]
    assert [note.fields["project_id"] for note in bench.events(task, "PROJECT_CREATED")] == [first.id, *second]
