"""The script beside the agent of a pod: the agent loads itself early, begins in time, and ends with its pod."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agent.clusters import JobRequest
from agent.clusters.in_pod import WAITS
from agent.clusters.kubernetes_pod import pod
from agent.domain import TaskOptions
from agent.engines.pod_script import CONTROL_FOLDER
from agent.settings import Settings
from tests.support.inputs import ROOT

AGENT = ("sh", "-c", 'echo $$ >loaded; read -r line; echo "$line" >begun-with; exit 7')


class Container:
    """The agent's container as a process of this machine, with another program in place of the agent."""

    def __init__(self, folder: Path, *agent: str) -> None:
        self.home, self.control, self.log = folder / "home", folder / "control", folder / "termination-log"
        (self.home / "tasks" / "7").mkdir(parents=True)
        (self.home / "tasks" / "7").chmod(0o700)
        self.control.mkdir()
        settings = Settings(home=folder, kubernetes_image="agent:1")
        made = pod(JobRequest(7, 1, "sly-abc-7-1", TaskOptions(), image="net:1"), settings)
        shell, flag, script, *_ = next(c for c in made["spec"]["containers"] if c["name"] == "agent")["command"]
        script = script.replace(CONTROL_FOLDER, str(self.control)).replace("/dev/termination-log", str(self.log))
        self.process = subprocess.Popen(
            [shell, flag, script, "agent", *(agent or AGENT)],
            stdin=subprocess.DEVNULL,
            env={"AGENT_HOME": str(self.home), "PATH": "/usr/bin:/bin", WAITS: "yes", "PYTHONPATH": str(ROOT)},
        )

    def until(self, reached: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not reached():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def loaded(self) -> int:
        """The process of the agent, once it runs."""
        file = self.home / "loaded"
        self.until(lambda: file.exists() and file.read_text().strip())
        return int(file.read_text())


def test_an_agent_is_loaded_while_the_plugins_container_is_made_and_begins_when_it_is_there(tmp_path: Path) -> None:
    container = Container(tmp_path)
    container.loaded()
    assert not (container.home / "begun-with").exists()
    (container.control / "ready").touch()
    assert container.process.wait(20) == 0
    assert (container.home / "begun-with").read_text() == "begin\n"
    assert container.log.read_text() == "7\n"
    assert (container.home / "tasks" / "7").stat().st_mode & 0o055 == 0o055


def test_an_agent_that_is_started_again_begins_at_once(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "begun").touch()
    container = Container(tmp_path)
    assert container.process.wait(20) == 0
    assert (container.home / "begun-with").exists()


def test_a_pod_that_is_ended_before_its_plugin_is_there_ends_its_agent(tmp_path: Path) -> None:
    container = Container(tmp_path)
    agent = container.loaded()
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(20) == 0
    assert container.log.read_text() == "143\n"
    assert not (container.home / "begun-with").exists()
    container.until(lambda: not Path(f"/proc/{agent}").exists())


def test_an_agent_that_runs_is_told_that_its_pod_ends(tmp_path: Path) -> None:
    hears = "import signal, sys; signal.signal(signal.SIGUSR2, lambda *_: sys.exit(9)); sys.stdin.readline()"
    container = Container(tmp_path, sys.executable, "-c", f"{hears}; open('began', 'w').close(); signal.pause()")
    (container.control / "ready").touch()
    container.until((container.home / "began").exists)
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(20) == 0
    assert container.log.read_text() == "9\n"


def test_our_agent_waits_for_that_word_alone(tmp_path: Path) -> None:
    waits = "open('loaded', 'w').write('1'); from agent.clusters.in_pod import wait_to_begin; wait_to_begin()"
    container = Container(tmp_path, sys.executable, "-c", f"{waits}; open('began', 'w').close()")
    container.until((container.home / "loaded").exists)
    assert not (container.home / "began").exists()
    (container.control / "ready").touch()
    assert container.process.wait(20) == 0
    assert (container.home / "began").exists()
    assert container.log.read_text() == "0\n"
