"""Agents that are told to end: their tasks go on, the next agent goes on with them, and every line is there once."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from agent.artifacts import open_artifacts
from agent.cli.signals import LEAVE_S
from agent.domain import Task
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from tests.chaos.audit import audit, end_runs_of
from tests.support.inputs import COUNTED, Cli, write_model, write_project

pytestmark = pytest.mark.timeout(180)

SHORT = ("--set", "lines=150", "--set", "pause=0.02", "--set", "checkpoint_every=30")
LONG = ("--set", "lines=100000", "--set", "pause=0.02", "--set", "checkpoint_every=10")


@pytest.fixture(scope="session")
def counted_image(docker_engine, base_image, tmp_path_factory) -> None:
    Cli(tmp_path_factory.mktemp("build"), {}).run("build", COUNTED, "--base", f"base-py={base_image}")


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def cli(request, tmp_path) -> Cli:
    if request.param == "docker":
        request.getfixturevalue("counted_image")
    return Cli(tmp_path / "home", {"AGENT_ENGINE": request.param, "AGENT_WEB_PORT": "0"})


@pytest.fixture
def process_cli(tmp_path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process", "AGENT_WEB_PORT": "0"})


@pytest.fixture
def inputs(tmp_path) -> tuple[object, ...]:
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    return ("--plugin", COUNTED, "--project", project, "--model", model)


@pytest.fixture
def finish(tmp_path) -> Path:
    """The file for which a task with the options `until(finish)` waits: it is slow before, and finishes after that."""
    return tmp_path / "finish"


def until(finish: Path) -> tuple[str, ...]:
    return ("--set", "lines=500", "--set", f"slow_until={finish}", "--set", "checkpoint_every=50")


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command; whatever runs after the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(cli: Cli, *args: object) -> subprocess.Popen[str]:
        started.append(cli.start(*args))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
    end_runs_of(tmp_path)


def reaches(cli: Cli, reached: Callable[[Task], bool], number: int = 1) -> Task:
    """Wait until the task is as described."""
    with open_store(Settings(home=cli.home).store) as store:
        deadline = time.monotonic() + 60
        while not reached(task := store.tasks.get(number)):
            assert time.monotonic() < deadline, task
            store.wait_for_change(1)
    return task


def _with_parent(pid: int) -> tuple[int, int]:
    """`agent up` runs its agent in a process of its own."""
    try:
        return pid, psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return pid, 0


def appears(cli: Cli, agent: subprocess.Popen[str]) -> None:
    """Wait until the agent takes tasks from the queue."""
    cli.home.mkdir(exist_ok=True)
    with open_store(Settings(home=cli.home).store) as store:
        while not any(agent.pid in _with_parent(row.info["pid"]) for row in store.agents.list()):
            assert agent.poll() is None, agent.communicate()
            store.wait_for_change(1)


def ends(process: subprocess.Popen[str]) -> str:
    """Wait for the end of an agent that was told to leave, which takes seconds. Gives its stderr."""
    asked = time.monotonic()
    said = process.communicate(timeout=LEAVE_S + 20)[1]
    assert "Traceback" not in said, said
    assert time.monotonic() - asked < LEAVE_S + 5, said
    return said


def nothing_is_missing(cli: Cli) -> None:
    settings = Settings(home=cli.home)
    with open_store(settings.store) as store:
        installation = Installation(store, open_artifacts(settings.artifacts), settings)
        engine = installation.open_engine(cli.env["AGENT_ENGINE"], settings)
        assert audit(installation, [engine]) == []


def test_a_restarted_agent_goes_on_with_the_running_task(cli, inputs, start):
    """What `systemctl restart` and an upgrade do."""
    command = "up" if cli.env["AGENT_ENGINE"] == "process" else "run"
    first = start(cli, command)
    appears(cli, first)
    cli.run("submit-train", *inputs, *SHORT, "--detach")
    reaches(cli, lambda task: task.lines_read > 30)
    first.terminate()
    said = ends(first)
    assert first.returncode in (0, -signal.SIGTERM)
    assert "running on without an agent: task 1" in said
    left = cli.json("task", "show", 1)
    assert (left["status"], left["reason"], left["lost"]) == ("started", None, True)

    second = start(cli, command)
    appears(cli, second)
    assert cli.json("task", "wait", 1)["status"] == "finished"
    second.terminate()
    ends(second)
    nothing_is_missing(cli)


def test_ctrl_c_on_an_agent_says_that_tasks_go_on_and_how_to_stop_them(process_cli, inputs, start):
    cli = process_cli
    agent = start(cli, "up")
    appears(cli, agent)
    cli.run("submit-train", *inputs, *LONG, "--detach")
    reaches(cli, lambda task: task.lines_read > 0)
    agent.send_signal(signal.SIGINT)
    said = ends(agent)
    assert "running on without an agent: task 1" in said
    assert "agent down --stop-tasks" in said

    said = cli.run("down", "--stop-tasks").stderr  # nobody runs the task any more
    assert "no agent runs here" in said
    ended = cli.json("task", "wait", 1, code=4)
    assert (ended["status"], ended["reason"]) == ("stopped", "stopped_by_user")
    nothing_is_missing(cli)


def test_a_second_ctrl_c_ends_an_agent_at_once(process_cli, inputs, start):
    cli = process_cli
    agent = start(cli, "run")
    appears(cli, agent)
    cli.run("submit-train", *inputs, *SHORT, "--detach")
    reaches(cli, lambda task: task.lines_read > 0)
    agent.send_signal(signal.SIGSTOP)  # both signals come before it can follow the first
    agent.send_signal(signal.SIGINT)
    agent.send_signal(signal.SIGTERM)
    agent.send_signal(signal.SIGCONT)
    agent.communicate(timeout=10)
    assert agent.returncode == 130
    cli.run("run", "--task", 1)
    nothing_is_missing(cli)


def test_agent_down_ends_every_agent_and_keeps_every_task(process_cli, inputs, start, finish):
    cli = process_cli
    queue = start(cli, "run")
    appears(cli, queue)
    cli.run("submit-train", *inputs, *until(finish), "--detach")
    foreground = start(cli, "submit-train", *inputs, *until(finish))
    assert foreground.stderr is not None
    while "task 2" not in foreground.stderr.readline():
        assert foreground.poll() is None
    for number in (1, 2):
        reaches(cli, lambda task: task.lines_read > 0, number)
    said = cli.run("down").stderr
    assert "2 agents ended" in said
    assert "running on without an agent: task 1, 2" in said
    assert (queue.wait(1), foreground.wait(1)) == (0, 130)
    assert "goes on without this agent" in foreground.communicate()[1]
    assert {task["status"] for task in cli.json("task", "list")} == {"started"}

    finish.touch()
    start(cli, "run")
    for number in (1, 2):
        assert cli.json("task", "wait", number)["status"] == "finished"
    assert "1 agent ended" in cli.run("down").stderr
    nothing_is_missing(cli)


def test_agent_down_can_stop_the_tasks_first_and_keeps_the_queue(process_cli, inputs, start):
    cli = process_cli
    agent = start(cli, "run")
    appears(cli, agent)
    cli.run("submit-train", *inputs, *LONG, "--detach")
    cli.run("submit-train", *inputs, *SHORT, "--detach")
    reaches(cli, lambda task: task.lines_read > 40)
    cli.run("down", "--stop-tasks")
    assert agent.wait(1) == 0
    stopped, queued = cli.json("task", "show", 1), cli.json("task", "show", 2)
    assert (stopped["status"], stopped["reason"]) == ("stopped", "agent_stopped")
    assert stopped["checkpoints"]
    assert queued["status"] == "queued"
    cli.run("run", "--task", 2)
    nothing_is_missing(cli)


def test_a_detached_task_survives_the_end_of_its_agent(process_cli, inputs, start, finish):
    cli = process_cli
    cli.run("submit-train", *inputs, *until(finish), "--detach")
    reaches(cli, lambda task: task.lines_read > 0)
    assert "1 agent ended" in cli.run("down").stderr
    before = cli.json("task", "show", 1)["lines_read"]
    alone = start(cli, "run", "--task", 1)
    reaches(cli, lambda task: task.lines_read > before)
    alone.terminate()
    said = ends(alone)
    assert alone.returncode == 130
    assert "task 1 goes on without this agent" in said
    finish.touch()
    cli.run("run", "--task", 1)
    nothing_is_missing(cli)


def test_an_agent_that_is_stuck_leaves_within_seconds(process_cli, inputs, start, tmp_path):
    """Here the database is held by another process; the agent cannot commit what it has read."""
    cli = process_cli
    agent = start(cli, "run")
    appears(cli, agent)
    cli.run("submit-train", *inputs, *SHORT, "--detach")
    reaches(cli, lambda task: task.lines_read > 0)
    with closing(sqlite3.connect(cli.home / "store.db", isolation_level=None, timeout=60)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        agent.terminate()
        ends(agent)
        assert agent.returncode == 0
    cli.run("run", "--task", 1)
    nothing_is_missing(cli)
