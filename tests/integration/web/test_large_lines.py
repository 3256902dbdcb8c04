"""Lines of a megabyte: pages and streams show their beginnings, downloads bring them whole, memory stays small."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow
from tests.support.demo_store import fill_library, new_task, start

_COUNT, _LONG = 100, 1_000_000
_MEMORY = 60 << 20  # the lines together have 100 MB


@pytest.fixture
def task_id(store, artifacts):
    story = start(store, new_task(store, fill_library(store, artifacts), "fruit"))
    first = story.seq + 1
    for seq in range(first, first + _COUNT):
        text = json.dumps({"message": f"{seq}:" + "é" * 10 + "x" * _LONG, "level": "info"})
        store.events.append(
            story.task_id, [EventRow(seq, parse_line(text, Stream.STDOUT, seq))], lines_read=seq - first + 1
        )
    return story.task_id


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < _MEMORY


def test_a_page_shows_the_beginning_of_each_line_and_says_so(start_server, task_id):
    with start_server().client() as client:
        with little_memory():
            page = client.get(f"/api/tasks/{task_id}/events?limit=10000").json()
        newest = client.get(f"/api/tasks/{task_id}/events?limit=300&newest=true").json()

    lines = [line for line in page["items"] if line["stream"] == "stdout"]
    assert len(lines) == _COUNT
    assert page["next"] is None
    assert all(len(line["message"]) == 16_384 and "characters of this line" in line["parse_error"] for line in lines)
    assert [line["seq"] for line in newest["items"]] == [line["seq"] for line in reversed(page["items"])]


def test_raw_pages_are_cut_by_bytes_and_lead_to_every_line(start_server, task_id):
    after: int | None = 0
    raws: list[int] = []
    pages = 0
    with start_server().client() as client, little_memory():
        while after is not None:
            page = client.get(f"/api/tasks/{task_id}/events?limit=10000&raw=true&after={after}").json()
            raws += [len(line["raw"]) for line in page["items"] if line["stream"] == "stdout"]
            after, pages = page["next"], pages + 1

    assert len(raws) == _COUNT
    assert min(raws) > _LONG
    assert pages > 5


def test_a_stream_brings_every_line_in_messages_of_bounded_size(start_server, store, task_id):
    seqs, largest = [], 0
    with (
        start_server().client() as client,
        little_memory(),
        client.stream("GET", f"/api/tasks/{task_id}/stream") as stream,
    ):
        for line in stream.iter_lines():
            if line.startswith("data: ") and '"events"' in line:
                largest = max(largest, len(line))
                seqs += [event["seq"] for event in json.loads(line.removeprefix("data: "))["events"]]
                if seqs[-1] == store.events.last_seq(task_id):
                    break

    assert seqs == list(range(1, seqs[-1] + 1))
    assert largest < 8 << 20


@pytest.mark.parametrize("path", ["/api/tasks/{}/log", "/public/api/v3/tasks.log.download?id={}"])
def test_the_whole_log_comes_in_constant_memory(start_server, task_id, path):
    received = 0
    with (
        start_server().client() as client,
        little_memory(),
        client.stream("GET", path.format(task_id)) as answer,
    ):
        for chunk in answer.iter_raw():
            received += len(chunk)

    assert received > 0


def test_the_log_of_the_public_api_is_whole_and_of_many_lines_the_newest(site):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    for number in range(10):
        story.say(f"line {number}")
    story.flush()
    log = site.client.get(f"/public/api/v3/tasks.log.download?id={story.task_id}").json()
    newest = site.client.get(f"/public/api/v3/tasks.log.download?id={story.task_id}&limit=3").json()

    assert [line["message"] for line in log][-10:] == [f"line {number}" for number in range(10)]
    assert newest == log[-3:]
    assert site.client.get(f"/public/api/v3/tasks.log.download?id={story.task_id}&limit=1000").json() == log
