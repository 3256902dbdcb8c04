"""Messages about ended tasks, sent to a server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import agent.notify
from agent import library
from agent.artifacts import open_artifacts
from agent.domain import TaskStatus
from agent.errors import BadInput
from agent.installation import Installation
from agent.notify import Message, send
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from agent.worker.loop import run_one
from tests.support import tasks
from tests.support.fake_engine import FakeEngine, checkpoint, metrics, write_checkpoint
from tests.support.inputs import ODD, Cli, write_model, write_project

pytest.importorskip("apprise")


@dataclass
class Hook:
    """A web hook: what it was told, and how it answers."""

    port: int = 0
    told: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"json://user:the-secret@127.0.0.1:{self.port}/hook"


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    hook.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            hook.may_answer.wait(60)
            self.send_response(hook.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield hook
        hook.may_answer.set()
        server.shutdown()
        thread.join()


@contextmanager
def ended(home: Path, act: object, **settings: str) -> Iterator[tuple[TaskStatus, Installation]]:
    home.mkdir()
    made = Settings(home=home, **settings)  # type: ignore[arg-type]
    with open_store(made.store) as store:
        artifacts = open_artifacts(made.artifacts)
        installation = Installation(store, artifacts, made, lambda *_: FakeEngine(act))  # type: ignore[arg-type]
        library.add_plugin_folder(store, ODD, "local")
        library.add_project(store, artifacts, write_project(home / "fruit"))
        library.add_model(store, artifacts, write_model(home / "start"))
        task = tasks.queue_task(installation, plugin=1, project=1, model=1, name="net", config={"a": 1, "b": 1})
        yield run_one(installation, task.id, Shutdown()).status, installation


def good(folder: Path) -> Iterator[object]:
    yield metrics(1, "val", mean_iou=0.75)
    write_checkpoint(folder / "results", 0)
    yield checkpoint(0)


def bad(folder: Path) -> Iterator[object]:
    yield 3


def test_the_end_of_a_task_is_told_with_its_last_values(hook: Hook, tmp_path: Path) -> None:
    with ended(tmp_path / "home", good, notify=hook.address) as (status, _):
        assert status is TaskStatus.FINISHED
    (told,) = hook.told
    assert (told["title"], told["type"]) == ("Task 1 finished: net", "success")
    assert "mean_iou 0.75" in told["message"]


@pytest.mark.parametrize(("act", "count"), [(good, 0), (bad, 1)])
def test_only_the_ends_that_are_wanted_are_told(hook: Hook, tmp_path: Path, act: object, count: int) -> None:
    with ended(tmp_path / "home", act, notify=hook.address, notify_on="error, stopped"):
        assert len(hook.told) == count


def test_a_service_that_hangs_or_refuses_changes_nothing(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(agent.notify, "SEND_S", 0.2)
    hook.may_answer.clear()
    with ended(tmp_path / "hangs", good, notify=hook.address) as (status, _):
        assert status is TaskStatus.FINISHED
    hook.may_answer.set()
    monkeypatch.setattr(agent.notify, "SEND_S", 60)
    hook.status = 500
    with ended(tmp_path / "refuses", good, notify=hook.address) as (status, installation):
        assert status is TaskStatus.FINISHED
        assert installation.store.tasks.get(1).reason == "finished"
    assert "no message to json://user:****@127.0.0.1" in caplog.text
    assert "the-secret" not in caplog.text


def test_an_address_of_no_known_form_is_named_without_its_secret() -> None:
    with pytest.raises(BadInput, match=r"address 2 of AGENT_NOTIFY \(nowhere:…\) is of no known form") as refused:
        send("json://127.0.0.1:1/x nowhere://user:the-secret@host", Message("a", "b"))
    assert "the-secret" not in str(refused.value)


def test_the_command_tries_every_address_and_says_which_failed(hook: Hook, tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {"AGENT_NOTIFY": hook.address})
    assert "sent" in cli.run("notify", "hello").stdout
    assert [told["message"] for told in hook.told] == ["hello"]
    hook.status = 503
    failed = cli.run("notify", code=1)
    assert "the service did not take the message" in failed.stdout
    assert "the-secret" not in failed.stdout + failed.stderr
    assert "no addresses are set" in Cli(tmp_path / "home", {}).run("notify", code=2).stderr


def test_an_end_that_does_not_exist_is_refused_with_the_names_that_do(tmp_path: Path) -> None:
    refused = Cli(tmp_path / "home", {"AGENT_NOTIFY_ON": "finished,done"}).run("task", "list", code=2)
    assert "'done' is no end of a task; write some of finished, error, stopped" in refused.stderr
