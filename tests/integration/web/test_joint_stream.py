"""Many streams in one connection: complete, resumable behind what is known, and none in the way of another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.support.demo_store import fill_library, finish, new_task, start, train
from tests.support.sse import read_messages
from tests.support.web_server import TOKEN
from web_stub.auth import middleware


class Said(NamedTuple):
    stream: int
    mark: str
    event: str
    id: int | None
    data: Any


class Joint:
    """A reader of one connection that carries several streams."""

    def __init__(self, client: httpx2.Client, *places: dict[str, Any], key: str = TOKEN) -> None:
        self.context = client.stream("POST", "/api/stream", json={"streams": places}, headers={"x-api-key": key})
        self.response = self.context.__enter__()
        assert self.response.status_code == 200
        self.messages = self._read()

    def _read(self) -> Iterator[Said]:
        for event, id_, (head, data) in read_messages(self.response.iter_lines()):
            stream, mark = head.split(" ")
            yield Said(int(stream), mark, event, id_, json.loads(data))

    def until(self, wanted: str, stream: int) -> list[Said]:
        seen = []
        for message in self.messages:
            seen.append(message)
            if (message.event, message.stream) == (wanted, stream):
                return seen
        raise AssertionError(f"the connection ended without {wanted} of {stream}: {[one[:3] for one in seen]}")

    def close(self) -> None:
        self.context.__exit__(None, None, None)


@pytest.fixture
def library(store, artifacts):
    return fill_library(store, artifacts)


@pytest.fixture
def story(store, library):
    return start(store, new_task(store, library, "fruit"))


def seqs(messages: list[Said], stream: int) -> list[int]:
    return [
        event["seq"] for one in messages if (one.stream, one.event) == (stream, "batch") for event in one.data["events"]
    ]


def address(story) -> str:
    return f"tasks/{story.task_id}/stream"


def test_one_connection_brings_tasks_and_lists_and_ends_with_the_last_of_its_streams(
    start_server, store, library, story, artifacts
):
    other = start(store, new_task(store, library, "other"))
    train(story, artifacts, epochs=3)
    finish(story)
    with start_server().client() as client:
        joint = Joint(client, {"address": address(story)}, {"address": address(other)}, {"address": "stream?limit=1"})
        seen = joint.until("end", 0)
        seen += joint.until("cards", 2) if "cards" not in {one.event for one in seen} else []
        other.say("still going")
        other.flush()
        seen += joint.until("batch", 1) if seqs(seen, 1) != list(range(1, other.seq + 1)) else []
        joint.close()
        finish(other)
        rest = Joint(client, {"address": address(other), "after": other.seq - 1}, {"address": address(story)})
        all_of_it = list(rest.messages)

    assert seqs(seen, 0) == list(range(1, story.seq + 1))
    assert {"cards"} == {one.event for one in seen if one.stream == 2}
    assert seqs(all_of_it, 0) == [other.seq]
    assert [one.stream for one in all_of_it if one.event == "end"] in ([0, 1], [1, 0])


def test_who_sends_marks_back_gets_only_what_has_changed_since(start_server, store, library, story, artifacts):
    train(story, artifacts, epochs=2)
    with start_server().client() as client:
        first = Joint(client, {"address": address(story)}, {"address": "stream"}, {"address": "models/stream"})
        seen = [next(first.messages)]
        while {one.stream for one in seen} != {0, 1, 2} or seqs(seen, 0)[-1:] != [story.seq]:
            seen.append(next(first.messages))
        marks = {one.stream: one.mark for one in seen}
        places = [
            {"address": address(story), "after": story.seq, "mark": marks[0]},
            {"address": "stream", "mark": marks[1]},
            {"address": "models/stream", "mark": marks[2]},
        ]
        again = Joint(client, *places)  # while the first is open still, as browsers do
        first.close()
        story.progress("Model training: ", 5, 10)
        story.flush()
        news = again.until("batch", 0)
        again.close()

    assert seqs(news, 0) == [story.seq]
    for one in news:
        if one.event == "state":
            assert one.data["checkpoints"] == []
            assert one.data["series"] == []
    assert all(one.stream != 2 for one in news), "no model has changed"


def test_a_mark_of_another_feed_means_nothing(start_server, story):
    with start_server().client() as client:
        places = [
            {"address": "stream", "mark": mark} for mark in ("", "abc.1", "x", "abcdef012345.99999999999999999999")
        ]
        joint = Joint(client, *places)
        got = {one.stream: one for one in (next(joint.messages) for _ in places)}
        joint.close()

    assert [card["id"] for index in range(4) for card in got[index].data["cards"]] == [story.task_id] * 4


WRONG = {
    "tasks/99/stream": (404, "task"),
    "tasks/x/stream": (404, "no stream at 'tasks/x/stream'"),
    "tasks/0/stream": (404, "no stream"),
    "../login": (404, "no stream at"),
    "stream?limit=0": (400, "limit"),
    "stream?status=gone": (400, "status"),
    "models/stream?cursor=2&sort=name": (400, "cursor"),
    "stream?" + "&".join(f"a{n}=1" for n in range(200)): (400, "query"),
}


def test_a_stream_that_cannot_be_given_is_refused_and_the_others_go_on(start_server, story):
    good = [address(story), "stream?status=started&status=queued"]
    with start_server().client() as client:
        joint = Joint(client, *[{"address": one} for one in (*WRONG, *good)])
        seen: dict[int, Said] = {}
        while len(seen) < len(WRONG) + len(good):
            one = next(joint.messages)
            seen.setdefault(one.stream, one)
        story.say("more")
        story.flush()
        joint.until("batch", len(WRONG))
        joint.close()

    for index, (status, said) in enumerate(WRONG.values()):
        assert seen[index].event == "refused"
        assert seen[index].data["status"] == status
        assert said in seen[index].data["error"]
    assert [card["id"] for card in seen[len(WRONG) + 1].data["cards"]] == [story.task_id]


def test_a_connection_ends_when_its_token_is_revoked(start_server, store, story, monkeypatch):
    monkeypatch.setattr(middleware, "RECHECK_S", 0.0)
    token, secret = store.tokens.create("watcher")
    with start_server().client() as client:
        joint = Joint(client, {"address": address(story)}, {"address": "stream"}, key=secret)
        next(joint.messages)
        store.tokens.revoke(token.id)
        story.say("news")
        story.flush()

        assert all(one.event != "end" for one in joint.messages)  # it ends by itself, at the next message
        assert client.post(
            "/api/stream", json={"streams": [{"address": "stream"}]}, headers={"x-api-key": secret}
        ).is_error


def test_open_streams_are_counted_until_their_clients_have_gone(start_server, story):
    def count(client: httpx2.Client) -> float:
        lines = client.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("supervisely_event_streams "))

    with start_server().client() as client:
        assert count(client) == 0
        joint = Joint(client, *[{"address": "stream"}, {"address": address(story)}] * 10)
        next(joint.messages)
        assert count(client) == 1
        joint.close()
        story.say("news, which no client takes")
        story.flush()
        while count(client):
            pass


@pytest.mark.parametrize("body", [{}, {"streams": []}, {"streams": [{"address": "stream", "since": 1}]}])
def test_a_question_without_streams_is_refused(site, body):
    assert site.client.post("/api/stream", json=body).status_code == 400
