"""The protocol of original agents, used by one that is hostile or faulty: only its own tasks feel it."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from agent.domain import TaskStatus
from agent.errors import Conflict, StoreBusy
from agent.events.lines import LINE_LIMIT
from agent.store import Store
from agent.store.tokens import KEYS
from tests.integration.web.test_agent_rpc import API, call, plugin_lines, queue, with_key
from tests.support.demo_store import Library
from tests.support.original_agent import OriginalAgent, TaskLog
from tests.support.web_server import Server
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.originals import Originals
from web_stub.agent_rpc.traffic import CALLS, STREAMS


@pytest.fixture
def log(person: httpx2.Client, library: Library, agent: OriginalAgent) -> TaskLog:
    """Of a task that the agent has and has not begun."""
    log = TaskLog(queue(person, library))
    agent.next_task()
    return log


def its_lines(store: Store, log: TaskLog) -> list[str]:
    return plugin_lines(store, store.tasks.get(log.task_id))


# ---------------------------------------------------------------- lines, once each


def test_text_that_comes_again_counts_once(store: Store, agent: OriginalAgent, log: TaskLog) -> None:
    agent.log(*log.begun())
    text = [log.text("epoch 1"), log.text("epoch 1")]
    agent.log(*text)
    agent.log(*text)
    assert its_lines(store, log) == ["epoch 1", "epoch 1"]
    agent.log(log.text("epoch 1"))
    assert len(its_lines(store, log)) == 3, "a plugin may print the same at another time"


@pytest.mark.parametrize("is_other_web", [False, True])
def test_lines_that_come_again_behind_those_of_another_process_count_once(
    store: Store, agent: OriginalAgent, log: TaskLog, start_server: Callable[..., Server], is_other_web: bool
) -> None:
    agent.log(*log.begun())
    lost, between = [log.metrics(1, loss=1.0), log.text("x")], [log.line("from the main process")]
    agent.log(*lost)
    agent.log(*between)
    again = OriginalAgent(start_server().url, agent.http.headers["x-token"]) if is_other_web else agent
    again.log(*lost)
    again.log(*between)
    assert len(its_lines(store, log)) == 3
    (series,) = store.metrics.series(log.task_id)
    assert series.count == 1
    again.close()


def test_lines_that_two_webs_take_at_once_are_kept(
    store: Store, agent: OriginalAgent, log: TaskLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, refusals = store.events.append, iter([True, True, False])

    def refusing(*given: Any, **more: Any) -> None:
        if next(refusals, False):
            raise Conflict("events of another web have these numbers")
        append(*given, **more)

    monkeypatch.setattr(store.events, "append", refusing)
    agent.log(*log.begun())
    assert store.tasks.get(log.task_id).status is TaskStatus.STARTED


# ---------------------------------------------------------------- what lines say


def test_an_end_without_a_start_is_an_end(store: Store, agent: OriginalAgent, log: TaskLog) -> None:
    agent.log(*log.ended())
    assert store.tasks.get(log.task_id).status is TaskStatus.FINISHED


def test_no_line_and_no_reason_is_longer_than_others(store: Store, agent: OriginalAgent, log: TaskLog) -> None:
    agent.log(*log.begun(), log.text("x" * (3 << 20)), log.line("y" * (3 << 20)))
    agent.log(*log.ended("TASK_CRASHED", "fatal", exc_str="z" * (3 << 20)))
    task = store.tasks.get(log.task_id)
    assert (task.status, task.reason) == (TaskStatus.ERROR, "original_agent"), "what it says counts all the same"
    assert task.message is not None
    assert len(task.message) < 1200
    lines = [event.raw for event in store.events.each(log.task_id)]
    assert max(map(len, lines)) < LINE_LIMIT + 100
    assert sum("line too long" in line for line in lines) == 3


@pytest.mark.parametrize("code", ["9" * 5000, "9" * 12, "-1", "٣"])
def test_an_exit_code_that_is_none_ends_the_task(store: Store, agent: OriginalAgent, log: TaskLog, code: str) -> None:
    said = f"Task container finished with non-zero status: {{'StatusCode': {code}}}"
    agent.log(*log.begun(), *log.ended("TASK_CRASHED", "fatal", exc_str=said))
    task = store.tasks.get(log.task_id)
    assert (task.status, task.exit_code) == (TaskStatus.ERROR, None)


def test_a_flood_about_tasks_of_others_is_one_warning(
    store: Store, agent: OriginalAgent, log: TaskLog, caplog: pytest.LogCaptureFixture
) -> None:
    agent.log(*(TaskLog(task_id).line("x") for task_id in range(10**6, 10**6 + 2000)), *log.begun())
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "does not have" in warnings[0].getMessage()
    assert store.tasks.get(log.task_id).status is TaskStatus.STARTED


def test_the_project_of_another_is_no_result(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    """However new it is."""
    log = TaskLog(queue(person, library, "inference"))
    agent.next_task()
    agent.log(*log.begun())
    made = call(person, "projects.add", workspaceId=1, name="of a person", description="")
    agent.log(log.line("PROJECT_CREATED", "PROJECT_CREATED", project_id=made["id"]), *log.ended())
    assert store.tasks.get(log.task_id).result_project_id is None


# ---------------------------------------------------------------- keys of tasks


def test_the_key_of_a_task_changes_what_its_task_has_made_and_nothing_else(
    server: Server, person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    other = queue(person, library, for_agent=False)
    queue(person, library, "inference")
    of_others = call(person, "models.hash.create", taskId=other)
    before = store.projects.get(library.project_id)
    image = call(person, "images.list", projectId=library.project_id)["entities"][0]
    empty: dict[str, Any] = {"objects": [], "tags": []}
    with with_key(server, agent.next_task()) as key:

        def status(method: str, **body: Any) -> int:
            return key.post(f"{API}/{method}", json=body).status_code

        def upload(word: str) -> int:
            files = {"weights": ("model.tar", b"", "application/x-tar")}
            return key.post(f"{API}/models.upload", data={"hash": word}, files=files).status_code

        changes = {
            "projects.meta.update": {"id": library.project_id, "meta": {"classes": [], "tags": []}},
            "datasets.add": {"projectId": library.project_id, "name": "mine"},
            "images.bulk.add": {
                "datasetId": image["datasetId"],
                "images": [{"title": "mine.png", "hash": image["hash"]}],
            },
            "annotations.bulk.add": {"annotations": [{"imageId": image["id"], "annotation": empty}]},
            "models.hash.create": {"taskId": other},
        }
        for method, body in changes.items():
            assert status(method, **body) == 403, method
        files = {"weights": ("model.tar", b"x" * 10_240, "application/x-tar")}
        assert key.post(f"{API}/models.upload", data={"hash": of_others["hash"]}, files=files).status_code in (400, 403)
        assert store.projects.get(library.project_id) == before
        assert not store.models.reserved(of_others["hash"]).sha256

        made = call(key, "projects.add", workspaceId=1, name="its own", description="")
        call(key, "projects.meta.update", id=made["id"], meta={"classes": [], "tags": []})
        dataset = call(key, "datasets.add", projectId=made["id"], name="ds")
        new = [{"title": "a.png", "hash": image["hash"]}]
        added = call(key, "images.bulk.add", datasetId=dataset["id"], images=new)
        call(key, "annotations.bulk.add", annotations=[{"imageId": added[0]["id"], "annotation": empty}])


def test_a_task_has_few_keys_however_often_an_agent_asks(
    server: Server, store: Store, agent: OriginalAgent, log: TaskLog
) -> None:
    secrets = [store.tokens.create_for_task(log.task_id) for _ in range(KEYS + 5)]
    assert [store.tokens.find(secret) is not None for secret in secrets] == [False] * 5 + [True] * KEYS


# ---------------------------------------------------------------- traffic


def test_more_streams_than_an_agent_needs_break_the_oldest_off(agent: OriginalAgent) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(agent.stream("GetStopTask", api.Id)) for _ in range(STREAMS + 3)]
        for stream in streams[:3]:
            with pytest.raises(httpx2.TransportError):
                list(stream)
        for stream in streams[3:]:
            assert next(stream) is None


def test_calls_of_an_agent_take_one_thread_and_others_are_answered(
    person: httpx2.Client, agent: OriginalAgent, log: TaskLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, done = [], [], threading.Event()

    def slow(*_: object) -> None:
        running.append(1)
        most.append(len(running))
        done.wait(20)
        running.pop()

    monkeypatch.setattr(Originals, "take_log", slow)
    body = api.LogLines(data=log.begun()).SerializeToString()

    def one(_: int) -> int:
        client = OriginalAgent(str(agent.http.base_url), agent.http.headers["x-token"])
        try:
            return client.post("Log", body).status_code
        finally:
            client.close()

    with ThreadPoolExecutor(60) as pool:
        calls = pool.map(one, range(60))
        try:
            for _ in range(20):
                assert person.get("/api/tasks?limit=1").status_code == 200
        finally:
            done.set()
        assert set(calls) == {200}
    assert max(most) == 1


def test_more_requests_of_an_agent_at_once_than_it_needs_are_refused(
    agent: OriginalAgent, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web_stub.auth.guests.Guests.enter", lambda *_: False)
    answer = agent.post("AgentPing")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def begin(server: Server, agent: OriginalAgent, length: int) -> socket.socket:
    """A call of Log whose body is still to come."""
    where = urlsplit(server.url)
    raw = socket.create_connection((where.hostname or "", where.port or 0), timeout=20)
    head = f"POST /agent/Log HTTP/1.1\r\nHost: {where.netloc}\r\nx-token: {agent.http.headers['x-token']}\r\n"
    raw.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
    return raw


def test_what_a_revoked_token_was_sending_is_not_kept(
    server: Server, store: Store, agent: OriginalAgent, log: TaskLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web_stub.auth.middleware.RECHECK_S", 0.0)
    body = api.LogLines(data=log.begun()).SerializeToString()
    with begin(server, agent, len(body)) as raw:
        raw.sendall(body[:10])
        assert agent.post("AgentPing").status_code == 200
        store.tokens.revoke(next(one.id for one in store.tokens.list() if one.is_agent))
        raw.sendall(body[10:])
        assert raw.recv(100).startswith(b"HTTP/1.1 401")
    assert list(store.events.each(log.task_id)) == []


def test_a_call_that_breaks_off_keeps_nothing_and_says_nothing(
    server: Server, store: Store, agent: OriginalAgent, log: TaskLog, caplog: pytest.LogCaptureFixture
) -> None:
    body = api.LogLines(data=log.begun()).SerializeToString()
    for _ in range(CALLS + 1):
        with begin(server, agent, len(body)) as raw:
            raw.sendall(body[:-1])
    agent.log(*log.begun())  # none of the others keeps its place
    assert store.tasks.get(log.task_id).events_count == len(log.begun())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_flood_of_empty_lines_is_refused_unread(agent: OriginalAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web_stub.agent_rpc.routes.api.LogLines", None)
    assert agent.post("Log", b"\x0a\x00" * 100_000).status_code == 400


def test_a_stream_waits_for_a_store_that_is_busy(
    server: Server,
    store: Store,
    agent: OriginalAgent,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    version, is_busy = store.version, iter([True])

    def busy() -> int:
        if next(is_busy, False):
            raise StoreBusy("another process holds the database")
        return version()

    monkeypatch.setattr(store, "version", busy)
    monkeypatch.setattr("web_stub.agent_rpc.routes.KEEP_ALIVE_S", 0.05)
    with agent.stream("GetStopTask", api.Id) as stops:
        assert [next(stops), next(stops)] == [None, None]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
