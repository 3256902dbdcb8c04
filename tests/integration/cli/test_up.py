"""`agent up`: a web and an agent that live and die apart, and connections that stop neither."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import httpx2
import psutil
import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import TaskStatus
from agent.fs.open_files import raise_open_files_limit
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import COUNTED, Cli, write_model, write_project
from tests.support.tasks import queue_task

WAIT_S = 60


@dataclass
class Up:
    process: subprocess.Popen[str]
    links: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.changed:
                self.log.append(line)
                self.links += re.findall(r"^open (\S+)", line)
                self.changed.notify_all()

    def wait_for(self, has_come: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(has_come, WAIT_S), "".join(self.log[-30:])

    @property
    def url(self) -> str:
        return self.links[0].partition("/login")[0]

    def child(self, command: str) -> psutil.Process:
        (found,) = [child for child in psutil.Process(self.process.pid).children() if command in child.cmdline()]
        return found


@pytest.fixture
def cli(tmp_path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})


@pytest.fixture
def up(cli) -> Iterator[Up]:
    """`agent up` on a free port, once its link is printed. It ends with 0 after the test, unless the test ended it."""
    process = cli.start("up", "--port", "0")
    started = Up(process)
    reader = threading.Thread(target=started.read)
    reader.start()
    try:
        started.wait_for(lambda: bool(started.links))
        yield started
        if process.poll() is None:
            process.terminate()
            assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def installation(cli) -> Iterator[Installation]:
    settings = Settings(home=cli.home, engine="process")
    cli.home.mkdir(exist_ok=True)
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


@pytest.fixture
def train(installation, tmp_path):
    """Queue a training of so many lines, a hundredth of a second each."""
    store, artifacts = installation.store, installation.artifacts
    plugin = library.add_plugin_folder(store, COUNTED, "local")
    project = library.add_project(store, artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(store, artifacts, write_model(tmp_path / "start"))

    def train(lines: int) -> int:
        config = {"lines": lines, "pause": 0.01, "checkpoint_every": 100}
        return queue_task(installation, plugin=plugin, project=project, model=model, config=config).id

    return train


def ended(installation: Installation, task_id: int) -> TaskStatus:
    until = time.monotonic() + WAIT_S
    while not (task := installation.store.tasks.get(task_id)).status.is_final and time.monotonic() < until:
        installation.store.wait_for_change(1.0)
    return task.status


def test_a_web_that_dies_is_started_again_where_it_was_and_the_training_goes_on(installation, up, train):
    task, agent = train(600), up.child("run").pid

    up.child("web").kill()
    up.wait_for(lambda: len(up.links) == 2)

    assert httpx2.get(up.links[1], timeout=20).status_code == 303
    assert up.links[1].startswith(up.url)
    assert ended(installation, task) is TaskStatus.FINISHED
    assert up.child("run").pid == agent
    assert [line for line in up.log if "the web was ended by SIGKILL; it is started again in 1 s" in line]


def test_an_agent_that_dies_is_started_again_goes_on_with_its_task_and_the_web_never_notices(installation, up, train):
    task, web = train(600), up.child("web").pid
    up.wait_for(lambda: any(f"task {task}: taken" in line for line in up.log))

    up.child("run").kill()
    assert httpx2.get(f"{up.url}/healthz", timeout=20).text == "ok"

    assert ended(installation, task) is TaskStatus.FINISHED
    assert up.child("web").pid == web


def test_an_agent_that_was_told_to_end_ends_all_of_it(up):
    up.child("run").send_signal(signal.SIGTERM)

    assert up.process.wait(30) == 0


def test_both_end_when_it_is_interrupted(up):
    children = psutil.Process(up.process.pid).children()
    up.process.send_signal(signal.SIGINT)

    assert up.process.wait(30) == 0
    assert len(children) == 2
    assert not [child for child in children if child.is_running()]


def test_both_end_when_it_is_killed(up):
    children = psutil.Process(up.process.pid).children()
    up.process.kill()

    assert not psutil.wait_procs(children, timeout=30)[1]


def test_what_keeps_it_from_starting_is_said_once_with_its_code(cli, tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    with taken:
        refused = cli.run("up", "--port", taken.getsockname()[1], code=3)
    assert "is another server running?" in refused.stderr

    nowhere = Cli(tmp_path / "other", {"AGENT_STORE_URL": "sqlite:////proc/nowhere/store.db"})
    failed = nowhere.run("up", "--port", "0", code=5)
    assert failed.stderr.count("agent: ") == 1
    assert "AGENT_TOKEN is not set" in cli.run("up", "--host", "0.0.0.0", "--port", "0", code=2).stderr


@pytest.mark.alone
def test_half_requests_of_a_stranger_keep_nobody_out_and_end_no_training(installation, up, train):
    raise_open_files_limit()  # of this process, which holds them
    task = train(600)
    up.wait_for(lambda: any(f"task {task}: taken" in line for line in up.log))
    host, port = up.url.removeprefix("http://").split(":")
    token = (installation.settings.home / "token").read_text().strip()

    def seconds_of_requests() -> float:
        headers = {"x-api-key": token, "connection": "close"}  # each request connects anew
        with httpx2.Client(base_url=up.url, headers=headers, timeout=20) as client:
            started = time.monotonic()
            for path in ("/healthz", "/api/tasks") * 20:
                assert client.get(path).status_code == 200
            return time.monotonic() - started

    usual_s = seconds_of_requests()
    before = sum(map(len, up.log))
    with ExitStack() as held:
        for _ in range(1100):
            half = held.enter_context(socket.create_connection((host, int(port)), timeout=10))
            with suppress(ConnectionError):  # closed already, to make room
                half.sendall(b"GET /api/tasks HTTP/1.1\r\nHost: ")
        besides_s = seconds_of_requests()
        assert ended(installation, task) is TaskStatus.FINISHED

    assert besides_s < 10 * usual_s
    assert sum(map(len, up.log)) - before < 10_000, "".join(up.log)
