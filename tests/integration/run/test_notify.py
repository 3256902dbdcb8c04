"""Messages about ended tasks, sent to a server on this machine."""

from __future__ import annotations

import html
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import agent.notify
import agent.run.telling
from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.errors import BadInput
from agent.installation import Installation
from agent.logs import may_be_written
from agent.notify import Message, Outbox, secrets_of, send
from agent.recorder import Recorder
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from agent.worker.loop import run_forever, run_one
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
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def address(self) -> str:
        return f"json://user:the-secret@127.0.0.1:{self.port}/hook?rto=60&cto=60"


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    hook.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            hook.asked.release()
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
def opened(home: Path, act: object, **settings: str) -> Iterator[tuple[Installation, Callable[[], Task]]]:
    """An installation, and what queues a task in it."""
    home.mkdir()
    made = Settings(home=home, **settings)  # type: ignore[arg-type]
    with open_store(made.store) as store:
        artifacts = open_artifacts(made.artifacts)
        installation = Installation(store, artifacts, made, lambda *_: FakeEngine(act))  # type: ignore[arg-type]
        library.add_plugin_folder(store, ODD, "local")
        library.add_project(store, artifacts, write_project(home / "fruit"))
        library.add_model(store, artifacts, write_model(home / "start"))

        def queue() -> Task:
            return tasks.queue_task(installation, plugin=1, project=1, model=1, name="net", config={"a": 1, "b": 1})

        yield installation, queue


@contextmanager
def ended(home: Path, act: object, **settings: str) -> Iterator[tuple[TaskStatus, Installation]]:
    with opened(home, act, **settings) as (installation, queue):
        yield run_one(installation, queue().id, Shutdown()).status, installation


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


def test_a_condition_that_comes_true_is_told_once_while_the_task_runs(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.run.telling, "_LOOK_S", 0.01)

    def reaches(folder: Path) -> Iterator[object]:
        yield metrics(1, "val", mean_iou=0.75)
        yield metrics(2, "val", mean_iou=0.85)
        assert hook.asked.acquire(timeout=60), "told while the plugin runs"
        yield metrics(3, "val", mean_iou=0.5)
        yield metrics(4, "val", mean_iou=0.95)
        yield from good(folder)

    when = "metrics.val.mean_iou > 0.8"
    with ended(tmp_path / "home", reaches, notify=hook.address, notify_when=when, notify_on="error") as (
        _,
        installation,
    ):
        (note,) = installation.store.events.each(1, event_type="CONDITION_MET")
        assert note.message == f"{when}: people are told"
    (told,) = hook.told
    assert (told["title"], told["type"]) == (f"Task 1 reached {when}: net", "info")
    assert "mean_iou 0.85" in told["message"]


@pytest.mark.parametrize(("limit", "count"), [(0.7, 1), (0.9, 0)])
def test_the_end_of_a_short_task_decides_its_condition(hook: Hook, tmp_path: Path, limit: float, count: int) -> None:
    when = f"metrics.val.mean_iou@max > {limit} and metrics.val.other is None"
    with ended(tmp_path / "home", good, notify=hook.address, notify_when=when, notify_on="error") as (_, installation):
        *_, last = installation.store.events.each(1)
        assert last.event_type == "TASK_FINISHED"
    assert len(hook.told) == count


def test_an_agent_that_goes_on_with_a_task_does_not_tell_again(hook: Hook, tmp_path: Path) -> None:
    with opened(tmp_path / "home", good, notify=hook.address, notify_when="status != None") as (installation, queue):
        task = queue()
        recorder = Recorder(installation.store, task.id, lines_read=0, last_seq=0, log_path=tmp_path / "log.txt")
        recorder.note("by an agent before", event_type="CONDITION_MET")
        run_one(installation, task.id, Shutdown())
    assert [told["title"] for told in hook.told] == ["Task 1 finished: net"]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("metrics.val.iou", "alone is no condition"),
        ("metrics.val.iou@10 > 1", "nothing is sorted, filtered or grouped"),
        ("loss < ", "AGENT_NOTIFY_WHEN"),
    ],
)
def test_a_condition_that_is_none_is_refused_before_a_task_runs(tmp_path: Path, when: str, said: str) -> None:
    cli = Cli(tmp_path / "home", {"AGENT_NOTIFY_WHEN": when})
    for command in ("run", "notify"):
        assert said in cli.run(command, code=2).stderr
    assert said in cli.run("doctor", code=None).stdout


@pytest.mark.parametrize(("act", "count"), [(good, 0), (bad, 1)])
def test_only_the_ends_that_are_wanted_are_told(hook: Hook, tmp_path: Path, act: object, count: int) -> None:
    with ended(tmp_path / "home", act, notify=hook.address, notify_on="error, stopped"):
        assert len(hook.told) == count


def test_a_service_that_hangs_keeps_no_task_from_its_slot_and_no_process_from_its_end(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.may_answer.clear()
    before = set(threading.enumerate())
    with opened(tmp_path / "home", good, notify=hook.address) as (installation, queue):
        first, second, shutdown = queue(), queue(), Shutdown()
        with ThreadPoolExecutor(1, thread_name_prefix="agent") as pool:
            agent = pool.submit(run_forever, installation, shutdown, parallel=1)
            while not installation.store.tasks.get(second.id).status.is_final:
                installation.store.wait_for_change(10)
            for _ in (first, second):
                assert hook.asked.acquire(timeout=60)
            sending = [thread for thread in set(threading.enumerate()) - before if thread.name == "notify"]
            assert len(sending) == 2
            assert all(thread.daemon for thread in sending)
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
            monkeypatch.setattr(installation.outbox, "wait", lambda: waited.append(True))
            waited: list[bool] = []
            shutdown.leave()
            assert agent.result(60) == []
        assert waited == [True]
        hook.may_answer.set()


def test_the_end_of_an_agent_waits_for_its_messages_for_a_while(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.may_answer.clear()
    outbox = Outbox()
    outbox.announce(hook.address, Message("a", "b"))
    assert hook.asked.acquire(timeout=60)
    waiting = threading.Thread(target=outbox.wait)
    waiting.start()
    assert waiting.is_alive()
    hook.may_answer.set()
    waiting.join(60)
    assert not waiting.is_alive()

    monkeypatch.setattr(agent.notify, "SEND_S", 0.0)
    hook.may_answer.clear()
    outbox.announce(hook.address, Message("a", "b"))
    outbox.wait()  # comes back although nobody has answered


def test_messages_that_nobody_takes_do_not_gather(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    hook.may_answer.clear()
    outbox = Outbox()
    for _ in range(agent.notify._MOST + 2):
        outbox.announce(hook.address, Message("a", "b"))
    assert caplog.text.count("no message is sent: 16 earlier ones are still on their way") == 2
    hook.may_answer.set()
    outbox.wait()
    outbox.announce(hook.address, Message("the last", "b"))
    outbox.wait()
    assert hook.told[-1]["title"] == "the last"


def test_a_service_that_refuses_changes_nothing_and_no_part_of_its_address_is_logged(
    hook: Hook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = 500
    caplog.handler.addFilter(may_be_written)
    caplog.set_level(logging.DEBUG)
    address = hook.address.replace("/hook", "/path-token") + "&+X-Auth=header-token"
    with ended(tmp_path / "refuses", good, notify=address) as (status, installation):
        assert status is TaskStatus.FINISHED
        assert installation.store.tasks.get(1).reason == "finished"
    assert "no message to address 1 (JSON) of AGENT_NOTIFY" in caplog.text
    assert not [part for part in (*secrets_of(address), str(hook.port)) if part in caplog.text]


def test_an_address_of_no_known_form_is_named_by_its_number() -> None:
    with pytest.raises(BadInput, match="address 2 of AGENT_NOTIFY is of no known form") as refused:
        send("json://127.0.0.1:1/x the-secret", Message("a", "b"))
    assert "the-secret" not in str(refused.value)


@pytest.mark.parametrize("form", ["", "&format=html", "&format=markdown"])
def test_a_message_is_plain_text_in_any_form(hook: Hook, form: str) -> None:
    text = "train with local/<net> & *a* on `b`_c_"
    assert send(hook.address + form, Message("t", text)) == [("address 1 (JSON)", "")]
    (told,) = hook.told
    shown = {
        "": lambda said: said,
        "&format=html": lambda said: html.unescape(said).replace("\xa0", " "),
        "&format=markdown": lambda said: said.replace("\\", ""),
    }
    assert shown[form](told["message"]) == text
    assert "<net>" not in told["message"] or form != "&format=html"


def test_the_command_tries_every_address_and_says_which_failed(hook: Hook, tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {"AGENT_NOTIFY": hook.address})
    assert "sent" in cli.run("notify", "hello").stdout
    assert [told["message"] for told in hook.told] == ["hello"]
    hook.status = 503
    failed = cli.run("notify", code=1)
    assert "address 1 (JSON)  the service did not take the message" in failed.stdout
    assert "the-secret" not in failed.stdout + failed.stderr
    assert "no addresses are set" in Cli(tmp_path / "home", {}).run("notify", code=2).stderr


def test_a_refused_setting_does_not_quote_its_addresses(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {})
    cli.home.mkdir()
    (cli.home / "agent.toml").write_text('notify = ["json://ada:hunter2@host"]\n')
    for command, code in (("notify", 2), ("doctor", None)):
        said = cli.run(command, code=code)
        assert "notify" in said.stdout + said.stderr
        assert "hunter2" not in said.stdout + said.stderr


def test_an_end_that_does_not_exist_is_refused_with_the_names_that_do(tmp_path: Path) -> None:
    refused = Cli(tmp_path / "home", {"AGENT_NOTIFY_ON": "finished,done"}).run("task", "list", code=2)
    assert "'done' is no end of a task; write some of finished, error, stopped" in refused.stderr
