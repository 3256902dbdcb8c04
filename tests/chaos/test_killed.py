"""A user starts and kills agents: the work of the next agent, and the messages meanwhile."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import psutil
import pytest

from agent.artifacts import open_artifacts
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from tests.chaos.audit import audit, end_runs_of
from tests.support.inputs import COUNTED, ODD, Cli, write_model, write_project

pytestmark = pytest.mark.chaos

LONG = ("--set", "lines=100000", "--set", "pause=0.01")
SHORT = ("--set", "lines=150", "--set", "pause=0.01")


@pytest.fixture
def cli(tmp_path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})


@pytest.fixture
def inputs(tmp_path):
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    return ("--plugin", COUNTED, "--project", project, "--model", model)


@pytest.fixture
def start(cli, inputs):
    """Submit in the foreground, wait for the first checkpoint and give the process. It is ended after the test."""
    started = []

    def start(*args: str) -> subprocess.Popen[str]:
        process = cli.start("submit-train", *inputs, *args)
        started.append(process)
        said = []
        for line in process.stderr:
            said.append(line)
            if "checkpoint 0" in line:
                return process
        raise AssertionError("".join(said))

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def check(cli):
    """Count everything, and check that no process is left."""

    def check() -> None:
        settings = Settings(home=cli.home, engine="process")
        with open_store(settings.store) as store:
            installation = Installation(store, open_artifacts(settings.artifacts), settings)
            assert audit(installation, [installation.open_engine("process", settings)]) == []

    yield check
    end_runs_of(cli.home)


def test_a_task_that_lost_its_agent_says_so_and_goes_on_when_asked(cli, start, check):
    process = start(*SHORT)
    process.kill()
    process.wait()
    (task,) = cli.json("task", "list")
    assert (task["status"], task["lost"]) == ("started", True)
    listed = cli.run("task", "list")
    assert "nobody runs it" in listed.stdout
    assert "agent run --task 1" in listed.stderr
    assert "agent run --task 1" in cli.run("task", "show", 1).stdout

    cli.run("run", "--task", 1)
    assert cli.json("task", "show", 1)["lost"] is False
    assert "has ended" in cli.run("run", "--task", 1, code=2).stderr
    check()


def test_a_living_agent_takes_over_at_once(cli, start, check):
    agent = cli.start("run")
    try:
        process = start(*SHORT)
        process.kill()
        killed = time.monotonic()
        ended = cli.json("task", "wait", 1)
        assert ended["status"] == "finished"
        assert time.monotonic() - killed < 25  # the lease alone would take longer
    finally:
        agent.terminate()
        agent.communicate(timeout=60)
    assert agent.returncode == 0
    check()


def test_a_lost_task_can_be_stopped(cli, start, check):
    start(*LONG).kill()
    cli.run("task", "stop", 1)
    ended = cli.json("task", "wait", 1, code=4)
    assert (ended["status"], ended["reason"]) == ("stopped", "stopped_by_user")
    assert ended["checkpoints"][0]["state"] == "published"
    check()


def test_a_second_ctrl_c_is_instant_and_leaves_the_task_to_the_next_agent(cli, start, check):
    process = start(*SHORT, "--stop-grace", "60")
    process.send_signal(signal.SIGSTOP)  # so both signals arrive before it handles the first
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
    assert process.returncode in (130, 4)
    if process.returncode == 130 and not cli.json("task", "show", 1)["finished_at"]:
        cli.run("run", "--task", 1, code=None)
    assert cli.json("task", "show", 1)["status"] in ("stopped", "finished")
    check()


def test_sigterm_leaves_no_container_no_file_and_a_true_status(cli, start, check):
    process = start(*LONG)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 4
    ended = cli.json("task", "show", 1)
    assert (ended["status"], ended["reason"]) == ("stopped", "agent_stopped")
    check()


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((*LONG, "--time-limit", "2"), "time_limit"),
        (("--set", "lines=10", "--set", "pause=600", "--idle-limit", "1"), "idle_limit"),
    ],
)
def test_a_limit_that_ends_a_task_is_its_reason(cli, inputs, check, args, reason):
    task = cli.json("submit-train", *inputs, *args, code=1)
    assert (task["status"], task["reason"]) == ("error", reason)
    assert f"--{reason.replace('_', '-')}" in task["message"]
    check()


def test_a_grace_period_lets_a_plugin_end_itself(cli, tmp_path, check):
    # Neither `counted` nor the sleep of `odd` has a handler for SIGTERM: the signal ends python at once.
    inputs = ("--plugin", ODD, "--project", write_project(tmp_path / "p"), "--model", write_model(tmp_path / "m"))
    process = cli.start("submit-train", *inputs, "--set", "behaviour=sleep", "--stop-grace", "30")
    for line in process.stderr:
        if "checkpoint 0" in line:
            break
    asked = time.monotonic()
    process.terminate()
    process.communicate(timeout=60)
    assert time.monotonic() - asked < 20
    assert cli.json("task", "show", 1)["exit_code"] == 128 + signal.SIGTERM


def test_of_two_agents_that_see_a_death_one_takes_over(cli, start, check):
    process = start(*SHORT)
    agents = [cli.start("run") for _ in range(2)]
    try:
        process.kill()
        assert cli.json("task", "wait", 1)["status"] == "finished"
    finally:
        for agent in agents:
            agent.terminate()
        said = [agent.communicate(timeout=60)[1] for agent in agents]
    assert sum("task 1: taken" in text for text in said) == 1
    check()


def test_an_agent_that_sleeps_keeps_its_task(cli, start, check):
    process = start(*SHORT)
    with closing(sqlite3.connect(cli.home / "store.db", isolation_level=None)) as lock:
        lock.execute("PRAGMA busy_timeout=20000")
        lock.execute("BEGIN IMMEDIATE")  # so that SIGSTOP does not stop it while it holds the database
        process.send_signal(signal.SIGSTOP)
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:  # a signal takes effect a moment later
            time.sleep(0.01)
        lock.execute("ROLLBACK")
    with open_store(Settings(home=cli.home).store) as store:
        agent = cli.start("run")
        try:
            store.agents.list()
            while not any(one.info.get("takes") == "queue" for one in store.agents.list()):
                store.wait_for_change(1)
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=60)
        finally:
            agent.terminate()
            said = agent.communicate(timeout=60)[1]
    assert "task 1: taken" not in said
    assert process.returncode == 0
    check()


def test_the_lists_of_agents_do_not_grow(cli, start):
    for _ in range(2):
        start(*LONG).kill()
    with open_store(Settings(home=cli.home).store) as store:
        assert len(store.agents.list()) == 2  # they hold tasks
    for number in (1, 2):
        cli.run("task", "stop", number)
        cli.run("task", "wait", number, code=4)
    cli.run("task", "list")
    with open_store(Settings(home=cli.home).store) as store:
        while len(store.agents.list()) > 1:  # the last agent that helped is ending
            store.wait_for_change(1)
