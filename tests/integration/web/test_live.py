"""Event streams, over real connections: complete, in order, resumable, ended cleanly."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from agent.domain import Step, TaskStatus
from agent.errors import AgentError
from tests.support.demo_store import fill_library, finish, new_task, start, train
from tests.support.sse import read_messages
from tests.support.web_server import TOKEN, Server


@pytest.fixture
def story(store, artifacts):
    return start(store, new_task(store, fill_library(store, artifacts), "fruit"))


class Stream:
    """A reader of one stream; messages as (event, id, data)."""

    def __init__(self, client: httpx2.Client, path: str, **headers: str) -> None:
        self.context = client.stream("GET", path, headers=headers)
        self.response = self.context.__enter__()
        assert self.response.status_code == 200
        assert self.response.headers["content-type"].startswith("text/event-stream")
        self.messages = self._read()

    def _read(self) -> Iterator[tuple[str, int | None, Any]]:
        for event, id_, (data,) in read_messages(self.response.iter_lines()):
            yield event, id_, json.loads(data, parse_constant=pytest.fail)

    def until(self, wanted: str) -> list[tuple[str, int | None, Any]]:
        seen = []
        for message in self.messages:
            seen.append(message)
            if message[0] == wanted:
                return seen
        raise AssertionError(f"the stream ended without {wanted}: {[m[0] for m in seen]}")

    def close(self) -> None:
        self.context.__exit__(None, None, None)


def seqs(messages) -> list[int]:
    return [event["seq"] for name, _, data in messages if name == "batch" for event in data["events"]]


def test_a_stream_brings_every_event_in_order_and_ends_with_the_task(start_server, story, artifacts):
    train(story, artifacts, epochs=20, per_epoch=200)
    finish(story)
    with start_server().client() as client:
        messages = Stream(client, f"/api/tasks/{story.task_id}/stream").until("end")

    assert seqs(messages) == list(range(1, story.seq + 1))
    batches = [message for message in messages if message[0] == "batch"]
    assert len(batches) > 3
    assert all(id_ == data["events"][-1]["seq"] for _, id_, data in batches)
    assert messages[0][2]["task"]["status"] == "finished"


def test_the_points_of_a_stream_are_the_points_printed(start_server, story, artifacts):
    train(story, artifacts, epochs=3, nan_at=5)
    finish(story)
    with start_server().client() as client:
        messages = Stream(client, f"/api/tasks/{story.task_id}/stream").until("end")
        served = client.get(f"/api/tasks/{story.task_id}/points").json()["series"]
    streamed: dict[int, list[Any]] = {}
    for name, _, data in messages:
        for part in data["points"] if name == "batch" else ():
            streamed.setdefault(part["series"], []).extend(zip(part["epoch"], part["value"], strict=True))

    assert streamed == {one["id"]: list(zip(one["x"], one["y"], strict=True)) for one in served}


def test_what_is_printed_while_a_client_listens_arrives(start_server, story):
    with start_server().client() as client:
        stream = Stream(client, f"/api/tasks/{story.task_id}/stream?after={story.seq}")
        assert stream.until("state")[-1][2]["task"]["status"] == "started"
        for i in range(5):
            seq = story.metrics("train", i + 1, loss=0.5)
            story.flush()
            message = stream.until("batch")[-1]

            assert message[1] == seq
            assert message[2]["points"][0]["value"] == [0.5]
        stream.close()


def test_a_broken_stream_goes_on_behind_the_last_id(start_server, story, artifacts):
    train(story, artifacts, epochs=2)
    path = f"/api/tasks/{story.task_id}/stream"
    with start_server().client() as client:
        first = Stream(client, path)
        got = first.until("batch")
        first.close()
        story.say("between the connections")
        finish(story)
        rest = Stream(client, path, **{"Last-Event-ID": str(got[-1][1])}).until("end")
        both = Stream(client, path + "?after=3", **{"Last-Event-ID": str(story.seq - 1)}).until("end")

    assert seqs(got) + seqs(rest) == list(range(1, story.seq + 1))
    assert seqs(both) == [story.seq]


def test_state_follows_the_task_to_its_end(start_server, story, store):
    with start_server().client() as client:
        stream = Stream(client, f"/api/tasks/{story.task_id}/stream?after={story.seq}")
        stream.until("state")
        story.progress("Model training: ", 5, 10)
        story.flush()
        assert stream.until("state")[-1][2]["progress"][-1]["current"] == 5
        store.tasks.set_step(story.task_id, Step.UPLOAD)
        store.tasks.become(story.task_id, TaskStatus.FINISHED, reason="finished")
        messages = stream.until("end")

    assert [m[2]["task"]["status"] for m in messages if m[0] == "state"][-1] == "finished"


def test_many_clients_of_one_task_all_receive_everything(start_server, story):
    clients, events = 30, 600
    got: list[list[int]] = []
    listening = threading.Barrier(clients + 1)

    def listen(url: str) -> None:
        with httpx2.Client(base_url=url, headers={"x-api-key": TOKEN}, timeout=60) as client:
            stream = Stream(client, f"/api/tasks/{story.task_id}/stream")
            stream.until("batch")
            listening.wait(30)
            got.append(seqs(stream.until("end")))

    server = start_server()
    first = story.seq
    threads = [threading.Thread(target=listen, args=(server.url,)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    listening.wait(30)
    for i in range(events):
        story.metrics("train", i + 1, loss=1 / (i + 1))
        if i % 20 == 0:
            story.flush()
    finish(story)
    for thread in threads:
        thread.join(60)

    assert got == [list(range(first + 1, story.seq + 1))] * clients


def test_the_list_stream_brings_new_and_changed_tasks(start_server, story, store):
    with start_server().client() as client:
        stream = Stream(client, "/api/stream")
        assert [card["id"] for card in stream.until("cards")[-1][2]["cards"]] == [story.task_id]
        added = new_task(store, _library(store), "second")
        changed = stream.until("cards")[-1][2]
        assert [card["name"] for card in changed["cards"]] == ["second"]
        assert changed["ids"] == [added.id, story.task_id]
        client.post(f"/api/tasks/{added.id}/stop")
        assert stream.until("cards")[-1][2]["cards"][0]["status"] == "stopped"
        stream.close()


def _library(store):
    from tests.support.demo_store import Library

    return Library(store.plugins.list()[0].id, store.projects.list()[0].id, store.models.list()[0].id)


def test_the_server_ends_promptly_with_streams_open(start_server, story):
    server = start_server()
    client = server.client()
    streams = [Stream(client, f"/api/tasks/{story.task_id}/stream"), Stream(client, "/api/stream")]
    for stream in streams:
        next(stream.messages)
    threading.Thread(target=server.stop).start()
    for stream in streams:
        assert all(name != "end" for name, _, _ in stream.messages), "a task that is not over does not end"
    server.thread.join(4)

    assert not server.thread.is_alive()
    client.close()


def test_a_session_outlives_the_server_and_a_second_one_cannot_take_the_port(store, artifacts, settings, start_server):
    first = start_server()
    with httpx2.Client(base_url=first.url) as browser:
        browser.get(first.served.login_url, follow_redirects=True)
        port = int(first.url.rpartition(":")[2])
        first.stop()
        fixed = replace(settings, web_port=port)
        second = type(first)(store, artifacts, fixed)
        try:
            assert browser.get("/api/tasks").status_code == 200
            with pytest.raises(Exception, match="AGENT_WEB_PORT"):
                type(first)(store, artifacts, fixed)
        finally:
            second.stop()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"web_host": "0.0.0.0", "token": ""}, "AGENT_TOKEN"), ({"web_host": "no such host"}, "AGENT_WEB_HOST")],
)
def test_an_address_that_cannot_or_should_not_be_served_is_explained(store, artifacts, settings, change, said):
    with pytest.raises(AgentError, match=said):
        Server(store, artifacts, replace(settings, **change))


def test_a_wrong_last_event_id_is_refused(site):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    answer = site.client.get(f"/api/tasks/{story.task_id}/stream", headers={"Last-Event-ID": "x"})

    assert answer.status_code == 400
    assert "'x'" in answer.json()["error"]
