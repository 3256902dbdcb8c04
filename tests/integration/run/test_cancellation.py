"""A cancelled run is recorded or left to the next agent, at whichever instant it is cancelled.

The store and the artifacts are real; only the engine is a fake. `Instants` cancels the run just before its Nth call to
the store or the engine.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import CheckpointState, NewTask, Task, TaskStatus
from agent.engines import ImageInfo
from agent.errors import AgentError, EngineUnavailable, StorageFailed, TakenOver
from agent.events.model import CheckpointReported, Stream
from agent.events.parse import parse_line
from agent.events.reading import EventColumns
from agent.installation import Installation
from agent.liveness import this_process
from agent.run import interrupts as interrupts_module
from agent.run.cancellation import Cancelled, Cause
from agent.run.run import Run
from agent.run.run_task import run_task
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import Store, open_store
from agent.submission import TaskRequest, new_task
from agent.worker.loop import run_forever, run_new, run_one
from tests.chaos.audit import audit
from tests.support.counted_plugin import counting
from tests.support.fake_engine import FakeContainer, FakeEngine, checkpoint, write_checkpoint
from tests.support.inputs import COUNTED, write_model, write_project
from tests.support.instants import Instants

LINES = 2
counted = counting(LINES)


@dataclass
class Bench:
    """An installation with an engine whose containers print like the counted plugin."""

    installation: Installation
    submission: Callable[[str], NewTask]
    engine: FakeEngine = field(default_factory=lambda: FakeEngine(counted))

    @property
    def store(self) -> Store:
        return self.installation.store

    def add(self, kind: str = "train") -> Task:
        return self.store.tasks.add(self.submission(kind))

    def claim(self, kind: str = "train") -> Task:
        claimed = self.store.tasks.claim("first", task_id=self.add(kind).id)
        assert claimed is not None
        return claimed

    def with_instants(self, instants: Instants) -> Installation:
        engine = instants.engine(self.engine)
        return Installation(
            instants.store(self.store), self.installation.artifacts, self.installation.settings, lambda name, _: engine
        )

    def take_over(self, task_id: int, agent_id: str = "second") -> Task | None:
        holder = self.store.tasks.get(task_id).agent_id
        taken = self.store.tasks.take_over(agent_id, gone={str(holder)}, task_id=task_id)
        return taken[0] if taken else None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        artifacts = open_artifacts(settings.artifacts)
        plugin = library.add_plugin_folder(store, COUNTED, "local")
        project = library.add_project(store, artifacts, write_project(tmp_path / "fruit"))
        model = library.add_model(store, artifacts, write_model(tmp_path / "start"))

        def submission(kind: str) -> NewTask:
            request = TaskRequest(
                type=kind, plugin=plugin, project=project, model=model, name=f"net {len(store.tasks.list())}",
                config={"lines": LINES},
            )  # fmt: skip
            return new_task(store, settings, request)

        made = Bench(Installation(store, artifacts, settings, lambda name, _: made.engine), submission)
        yield made


# ---------------------------------------------------------------- between the claim and the start


def test_a_stop_between_claim_and_start_is_recorded_and_is_no_failure(bench: Bench) -> None:
    task = bench.claim()
    bench.store.tasks.request_stop(task.id)
    ended = run_task(task, bench.installation)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert not bench.engine.containers
    assert bench.store.events.after(task.id)[-1].event_type == "TASK_STOPPED"


def test_a_stop_between_claim_and_start_ends_a_foreground_task_as_stopped(bench: Bench) -> None:
    stop_at_once = lambda task: bench.store.tasks.request_stop(task.id)  # noqa: E731
    ended = run_new(bench.installation, bench.submission("train"), Shutdown(), stop_at_once)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")


def test_a_shutdown_between_claim_and_start_ends_the_task_before_an_image_is_pulled(bench: Bench) -> None:
    shutdown, instants = Shutdown(), Instants()
    task = bench.claim()
    shutdown.stop_tasks()
    ended = run_task(task, bench.with_instants(instants), shutdown=shutdown)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "agent_stopped")
    assert "engine.image" not in instants.calls


def test_a_task_taken_over_between_claim_and_start_is_left_alone(bench: Bench) -> None:
    task = bench.claim()
    bench.take_over(task.id)
    with pytest.raises(TakenOver):
        run_task(task, bench.installation)
    left = bench.store.tasks.get(task.id)
    assert (left.status, left.agent_id, left.events_count) == (TaskStatus.CONSUMED, "second", 0)


def test_a_store_that_fails_between_claim_and_start_ends_the_task_with_that_reason(bench: Bench) -> None:
    def fail() -> None:
        raise StorageFailed("the disk failed")

    dry = Instants()
    run_task(bench.claim(), bench.with_instants(dry))
    start = dry.calls.index("tasks.become") + 1
    ended = run_task(bench.claim(), bench.with_instants(Instants(start, fail)))
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "storage_failed")


class Claiming:
    """A store that runs `act` right after the first claim of a task."""

    def __init__(self, store: Store, act: Callable[[Task], object]) -> None:
        self._store = store
        self._act = act
        self._acted = False
        self.tasks = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.tasks, name, None) or getattr(self._store, name)

    def claim(self, agent_id: str, **how: Any) -> Task | None:
        claimed = self._store.tasks.claim(agent_id, **how)
        if claimed is not None and not self._acted:
            self._acted = True
            self._act(claimed)
        return claimed


def cancelling_claims(bench: Bench, cause: str, shutdown: Shutdown) -> Installation:
    def act(task: Task) -> None:
        if cause == "stop":
            bench.store.tasks.request_stop(task.id)
        elif cause == "shutdown":
            shutdown.stop_tasks()
        else:
            bench.take_over(task.id)

    store: Any = Claiming(bench.store, act)
    known = bench.installation
    return Installation(store, known.artifacts, known.settings, known.open_engine)


@pytest.mark.parametrize("cause", ["stop", "shutdown"])
def test_an_agent_for_one_task_gives_it_as_stopped(bench: Bench, cause: str) -> None:
    shutdown = Shutdown()
    ended = run_one(cancelling_claims(bench, cause, shutdown), bench.add().id, shutdown)
    assert ended.status is TaskStatus.STOPPED


def test_an_agent_for_one_task_says_that_another_agent_has_it(bench: Bench) -> None:
    with pytest.raises(TakenOver, match="another agent"):
        run_one(cancelling_claims(bench, "taken over", Shutdown()), bench.add().id, Shutdown())


@pytest.mark.parametrize("cause", ["stop", "shutdown", "taken over"])
def test_an_agent_for_all_tasks_survives_and_goes_on_with_the_next(bench: Bench, caplog, cause: str) -> None:
    shutdown = Shutdown()
    bench.store.agents.beat("second", "second", this_process())  # it lives, so nobody takes its task over
    first = bench.add()
    second = bench.add()
    with caplog.at_level(logging.INFO):
        agent = threading.Thread(target=run_forever, args=(cancelling_claims(bench, cause, shutdown), shutdown))
        agent.start()
        try:
            while not (cause == "shutdown" or bench.store.tasks.get(second.id).status.is_final):
                bench.store.wait_for_change(1)
            if cause == "shutdown":
                shutdown.wait()
        finally:
            shutdown.stop_tasks()
            agent.join()
    ended = bench.store.tasks.get(first.id)
    if cause == "taken over":
        assert (ended.status, ended.agent_id) == (TaskStatus.CONSUMED, "second")
    else:
        assert ended.status is TaskStatus.STOPPED
    expected = TaskStatus.QUEUED if cause == "shutdown" else TaskStatus.FINISHED
    assert bench.store.tasks.get(second.id).status is expected
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# ---------------------------------------------------------------- at every instant


def at_every_instant(
    bench: Bench,
    kind: str,
    act: Callable[[Task, Shutdown], Any],
    match: str = "",
    since: str = "",
    *,
    is_patient: bool = False,
) -> Iterator[tuple[str, Task, Task | AgentError]]:
    """Run a task for each call of a run, with `act` just before this call. Gives call, task and result.

    The result is the task that `run_task` gave, or the AgentError it raised; any other error is raised. With `since`,
    calls before the first call of that name are left out.
    """
    dry = Instants(match=match)
    run_task(bench.claim(kind), bench.with_instants(dry))
    first = dry.calls.index(since) if since else 0
    for number, call in list(enumerate(dry.calls, start=1))[first:]:
        task, shutdown = bench.claim(kind), Shutdown()
        instants = Instants(number, partial(act, task, shutdown), match)
        result: Task | AgentError
        try:
            result = run_task(task, bench.with_instants(instants), shutdown=shutdown, is_patient=is_patient)
        except AgentError as error:
            result = error
        yield f"{number}: {call}", bench.store.tasks.get(task.id), result


def finish(bench: Bench, task: Task) -> Task:
    """Let the next agent go on with a task that was left."""
    if task.status.is_final:
        return task
    taken = bench.take_over(task.id, "third")
    assert taken is not None
    return run_task(taken, bench.installation)


@pytest.mark.parametrize(("cause", "kind"), [("stop", "train"), ("shutdown", "inference")])
def test_a_stop_at_any_instant_is_recorded_and_loses_nothing(bench: Bench, kind: str, cause: str) -> None:
    def act(task: Task, shutdown: Shutdown) -> None:
        shutdown.stop_tasks() if cause == "shutdown" else bench.store.tasks.request_stop(task.id)

    ends = []
    for call, task, result in at_every_instant(bench, kind, act):
        assert isinstance(result, Task), (call, result)
        assert task.status in (TaskStatus.STOPPED, TaskStatus.FINISHED), (call, task.reason, task.message)
        ends.append(task.status)
    assert ends[0] is TaskStatus.STOPPED
    assert ends[-1] is TaskStatus.FINISHED  # it came after the end
    assert audit(bench.installation, [bench.engine]) == []


@pytest.mark.parametrize(("kind", "since"), [("train", ""), ("inference", "container.output")])
def test_an_agent_that_leaves_at_any_instant_leaves_a_task_that_the_next_agent_finishes(
    bench: Bench, kind: str, since: str
) -> None:
    left = 0
    for call, task, result in at_every_instant(bench, kind, lambda _, shutdown: shutdown.leave(), since=since):
        if isinstance(result, Cancelled):
            left += 1
            assert (result.cause, task.reason) == (Cause.AGENT_LEFT, None), call
        else:
            assert isinstance(result, Task), (call, result)
            assert task.status is TaskStatus.FINISHED, (call, task.reason)  # it came after the last output
        ended = finish(bench, task)
        assert ended.status is TaskStatus.FINISHED, (call, ended.reason, ended.message)
        assert len([c for c in bench.engine.containers if c.task_id == task.id]) == 1, call
    assert left > 0
    assert audit(bench.installation, [bench.engine]) == []


@pytest.mark.parametrize(("kind", "since"), [("train", ""), ("inference", "container.output")])
def test_a_task_taken_over_at_any_instant_is_finished_by_the_other_agent(bench: Bench, kind: str, since: str) -> None:
    for call, task, result in at_every_instant(bench, kind, lambda task, _: bench.take_over(task.id), since=since):
        assert isinstance(result, (Task, TakenOver)), (call, result)
        ended = finish(bench, task)
        assert ended.status is TaskStatus.FINISHED, (call, ended.reason, ended.message)
    assert audit(bench.installation, [bench.engine]) == []


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_an_engine_that_is_away_at_any_instant_ends_the_task_with_a_name(bench: Bench, kind: str) -> None:
    def away(task: Task, shutdown: Shutdown) -> None:
        raise EngineUnavailable("no engine answers")

    for call, task, result in at_every_instant(bench, kind, away, "engine|container"):
        assert isinstance(result, Task), (call, result)
        assert task.reason in ("finished", "engine_unavailable"), (call, task.reason)


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_an_engine_that_is_away_at_any_instant_ends_no_task_that_can_wait(bench: Bench, kind: str) -> None:
    def away(task: Task, shutdown: Shutdown) -> None:
        raise EngineUnavailable("no engine answers")

    waited = set()
    for call, task, result in at_every_instant(bench, kind, away, "engine|container", is_patient=True):
        if isinstance(result, Cancelled):
            waited.add(result.cause)
            again = bench.store.tasks.claim("first", task_id=task.id) or task
            result = run_task(again, bench.installation, is_patient=True)
        assert isinstance(result, Task), (call, result)
        assert result.status is TaskStatus.FINISHED, (call, result.reason, result.message)
        assert len([c for c in bench.engine.containers if c.task_id == task.id]) == 1, call
        for container in bench.engine.containers:  # the engine was away when it was to be removed: the sweep does it
            container.remove()
    assert waited == {Cause.GIVEN_BACK, Cause.POSTPONED}
    assert audit(bench.installation, [bench.engine]) == []


def test_a_store_that_fails_at_any_instant_leaves_a_task_that_ends(bench: Bench) -> None:
    def fail(task: Task, shutdown: Shutdown) -> None:
        raise StorageFailed("the disk of the database failed")

    for call, task, result in at_every_instant(bench, "train", fail, "(?!engine|container)"):
        assert isinstance(result, (Task, StorageFailed)), (call, result)
        assert finish(bench, task).status.is_final, call


# ---------------------------------------------------------------- while the run waits


def test_an_agent_leaves_a_silent_plugin_at_once_with_its_lines_committed(bench: Bench) -> None:
    shutdown, task = Shutdown(), bench.claim()

    def act(folder: Path) -> Iterator[str | None]:
        yield "the last line for hours"
        shutdown.leave()
        yield None

    bench.engine.act = act
    with pytest.raises(Cancelled, match="goes on without this agent"):
        run_task(task, bench.installation, shutdown=shutdown)
    left = bench.store.tasks.get(task.id)
    assert (left.status, left.lines_read) == (TaskStatus.STARTED, 1)
    (container,) = bench.engine.containers
    assert not container.is_over()


def test_a_stop_under_way_when_the_agent_leaves_is_finished_by_the_next_agent(bench: Bench) -> None:
    shutdown, task = Shutdown(), bench.claim()

    def act(folder: Path) -> Iterator[str | None]:
        yield "line"
        bench.store.tasks.request_stop(task.id)
        yield None

    def killed_late(self: FakeContainer, grace_s: float = 0.0) -> None:
        shutdown.leave()

    bench.engine.act = act
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeContainer, "kill", killed_late)
        with pytest.raises(Cancelled):
            run_task(task, bench.installation, shutdown=shutdown)
    ended = finish(bench, bench.store.tasks.get(task.id))
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")


def test_a_killed_container_whose_engine_stays_away_does_not_keep_the_stop_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.interrupts.STOP_PATIENCE_S", 0.1)
    task = bench.claim()

    def act(folder: Path) -> Iterator[str | None]:
        yield "line"
        bench.store.tasks.request_stop(task.id)
        yield None

    def away(self: FakeContainer, grace_s: float = 0.0) -> None:
        raise EngineUnavailable("no engine answers")

    bench.engine.act = act
    monkeypatch.setattr(FakeContainer, "kill", away)
    monkeypatch.setattr(FakeContainer, "trouble", "the engine does not answer")
    ended = run_task(task, bench.installation)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    notes = [event.message for event in bench.store.events.after(task.id)]
    assert sum("the engine does not answer; the task goes on when it answers again" in said for said in notes) == 1


def test_a_stop_is_not_kept_waiting_by_an_image_that_is_pulled(bench: Bench) -> None:
    pulled, task = threading.Event(), bench.claim()

    def pull(reference: str, pull: str = "missing") -> ImageInfo:
        bench.store.tasks.request_stop(task.id)
        pulled.wait()
        return ImageInfo(reference, "sha256:0", {})

    bench.engine.image = pull  # type: ignore[method-assign]
    try:
        ended = run_task(task, bench.installation)
    finally:
        pulled.set()
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")


def test_an_agent_that_shuts_down_before_the_engine_answers_leaves_the_task(bench: Bench) -> None:
    """It cannot see whether a container runs, so it must not end the task."""
    shutdown = Shutdown()
    task = bench.claim()
    bench.store.tasks.become(task.id, TaskStatus.STARTED)
    bench.store.tasks.launching(task.id, engine="docker", spec={}, image_digest=None)
    left = bench.store.tasks.get(task.id)

    def away(labels: object, *, unstarted: bool = False) -> Any:
        shutdown.stop_tasks()
        raise EngineUnavailable("no engine answers")

    bench.engine.find = away  # type: ignore[method-assign]
    with pytest.raises(Cancelled) as raised:
        run_task(left, bench.installation, shutdown=shutdown)
    assert (raised.value.cause, raised.value.exit_code) == (Cause.AGENT_LEFT, 130)
    assert bench.store.tasks.get(task.id).status is TaskStatus.STARTED


def test_an_outcome_decided_before_the_start_is_recorded_once_by_the_next_agent(bench: Bench) -> None:
    task = bench.claim()
    bench.store.tasks.decide(task.id, reason="storage_failed", message="the disk failed", exit_code=None)
    taken = bench.take_over(task.id)
    assert taken is not None
    ended = run_task(taken, bench.installation)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "storage_failed")
    assert not bench.engine.containers


def test_checkpoints_that_another_agent_goes_on_with_are_not_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, taken_over, publish = bench.claim(), threading.Event(), bench.store.checkpoints.publish

    def publish_late(*words: Any, **agent: Any) -> Any:
        taken_over.wait()
        return publish(*words, **agent)

    monkeypatch.setattr(bench.store.checkpoints, "publish", publish_late)
    run = Run(task, bench.installation, Shutdown())
    run.folder.create(task.type)
    lines = [parse_line(checkpoint(index), Stream.STDERR, 1) for index in range(2)]
    run.recorder.record(EventColumns.of(lines))
    run.recorder.flush()
    for seq, line in enumerate(lines, start=1):
        assert isinstance(line.body, CheckpointReported)
        write_checkpoint(run.folder.results, line.body.index)
        run.uploader.checkpoint(seq, line.body)
    bench.take_over(task.id)
    taken_over.set()
    with pytest.raises(TakenOver):  # what it would publish is refused
        run.uploader.finish()
    states = [row.state for row in bench.store.checkpoints.list(task.id)]
    assert states == [CheckpointState.SNAPSHOT] * 2


def test_a_container_is_killed_when_its_results_cannot_be_kept(bench: Bench) -> None:
    def fail() -> None:
        raise StorageFailed("the disk failed")

    def act(folder: Path) -> Iterator[str]:
        write_checkpoint(folder / "results", 1)
        yield checkpoint(1)
        for _ in range(1000):
            threading.Event().wait(0.01)  # a training goes on until it is killed
            yield "still here"

    bench.engine.act = act
    ended = run_task(bench.claim(), bench.with_instants(Instants(1, fail, "checkpoints.publish")))
    assert (ended.status, ended.reason, ended.exit_code) == (TaskStatus.ERROR, "storage_failed", 137)


def test_a_quiet_run_asks_the_store_for_a_stop_only_after_a_request(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = bench.claim()
    interrupts = Run(task, bench.installation, Shutdown()).interrupts
    questions: list[int] = []
    ask = bench.store.tasks.stop_requested

    def counted_ask(id_: int, **agent: Any) -> bool:
        questions.append(id_)
        return ask(id_, **agent)

    monkeypatch.setattr(bench.store.tasks, "stop_requested", counted_ask)
    for _ in range(20):
        interrupts.look()
    assert len(questions) == 1

    monkeypatch.setattr(interrupts_module, "ASK_S", 0.0)  # now and then it asks all the same
    interrupts.look()
    assert len(questions) == 2

    monkeypatch.undo()
    bench.store.tasks.request_stop(task.id)
    with pytest.raises(Cancelled, match="stopped by the user"):
        interrupts.look()


def test_a_quiet_run_sees_that_another_agent_has_its_task(bench: Bench) -> None:
    task = bench.claim()
    interrupts = Run(task, bench.installation, Shutdown()).interrupts
    interrupts.look()

    assert bench.take_over(task.id) is not None
    with pytest.raises(TakenOver):
        interrupts.look()
