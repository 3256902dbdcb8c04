"""The artifacts behind a URL do not answer for a while: what was saved waits, and the task ends when it has arrived."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts, refusal
from agent.artifacts.objects import FsspecObjects
from agent.artifacts.remote import RemoteArtifacts
from agent.checkpoints import absence, publisher
from agent.domain import CheckpointState, Task, TaskStatus
from agent.engines import Frame
from agent.installation import Installation
from agent.run.cancellation import Cancelled, Cause
from agent.run.run_task import run_task
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import Store, open_store
from agent.worker.loop import run_one
from tests.chaos.audit import audit
from tests.support import tasks
from tests.support.counted_plugin import counting
from tests.support.fake_engine import FakeEngine
from tests.support.inputs import COUNTED, write_model, write_project

LINES = 2
counted = counting(LINES)
Queue = Callable[..., Task]


class FarAway:
    """A file system whose server can be away."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.is_away = False
        self.asked = threading.Event()  # while it was away

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)

        def call(*args: Any, **named: Any) -> Any:
            if self.is_away:
                self.asked.set()
                raise ConnectionRefusedError(111, "Connection refused")
            return found(*args, **named)

        return call if callable(found) else found

    def come_back_once_asked(self) -> None:
        self.asked.clear()
        self.is_away = True
        threading.Thread(target=self._come_back, daemon=True).start()

    def _come_back(self) -> None:
        assert self.asked.wait(30)
        self.is_away = False


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(publisher, "LOOK_S", 0.02)
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    artifacts = open_artifacts(f"memory://{uuid.uuid4().hex}/blobs", cache_dir=tmp_path / "cache")
    with open_store(settings.store) as store:
        made = FakeEngine(counted)
        yield Installation(store, artifacts, settings, lambda *_: made)


@pytest.fixture
def engine(installation: Installation) -> FakeEngine:
    engine = installation.open_engine("docker", installation.settings)
    assert isinstance(engine, FakeEngine)
    return engine


@pytest.fixture
def remote(installation: Installation) -> FarAway:
    assert isinstance(installation.artifacts, RemoteArtifacts)
    objects = installation.artifacts._objects
    assert isinstance(objects, FsspecObjects)
    objects._remote = remote = FarAway(objects._remote)
    return remote


@pytest.fixture
def queue(installation: Installation, tmp_path: Path) -> Queue:
    store, artifacts = installation.store, installation.artifacts
    plugin = library.add_plugin_folder(store, COUNTED, "local")
    project = library.add_project(store, artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(store, artifacts, write_model(tmp_path / "start"))

    def queue(kind: str = "train") -> Task:
        return tasks.queue_task(
            installation, type=kind, plugin=plugin, project=project, model=model, name="net", config={"lines": LINES}
        )

    return queue


def waits(store: Store, task_id: int) -> list[str]:
    return [event.message for event in store.events.after(task_id) if "until the artifacts answer" in event.message]


def away_first(act: Callable[[Path], Iterator[Any]], go_away: Callable[[], None]) -> Callable[[Path], Iterator[Any]]:
    def acting(folder: Path) -> Iterator[Any]:
        go_away()
        yield from act(folder)

    return acting


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_what_was_saved_waits_and_arrives(
    installation: Installation, engine: FakeEngine, remote: FarAway, queue: Queue, kind: str
) -> None:
    engine.act = away_first(counted, remote.come_back_once_asked)
    ended = run_one(installation, queue(kind).id, Shutdown())
    assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")
    assert remote.asked.is_set()
    assert len(set(waits(installation.store, ended.id))) == len(waits(installation.store, ended.id)) > 0
    assert audit(installation, [engine]) == []


def test_a_result_that_was_never_said_to_be_complete_waits_as_well(
    installation: Installation, engine: FakeEngine, remote: FarAway, queue: Queue
) -> None:
    def act(folder: Path) -> Iterator[str | Frame]:
        *lines, _ = counted(folder)
        yield from lines
        remote.come_back_once_asked()

    engine.act = act
    ended = run_one(installation, queue("inference").id, Shutdown())
    assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")
    assert remote.asked.is_set()


def test_an_agent_that_ends_meanwhile_leaves_what_waits_to_the_next(
    installation: Installation, engine: FakeEngine, remote: FarAway, queue: Queue
) -> None:
    shutdown = Shutdown()

    def go_away() -> None:
        remote.is_away = True
        threading.Thread(target=leave_once_asked, daemon=True).start()

    def leave_once_asked() -> None:
        assert remote.asked.wait(30)
        shutdown.leave()

    engine.act = away_first(counted, go_away)
    task = queue()
    with pytest.raises(Cancelled) as left:
        run_one(installation, task.id, shutdown)
    assert left.value.cause is Cause.AGENT_LEFT
    assert {row.state for row in installation.store.checkpoints.list(task.id)} <= {CheckpointState.SNAPSHOT}

    remote.is_away = False
    holder = str(installation.store.tasks.get(task.id).agent_id)
    (taken,) = installation.store.tasks.take_over("next", gone={holder})
    engine.act = counted
    assert run_task(taken, installation).status is TaskStatus.FINISHED
    assert audit(installation, [engine]) == []


def test_the_end_of_a_task_that_somebody_stopped_does_not_wait_for_ever(
    installation: Installation,
    engine: FakeEngine,
    remote: FarAway,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(absence, "STOP_LIMIT_S", 0.05)
    task = queue()

    def act(folder: Path) -> Iterator[Any]:
        remote.is_away = True
        yield from counted(folder)
        installation.store.tasks.request_stop(task.id)
        yield None

    engine.act = act
    ended = run_one(installation, task.id, Shutdown())
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    rows = installation.store.checkpoints.list(task.id)
    assert [(row.state, row.reason) for row in rows] == [(CheckpointState.FAILED, "artifacts_away")] * LINES
    said = [event.message for event in installation.store.events.after(task.id) if "was not kept" in event.message]
    assert len(said) == LINES
    assert all("its files are in" in sentence for sentence in said)


def test_a_task_that_cannot_get_its_input_now_is_queued_again(
    installation: Installation, remote: FarAway, queue: Queue, tmp_path: Path
) -> None:
    task = queue()
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    remote.is_away = True
    claimed = installation.store.tasks.claim("agent", task_id=task.id)
    assert claimed is not None
    with pytest.raises(Cancelled) as given_back:
        run_task(claimed, installation, is_patient=True)
    assert given_back.value.cause is Cause.GIVEN_BACK
    assert installation.store.tasks.get(task.id).status is TaskStatus.QUEUED
    assert "Connection refused" in refusal(installation.artifacts)
