"""The database server goes away under agents, commands and plugins in processes of their own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.artifacts import open_artifacts
from agent.cli.signals import LEAVE_S
from agent.domain import Task, TaskStatus
from agent.engines.frames import FrameParser
from agent.installation import Installation
from agent.settings import Settings
from agent.store import Store, open_store
from tests.chaos.audit import audit, end_runs_of
from tests.support.inputs import COUNTED, Cli, write_model, write_project
from tests.support.postgres import PostgresServer, running_postgres

pytestmark = pytest.mark.timeout(180)

LINES = 300
STDERR = 2
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def running() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def server(running: PostgresServer) -> Iterator[PostgresServer]:
    running.empty()
    yield running
    with suppress(subprocess.CalledProcessError):  # it runs, unless the test has failed
        running.start()


@pytest.fixture(scope="session")
def counted_image(docker_engine: object, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    Cli(tmp_path_factory.mktemp("build"), {}).run("build", COUNTED, "--base", f"base-py={base_image}")


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine; tests may give another."""
    name = getattr(request, "param", "process")
    if name == "docker":
        request.getfixturevalue("counted_image")
    return str(name)


@pytest.fixture
def cli(server: PostgresServer, tmp_path: Path, engine: str) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": engine, "AGENT_STORE_URL": server.url, "AGENT_WEB_PORT": "0"})


@pytest.fixture
def finish(tmp_path: Path) -> Path:
    """The file for which a task waits: it is slow before, and finishes after that."""
    return tmp_path / "finish"


@pytest.fixture
def training(tmp_path: Path, finish: Path) -> tuple[object, ...]:
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    options = (f"lines={LINES}", f"slow_until={finish}", "checkpoint_every=10")
    sets = [word for option in options for word in ("--set", option)]
    return ("submit-train", "--plugin", COUNTED, "--project", project, "--model", model, *sets)


@pytest.fixture
def start(cli: Cli, tmp_path: Path) -> Iterator[Start]:
    """Start a command; whatever runs after the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*args: object) -> subprocess.Popen[str]:
        started.append(cli.start(*args))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
    end_runs_of(tmp_path)


def appears(server: PostgresServer) -> None:
    """Wait until an agent takes tasks from the queue."""
    with open_store(server.url) as store:
        while not any(agent.info.get("takes") == "queue" for agent in store.agents.list()):
            store.wait_for_change(1)


def reaches(store: Store, reached: Callable[[Task], bool]) -> Task:
    """Wait until task 1 is as described."""
    deadline = time.monotonic() + 60
    while not store.tasks.list() or not reached(task := store.tasks.get(1)):
        assert time.monotonic() < deadline, store.tasks.list()
        store.wait_for_change(1)
    return task


def printed(cli: Cli, task: Task) -> bytes:
    """What the plugin has printed so far, stderr alone, as its engine has it."""
    if task.engine == "docker":
        return subprocess.run(["docker", "logs", str(task.container_id)], capture_output=True, check=True).stderr
    (output,) = (cli.home / "processes").glob("*/output")
    frames = FrameParser().feed(output.read_bytes())  # a line may be written, and kept, in several pieces
    return b"".join(piece for stream, piece in frames if stream == STDERR)


def runs_on(cli: Cli, task: Task, lines: int) -> None:
    """Wait until the plugin has printed so many lines more, which nobody reads."""
    before, deadline = printed(cli, task).count(b"err "), time.monotonic() + 60
    while printed(cli, task).count(b"err ") < before + lines:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def nothing_is_missing(cli: Cli, store: Store) -> None:
    settings = Settings(home=cli.home)
    installation = Installation(store, open_artifacts(settings.artifacts), settings)
    assert audit(installation, [installation.open_engine(cli.env["AGENT_ENGINE"], settings)]) == []


@pytest.mark.parametrize(
    ("engine", "command"),
    [("process", "run"), ("process", "submit-train"), pytest.param("docker", "run", marks=pytest.mark.docker)],
    indirect=["engine"],
)
def test_a_server_that_is_restarted_under_a_running_task_is_only_a_delay(
    cli: Cli, server: PostgresServer, start: Start, training: tuple[object, ...], finish: Path, command: str
) -> None:
    words = training if command == "submit-train" else ("run",)
    process = start(*words)
    if command == "run":
        appears(server)
        cli.run(*training, "--detach")
    with open_store(server.url) as store:
        task = reaches(store, lambda task: task.lines_read > 30)
        server.stop()
        runs_on(cli, task, 12)
        refused = cli.run("task", "list", code=5)
        assert "does not answer" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        server.start()
        finish.touch()
        ended = reaches(store, lambda task: task.status.is_final)
        assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")
        nothing_is_missing(cli, store)
    if command == "run":
        process.terminate()
    said = process.communicate(timeout=60)[1]
    assert "Traceback" not in said
    assert said.count("the store does not answer") == 1
    if command == "submit-train":
        assert process.returncode == 0, said


def test_an_agent_that_is_told_to_end_while_the_server_is_away_leaves_its_task_to_an_agent_that_waits_for_it(
    cli: Cli, server: PostgresServer, start: Start, training: tuple[object, ...], finish: Path
) -> None:
    first = start("run")
    appears(server)
    cli.run(*training, "--detach")
    with open_store(server.url) as store:
        task = reaches(store, lambda task: task.lines_read > 30)
        server.stop("immediate")
        runs_on(cli, task, 3)
        first.terminate()
        said = first.communicate(timeout=LEAVE_S + 20)[1]
        assert "running on without an agent: task 1" in said
        assert "Traceback" not in said
        second = start("run")
        assert second.stderr is not None
        assert "the store does not answer" in second.stderr.readline()
        server.start()
        finish.touch()
        ended = reaches(store, lambda task: task.status.is_final)
        assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")
        nothing_is_missing(cli, store)


def test_a_container_that_ends_while_the_server_is_away_is_recorded_later_as_it_ended(
    cli: Cli, server: PostgresServer, start: Start, training: tuple[object, ...], finish: Path
) -> None:
    start("run")
    appears(server)
    cli.run(*training, "--detach")
    with open_store(server.url) as store:
        task = reaches(store, lambda task: task.lines_read > 30)
        server.stop()
        finish.touch()
        deadline = time.monotonic() + 60
        while b"err %d\n" % LINES not in printed(cli, task):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.start()
        ended = reaches(store, lambda task: task.status.is_final)
        assert (ended.status, ended.reason, ended.exit_code) == (TaskStatus.FINISHED, "finished", 0)
        nothing_is_missing(cli, store)
