"""An engine that is stopped, killed or rebooted under a running training: the end is true, and no line is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.engines.docker import DockerEngine
from agent.installation import Installation
from agent.liveness import agents_alive, why_waiting
from agent.settings import Settings
from agent.store import open_store
from agent.task_options import RequestedOptions
from tests.chaos.audit import audit
from tests.support.inputs import COUNTED, Cli, write_model, write_project
from tests.support.own_engine import OwnEngine, why_no_own_engine
from tests.support.tasks import queue_task

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]

SHORT = {"lines": 150, "pause": 0.01, "checkpoint_every": 50}
LONG = {"lines": 100_000, "pause": 0.01, "checkpoint_every": 50}


@pytest.fixture(scope="module")
def engine() -> Iterator[OwnEngine]:
    if why := why_no_own_engine():
        pytest.skip(why)
    engine = OwnEngine(Path(f"/tmp/engine-{os.getpid()}"))
    try:
        engine.start()
        engine.import_counted("local/nn-counted:0.1.0")
        engine.end(signal.SIGTERM)
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def installation(engine, tmp_path, monkeypatch) -> Iterator[Installation]:
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    settings = Settings(home=tmp_path / "home", engine="docker")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        made = Installation(store, open_artifacts(settings.artifacts), settings)
        library.add_plugin_folder(store, COUNTED, "local")
        library.add_project(store, made.artifacts, write_project(tmp_path / "fruit"))
        library.add_model(store, made.artifacts, write_model(tmp_path / "start"))
        yield made


def queue(installation: Installation, config: dict[str, float]) -> Task:
    store = installation.store
    return queue_task(
        installation, plugin=store.plugins.list()[0], project=store.projects.list()[0], model=store.models.list()[-1],
        config=config, name=f"net {len(store.tasks.list())}", options=RequestedOptions(engine="docker", hardened=True),
    )  # fmt: skip


def until(installation: Installation, task: Task, reached: Callable[[Task], bool]) -> Task:
    deadline = time.monotonic() + 60
    while not reached(now := installation.store.tasks.get(task.id)):
        assert time.monotonic() < deadline, now
        installation.store.wait_for_change(1)
    return now


def ended(installation: Installation, task: Task) -> Task:
    """The task as it ended, with every line that was printed, once."""
    end = until(installation, task, lambda now: now.status.is_final)
    docker = DockerEngine()
    assert audit(installation, [docker]) == []
    docker.close()
    return end


@contextmanager
def agent(installation: Installation, engine: OwnEngine) -> Iterator[None]:
    """An agent in a process of its own, killed at the end of the block."""
    env = {"AGENT_ENGINE": "docker", "DOCKER_HOST": engine.host}
    process = Cli(installation.settings.home, env).start("run")
    try:
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def running(engine, installation, request) -> Iterator[Task]:
    """A training that has printed some lines. Parametrized with its config, and with live-restore of its engine."""
    config, live_restore = request.param
    engine.start(live_restore=live_restore)
    with agent(installation, engine):
        task = queue(installation, config)
        yield until(installation, task, lambda now: now.lines_read > 60)
        until(installation, task, lambda now: now.status.is_final)
    engine.end(signal.SIGTERM)


@pytest.mark.parametrize("running", [(SHORT, True)], indirect=True, ids=[""])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_keeps_its_containers_is_restarted_and_the_training_goes_on_to_its_end(
    engine, installation, running, how
):
    engine.end(how)
    read = installation.store.tasks.get(running.id).lines_read
    engine.start(live_restore=True)
    end = ended(installation, running)
    assert (end.status, end.reason) == (TaskStatus.FINISHED, "finished")
    assert end.lines_read > read, "it ended before the engine did, so nothing was tried"


@pytest.mark.parametrize("running", [(LONG, False)], indirect=True, ids=[""])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_ends_its_containers_ends_the_task_as_killed(engine, installation, running, how):
    engine.end(how)
    engine.start()
    end = ended(installation, running)
    assert (end.status, end.reason, end.exit_code) == (TaskStatus.ERROR, "plugin_killed", 128 + signal.SIGTERM)
    if how is signal.SIGKILL:  # else the engine ends its containers before it goes
        assert "it ended while the Docker engine was away" in str(end.message)


def test_after_a_reboot_the_running_task_has_ended_truly_and_the_queue_goes_on(engine, installation):
    engine.start()
    with agent(installation, engine):
        task, later = queue(installation, LONG), queue(installation, {"lines": 10, "checkpoint_every": 10})
        until(installation, task, lambda now: now.lines_read > 60)
    engine.cut_the_power()
    plugin = installation.store.plugins.list()[0]
    with agent(installation, engine):  # it comes before the engine
        until(
            installation,
            later,
            lambda now: "no Docker engine" in why_waiting(agents_alive(installation.store), now, plugin),
        )
        assert installation.store.tasks.get(task.id).status is TaskStatus.STARTED
        engine.start()
        assert until(installation, later, lambda now: now.status.is_final).status is TaskStatus.FINISHED
        end = ended(installation, task)
    assert (end.status, end.reason, end.exit_code) == (TaskStatus.ERROR, "plugin_exit", 255)
    assert "as after a restart of the machine" in str(end.message)
    engine.end(signal.SIGTERM)
