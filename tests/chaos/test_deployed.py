"""Clients ask a deployed model while its process, its agent and the web are killed by a seeded plan.

Each question is answered with the answer to its own image, refused with a sentence, or cut off by the death of the web.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import TaskStatus
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from agent.task_options import RequestedOptions
from tests.chaos.asking import Clients
from tests.chaos.audit import audit, end_runs_of
from tests.support.inputs import ROOT, SERVED, Cli, write_model
from tests.support.tasks import queue_task
from tests.support.web_server import TOKEN

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

CLIENTS = 16
PLAN = ("model", "web", "agent", "model", "agent", "web", "model")


class Installed:
    """A web, an agent and a deployed model, whose processes can be killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.settings = Settings(home=folder / "home", engine="process", web_port=port)
        self.settings.home.mkdir()
        self.installation = Installation(
            open_store(self.settings.store), open_artifacts(self.settings.artifacts), self.settings
        )
        self.store = self.installation.store
        self._env = {
            **Cli.clean_env(),
            "AGENT_HOME": str(self.settings.home),
            "AGENT_ENGINE": "process",
            "AGENT_WEB_PORT": str(port),
            "AGENT_TOKEN": TOKEN,
            "AGENT_MODELS_BRIDGE": "false",
        }
        self.log = folder / "processes.log"
        self._log = self.log.open("ab")
        model = library.add_model(self.store, self.installation.artifacts, write_model(folder / "start"))
        self.task = queue_task(
            self.installation,
            type="deploy",
            plugin=library.add_plugin_folder(self.store, SERVED, "local"),
            model=model,
            options=RequestedOptions(restarts=20),
        )
        self.infer = f"http://127.0.0.1:{port}/api/models/{model.id}/infer"
        self.deaths_of_web = 0
        self.web, self.agent = self._start("up", "--no-agent"), self._start("run")

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "agent.cli", *command],
            env=self._env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=ROOT,
        )  # fmt: skip

    def kill(self, what: str) -> None:
        """The next one starts at once; the model is started again by the agent."""
        if what == "web":
            self.deaths_of_web += 1
            self.web.kill()
            self.web.wait()
            self.web = self._start("up", "--no-agent")
        elif what == "agent":
            self.agent.kill()
            self.agent.wait()
            self.agent = self._start("run")
        else:
            container = self.store.tasks.get(self.task.id).container_id
            pid = self.settings.home / "processes" / str(container) / "pid"
            with suppress(OSError, ValueError, psutil.Error):  # between two starts there is none
                for child in psutil.Process(int(pid.read_text())).children(recursive=True):
                    child.kill()

    def close(self) -> None:
        for process in (self.agent, self.web):
            process.send_signal(signal.SIGTERM)
        for process in (self.agent, self.web):
            process.wait(60)
        self._log.close()
        self.store.close()


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    started = Installed(tmp_path)
    yield started
    for process in (started.agent, started.web):
        process.kill()
        process.wait()
    end_runs_of(tmp_path)


def _until(what: str, reached: Callable[[], bool], limit_s: float = 30.0) -> None:
    end = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_whatever_is_killed_every_question_is_answered_or_refused_and_the_model_comes_back(
    installed: Installed,
) -> None:
    chance = random.Random(7)
    store, task = installed.store, installed.task
    _until("the model is deployed", lambda: store.tasks.get(task.id).status is TaskStatus.DEPLOYED)
    clients = Clients(installed.infer, TOKEN, CLIENTS, may_be_cut_off=lambda: installed.deaths_of_web > 0)
    try:
        for victim in PLAN:
            before = clients.answered
            _until(
                f"answers before the death of the {victim}: {clients.outcomes}",
                lambda least=before + CLIENTS: clients.answered >= least,  # type: ignore[misc]
            )
            time.sleep(chance.uniform(0.0, 0.4))  # any instant of the work
            installed.kill(victim)
        before = clients.answered
        _until(f"answers at the end: {clients.outcomes}", lambda: clients.answered >= before + 2 * CLIENTS)
    finally:
        clients.end()
    assert clients.problems == []

    assert store.tasks.get(task.id).attempt == 1 + PLAN.count("model")
    store.tasks.request_stop(task.id)
    _until("the task has stopped", lambda: store.tasks.get(task.id).status.is_final)
    assert store.tasks.get(task.id).reason == "stopped_by_user"
    engine = installed.installation.open_engine("process", installed.settings)
    assert audit(installed.installation, [engine]) == []
    installed.close()
    assert b"Traceback" not in installed.log.read_bytes()
