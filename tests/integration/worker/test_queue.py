"""A machine that cannot run tasks now keeps them in the queue: the reason is told, and nothing of it ends a task.

Store and artifacts are real; the engines are fakes, and away for as long as a test wants.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import ImageBlob, Task, TaskStatus
from agent.engines import ImageInfo
from agent.engines.apptainer_command import image_name
from agent.engines.open import open_engine
from agent.errors import DiskFull, EngineUnavailable, StorageFailed
from agent.installation import Installation
from agent.liveness import agents_alive, why_waiting
from agent.run.cancellation import Cancelled, Cause
from agent.run.machine import engine_trouble
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import Store, open_store
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from agent.worker import conditions
from agent.worker.loop import run_forever, run_new, run_one
from agent.worker.one_machine import require_one_machine
from tests.support.fake_engine import FakeEngine, checkpoint, write_checkpoint
from tests.support.inputs import COUNTED, write_model, write_project
from tests.support.tasks import queue_task

AWAY = "no Docker engine answers: tried unix:///nobody.sock (no such socket)"


def counted(folder: Path) -> Iterator[str]:
    write_checkpoint(folder / "results", 0)
    yield checkpoint(0)


@dataclass
class Machine:
    """An installation, its engines, and whether Docker answers."""

    installation: Installation
    plugin: Any
    project: Any
    model: Any
    docker: FakeEngine = field(default_factory=lambda: FakeEngine(counted))
    is_away: bool = False
    opened: int = 0  # how often Docker was asked

    @property
    def store(self) -> Store:
        return self.installation.store

    def open_engine(self, name: str, settings: Settings) -> Any:
        if name == "docker" or (name == "auto" and settings.engine == "docker"):
            self.opened += 1
            if self.is_away:
                raise EngineUnavailable(AWAY)
            return self.docker
        process = FakeEngine(counted)
        process.name = "process"
        return process

    def queue(self, engine: str = "docker", **asked: Any) -> Task:
        return queue_task(
            self.installation, project=self.project, model=self.model, name=f"net {len(self.store.tasks.list())}",
            options=RequestedOptions(engine=engine), **{"plugin": self.plugin, **asked},
        )  # fmt: skip

    def why(self, task: Task) -> str:
        plugin = self.store.plugins.get(task.plugin_id)
        return why_waiting(agents_alive(self.store), self.store.tasks.get(task.id), plugin)

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            assert time.monotonic() < deadline, [(t.id, t.status, t.message) for t in self.store.tasks.list()]
            self.store.wait_for_change(0.05)

    def ends(self, task: Task) -> Task:
        self.until(lambda: self.store.tasks.get(task.id).status.is_final)
        return self.store.tasks.get(task.id)

    @contextmanager
    def agent(self, parallel: int = 1) -> Iterator[None]:
        shutdown = Shutdown()
        thread = threading.Thread(target=run_forever, args=(self.installation, shutdown), kwargs={"parallel": parallel})
        thread.start()
        try:
            yield
        finally:
            shutdown.stop_tasks()
            thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "PAUSE_S", 0.05)
    monkeypatch.setattr(conditions, "FRESH_ENGINE_S", 0.05)
    monkeypatch.setitem(conditions.FRESH_S, conditions.STORAGE, 0.05)
    monkeypatch.setattr("agent.worker.loop.IDLE_WAIT_S", 0.05)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        artifacts = open_artifacts(settings.artifacts)
        made = Machine(
            Installation(store, artifacts, settings, lambda name, settings: made.open_engine(name, settings)),
            library.add_plugin_folder(store, COUNTED, "local"),
            library.add_project(store, artifacts, write_project(tmp_path / "fruit")),
            library.add_model(store, artifacts, write_model(tmp_path / "start")),
        )
        yield made


def notes(machine: Machine, task: Task) -> list[str]:
    return [event.message for event in machine.store.events.after(task.id) if event.event_type == "TASK_WAITS"]


# ---------------------------------------------------------------- the engine


def test_an_agent_that_comes_before_its_engine_keeps_the_queue_and_runs_it_later(machine: Machine) -> None:
    machine.is_away = True
    tasks = [machine.queue() for _ in range(12)]
    with machine.agent():
        machine.until(lambda: machine.why(tasks[0]) == AWAY)
        machine.until(lambda: machine.opened >= 3)
        assert {machine.why(task) for task in tasks} == {AWAY}
        assert {task.status for task in machine.store.tasks.list()} == {TaskStatus.QUEUED}
        assert [machine.store.events.last_seq(task.id) for task in tasks] == [0] * 12  # nobody claimed any
        machine.is_away = False
        assert [machine.ends(task).status for task in tasks] == [TaskStatus.FINISHED] * 12
        assert machine.why(tasks[0]) == ""


def test_one_probe_asks_for_all_waiting_tasks_after_growing_pauses(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed_at: list[float] = []

    def probe(installation: Installation, engine: str) -> str:
        probed_at.append(time.monotonic())
        return engine_trouble(installation, engine)

    monkeypatch.setattr(conditions, "engine_trouble", probe)
    machine.is_away = True
    for _ in range(12):
        machine.queue()
    with machine.agent(parallel=12):
        machine.until(lambda: len(probed_at) >= 5)
    pauses = [later - earlier for earlier, later in pairwise(probed_at)]
    assert all(pause >= 0.05 * 2**n / 2 for n, pause in enumerate(pauses)), pauses  # jitter may halve each pause


def test_a_task_for_another_engine_is_not_held_up(machine: Machine) -> None:
    machine.is_away = True
    waits = machine.queue("docker")
    runs = machine.queue("process")
    with machine.agent():
        assert machine.ends(runs).status is TaskStatus.FINISHED
        assert machine.store.tasks.get(waits.id).status is TaskStatus.QUEUED


def test_a_task_for_apptainer_waits_where_it_is_not_installed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/no/such/folder")
    monkeypatch.setattr(machine, "open_engine", open_engine)
    task = machine.queue("apptainer")
    with machine.agent():
        machine.until(lambda: "no program `apptainer`" in machine.why(task))
        assert machine.store.tasks.get(task.id).status is TaskStatus.QUEUED


def test_a_task_whose_machine_makes_no_containers_goes_back_for_another_one(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    apptainer = tmp_path / "bin" / "apptainer"
    refuses = 'echo "FATAL: Failed to create user namespace: not allowed" >&2; exit 255'
    apptainer.write_text(f"#!/bin/sh\ncase $* in *exec*) {refuses} ;; *inspect*) echo {{}} ;; *) echo 1.4.0 ;; esac\n")
    apptainer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{apptainer.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(machine, "open_engine", open_engine)
    (machine.installation.settings.home / "apptainer" / "images" / image_name(machine.plugin.reference)).mkdir(
        parents=True
    )
    task = machine.queue("apptainer")
    with machine.agent():
        machine.until(lambda: notes(machine, task) != [])
        machine.until(lambda: machine.store.tasks.get(task.id).status is TaskStatus.QUEUED)
    (note,) = notes(machine, task)
    assert note.startswith("waits in the queue: this machine does not let Apptainer make containers")
    assert machine.store.tasks.get(task.id).engine is None  # nothing binds it to this machine


def test_an_engine_that_goes_away_after_the_claim_gives_the_task_back_and_tells_it_once(machine: Machine) -> None:
    task = machine.queue()
    attempts = 0
    image = machine.docker.image

    def away(reference: str, pull: str = "missing") -> ImageInfo:
        nonlocal attempts
        attempts += 1
        if attempts <= 3:
            raise EngineUnavailable("the Docker engine does not answer")
        return image(reference, pull)

    machine.docker.image = away  # type: ignore[method-assign]
    with machine.agent():
        ended = machine.ends(task)
    assert (ended.status, attempts) == (TaskStatus.FINISHED, 4)
    assert notes(machine, task) == ["waits in the queue: the Docker engine does not answer"]
    messages = [event.message for event in machine.store.events.after(task.id)]
    for once in ("TASK_START", "TASK_MSG", "LAST_COMPLETE_STEP"):
        assert messages.count(once) == 1
    assert messages.count("BEFORE_STEP") == 3  # one for each step


def test_an_engine_that_goes_away_at_the_start_is_waited_for_with_the_task(machine: Machine) -> None:
    """The container may have started: nobody else may start another."""
    task = machine.queue()
    start, attempts = machine.docker.start, 0

    def away(spec: Any) -> Any:
        nonlocal attempts
        attempts += 1
        container = start(spec)
        if attempts == 1:
            raise EngineUnavailable("the Docker engine does not answer")
        return container

    machine.docker.start = away  # type: ignore[method-assign]
    with machine.agent():
        ended = machine.ends(task)
    assert (ended.status, attempts) == (TaskStatus.FINISHED, 1)
    assert notes(machine, task) == ["waits for its engine: the Docker engine does not answer"]


def test_a_resumed_task_whose_engine_is_away_lets_other_tasks_run(machine: Machine) -> None:
    task = machine.queue()
    machine.store.tasks.claim("dead:1:x", task_id=task.id)
    machine.store.tasks.become(task.id, TaskStatus.STARTED)
    machine.store.tasks.launching(task.id, engine="docker", spec={}, image_digest=None)
    machine.is_away = True
    other = machine.queue("process")
    with machine.agent(parallel=1):
        machine.until(lambda: bool(notes(machine, task)))
        assert machine.ends(other).status is TaskStatus.FINISHED
        assert not machine.store.tasks.get(task.id).status.is_final
        machine.is_away = False
        assert machine.ends(task).status is TaskStatus.FINISHED
    assert notes(machine, task) == [f"waits for its engine: {AWAY}"]


def test_a_stop_of_a_task_whose_engine_is_away_ends_it(machine: Machine) -> None:
    task = machine.queue()

    def away(spec: Any) -> Any:
        machine.store.tasks.request_stop(task.id)
        raise EngineUnavailable("the Docker engine does not answer")

    machine.docker.start = away  # type: ignore[method-assign]
    with machine.agent():
        ended = machine.ends(task)
    assert (ended.status, ended.reason) == (TaskStatus.STOPPED, "stopped_by_user")


def known(machine: Machine) -> dict[str, Any]:
    """The plugin as arguments of `put`."""
    fields = asdict(machine.store.plugins.get(machine.plugin.id))
    others = ("id", "created_at", "updated_at", "deleted_at", "pushed", "kept_bytes")
    return {name: value for name, value in fields.items() if name not in others}


def test_a_folder_of_another_node_never_runs_as_a_process_also_when_docker_goes_after_the_claim(
    machine: Machine,
) -> None:
    """The image of the plugin can be had here, its folder cannot."""
    fields = {**known(machine), "image": "local/far", "node": "another node", "image_digest": "sha256:1"}
    far = machine.store.plugins.put(**fields)
    machine.store.plugins.set_kept(far.id, "sha256:1", [ImageBlob("a" * 64, 1)])
    machine.docker.has = {"sha256:1"}
    task = machine.queue("auto", plugin=far)
    opened = machine.open_engine

    def goes_after_the_claim(name: str, settings: Settings) -> Any:
        machine.is_away = machine.store.tasks.get(task.id).status is not TaskStatus.QUEUED and machine.opened < 5
        return opened(name, settings)

    machine.installation = replace(machine.installation, open_engine=goes_after_the_claim)
    with machine.agent():
        ended = machine.ends(task)
    assert (ended.status, ended.engine) == (TaskStatus.FINISHED, "docker")
    assert machine.opened >= 5
    assert [container.spec.image for container in machine.docker.containers] == ["sha256:1"]


def test_a_plugin_known_by_its_image_waits_for_docker_where_others_run_as_processes(machine: Machine) -> None:
    machine.is_away = True
    image_only = machine.store.plugins.put(**{**known(machine), "image": "nowhere/nn", "folder": None})
    waits = machine.queue("auto", plugin=image_only)
    runs = machine.queue("auto")
    with machine.agent():
        assert machine.ends(runs).engine == "process"
        machine.until(lambda: machine.why(waits) == AWAY)


def test_auto_waits_for_docker_where_tasks_ran_in_docker_before(machine: Machine) -> None:
    first = machine.queue("auto")
    machine.store.tasks.claim("before:1:x", task_id=first.id)
    machine.store.tasks.launching(first.id, engine="docker", spec={}, image_digest=None)
    machine.store.tasks.become(first.id, TaskStatus.ERROR, reason="plugin_exit")
    machine.is_away = True
    task = machine.queue("auto")
    with machine.agent():
        machine.until(lambda: machine.why(task) == AWAY)
        machine.is_away = False
        machine.ends(task)


# ---------------------------------------------------------------- the storage


def test_artifacts_that_take_no_bytes_keep_tasks_queued(machine: Machine) -> None:
    half = machine.installation.artifacts.half_made.folder
    if half.exists():
        half.rmdir()
    half.write_text("no folder")
    task = machine.queue()
    with machine.agent():
        machine.until(lambda: "Cannot write" in machine.why(task))
        assert machine.store.tasks.get(task.id).status is TaskStatus.QUEUED
        half.unlink()
        assert machine.ends(task).status is TaskStatus.FINISHED


def test_a_disk_with_less_than_the_least_free_space_keeps_tasks_queued(machine: Machine) -> None:
    known = machine.installation
    machine.installation = Installation(
        known.store, known.artifacts, replace(known.settings, min_free="100000000G"), known.open_engine
    )
    task = machine.queue()
    with machine.agent():
        machine.until(lambda: "AGENT_MIN_FREE" in machine.why(task))
        assert machine.store.tasks.get(task.id).status is TaskStatus.QUEUED


def test_a_task_that_needs_more_space_than_the_disk_has_is_at_fault_itself(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **how: Any) -> None:
        raise DiskFull("There is no space left to write the project: it needs 2 bytes, /disk has 1.")

    with monkeypatch.context() as patch:
        patch.setattr("agent.run.run_task.stage", full)
        with machine.agent():
            ended = machine.ends(machine.queue())
            assert (ended.status, ended.reason) == (TaskStatus.ERROR, "disk_full")


# ---------------------------------------------------------------- agents for one task


def test_a_foreground_task_fails_at_once(machine: Machine) -> None:
    machine.is_away = True
    request = TaskRequest(
        type="train", plugin=machine.plugin, project=machine.project, model=machine.model,
        options=RequestedOptions(engine="docker"),
    )  # fmt: skip
    new = new_task(machine.store, machine.installation.settings, request)
    ended = run_new(machine.installation, new, Shutdown(), lambda task: None)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "engine_unavailable")


def test_an_agent_for_one_task_waits_for_the_engine(machine: Machine) -> None:
    machine.is_away = True
    task = machine.queue()
    ended: list[Task] = []

    def run() -> None:
        ended.append(run_one(machine.installation, task.id, Shutdown(), is_patient=True))

    agent = threading.Thread(target=run)
    agent.start()
    machine.until(lambda: machine.why(task) == AWAY)
    machine.is_away = False
    agent.join()
    assert ended[0].status is TaskStatus.FINISHED


def test_an_agent_for_one_task_that_waits_leaves_it_queued_when_it_ends(machine: Machine) -> None:
    machine.is_away = True
    task, shutdown = machine.queue(), Shutdown()
    causes: list[Cause] = []

    def run() -> None:
        with pytest.raises(Cancelled) as raised:
            run_one(machine.installation, task.id, shutdown, is_patient=True)
        causes.append(raised.value.cause)

    agent = threading.Thread(target=run)
    agent.start()
    machine.until(lambda: machine.why(task) == AWAY)
    shutdown.leave()
    agent.join()
    assert causes == [Cause.AGENT_LEFT]
    assert machine.store.tasks.get(task.id).status is TaskStatus.QUEUED
    assert "agent up" in machine.why(task)


# ---------------------------------------------------------------- another machine


def test_an_agent_of_another_machine_does_not_use_the_same_sqlite_file(machine: Machine) -> None:
    task, store = machine.queue(), machine.store
    elsewhere = {"machine": "another-boot/pid:[1]", "host": "lab2", "pid": 1, "started": 1}
    for harmless in ({**elsewhere, "host": os.uname().nodename}, {**elsewhere, "left": True}, {}):
        store.agents.beat("far:1:x", "far", harmless)
        require_one_machine(machine.installation)
    store.agents.beat("far:1:x", "far", elsewhere)
    with pytest.raises(StorageFailed, match=r"used by agent far of another machine \(lab2\).*AGENT_STORE_URL"):
        run_one(machine.installation, task.id, Shutdown())
    assert store.tasks.get(task.id).status is TaskStatus.QUEUED
