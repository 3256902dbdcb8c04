"""Streams: the store is read once for all clients, and messages carry what has changed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from typing import Any

import httpx2
import pytest

from agent.events.model import CheckpointReported
from tests.support.demo_store import Library, fill_library, new_task, start
from tests.support.web_server import TOKEN
from web_stub.feeds import LIST_PERIOD_S, ListFeed, TaskFeed
from web_stub.task_cards import BARS_SHOWN, TaskCards

_CLIENTS = 60


@pytest.fixture
def story(store, artifacts):
    return start(store, new_task(store, fill_library(store, artifacts), "fruit"))


def counting(monkeypatch, target, name):
    """How often a method of the store is called from now on."""
    calls: Counter[str] = Counter()
    original = getattr(target, name)

    def called(*args, **more):
        calls[name] += 1
        return original(*args, **more)

    monkeypatch.setattr(target, name, called)
    return calls


def data_of(text: bytes | None) -> Any:
    assert text is not None
    (line,) = [line for line in text.decode().splitlines() if line.startswith("data: ")]
    return json.loads(line.removeprefix("data: "))


def test_sixty_clients_of_a_list_cost_the_reads_of_one(start_server, store, story, monkeypatch):
    reads = counting(monkeypatch, store.tasks, "search")
    server = start_server()
    listening = threading.Barrier(_CLIENTS + 1)
    seen: list[str] = []

    def listen() -> None:
        with (
            httpx2.Client(base_url=server.url, headers={"x-api-key": TOKEN}, timeout=30) as client,
            client.stream("GET", "/api/stream") as answer,
        ):
            lines = answer.iter_lines()
            next(line for line in lines if line.startswith("data: "))
            listening.wait(30)
            seen.append(next(line for line in lines if '"last"' in line))

    threads = [threading.Thread(target=listen) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    listening.wait(30)
    started = time.monotonic()
    with server.client() as client:
        for step in range(40):
            story.progress("Training", step, 40)
            story.flush()
            assert client.get("/health").status_code == 200
    add_task_named_last(store)
    for thread in threads:
        thread.join(30)
    elapsed = time.monotonic() - started

    assert len(seen) == _CLIENTS
    assert 1 <= reads["search"] <= elapsed / LIST_PERIOD_S + 10


def add_task_named_last(store):
    library = Library(store.plugins.list()[0].id, store.projects.list()[0].id, store.models.list()[0].id)
    new_task(store, library, "last")


def test_clients_of_different_lengths_share_a_list(store, story):
    for _ in range(5):
        add_task_named_last(store)
    cards = TaskCards(store)
    generation = 0
    feed = ListFeed("cards", lambda: generation, lambda count: cards.cards(store.tasks.list(limit=count)))

    async def read() -> None:
        nonlocal generation
        short, _ = await feed.after(0, 2, 0)
        long, latest = await feed.after(0, 4, 0)
        assert [len(data_of(part)["ids"]) for part in (short, long)] == [2, 4]
        assert await feed.after(latest, 2, 0) == (None, latest)
        generation += 1
        add_task_named_last(store)
        changed, _ = await feed.after(latest, 2, generation)
        data = data_of(changed)
        assert [card["name"] for card in data["cards"]] == ["last"]
        assert data["ids"][0] == data["cards"][0]["id"]

    asyncio.run(read())


def test_states_carry_changed_items_only_and_add_up_to_the_whole(store, story):
    """A client that puts the changed items into its lists has what a new client gets."""
    generation = 0
    feed = TaskFeed(store, story.task_id, TaskCards(store), lambda: generation)
    parts: dict[str, dict[Any, Any]] = {"progress": {}, "checkpoints": {}, "series": {}}
    sizes = []

    async def run() -> None:
        nonlocal generation
        number = 0
        for step in range(30):
            story.progress(f"bar {step % 10}", step, 30)
            story.metrics("train", step, **{f"loss{step % 5}": 1.0})
            seq = story.say("checkpoint")
            story.flush()
            store.checkpoints.add(story.task_id, seq, CheckpointReported(step, "0", 1, False, None))
            generation += 1
            text, number, is_over = await feed.state(number, generation)
            assert not is_over
            data = data_of(text)
            sizes.append(sum(len(data[name]) for name in parts))
            for name, key in (("progress", "subtask"), ("checkpoints", "id"), ("series", "id")):
                parts[name] |= {item[key]: item for item in data[name]}
        assert await feed.state(number, generation) == (None, number, False)
        whole = data_of((await feed.state(0, generation))[0])
        for name, items in parts.items():
            assert list(items.values()) == whole[name]

    asyncio.run(run())
    assert max(sizes[1:]) <= 3


def test_an_open_page_gets_little_of_six_thousand_bars(start_server, store, story):
    received, most, last = 0, 0, {}
    with (
        start_server().client() as client,
        client.stream("GET", f"/api/tasks/{story.task_id}/stream?after={story.seq}") as answer,
    ):
        lines = answer.iter_lines()
        next(line for line in lines if line.startswith("data: "))
        for number in range(6000):
            story.progress(f"a bar with a name of its own {number}", 1, 2)
            if number % 200 == 199:
                story.flush()
        story.flush()
        for line in lines:
            if line.startswith("data: ") and '"progress_count"' in line:
                received += len(line)
                last = json.loads(line.removeprefix("data: "))
                most = max(most, len(last["progress"]))
                # bars are read a moment before they are counted, so the count may be ahead of them in one message
                if last["progress_count"] >= 6000 and any(bar["subtask"].endswith("5999") for bar in last["progress"]):
                    break
        page = client.get(f"/api/tasks/{story.task_id}/progress").json()

    assert most <= BARS_SHOWN
    assert received < 4_000_000
    assert last["progress"][-1]["subtask"].endswith("5999")
    assert len(page["items"]) == last["progress_count"]


def test_the_state_of_a_feed_keeps_the_bars_that_moved_last(store, story):
    generation = 0
    feed = TaskFeed(store, story.task_id, TaskCards(store), lambda: generation)

    async def run() -> list[str]:
        nonlocal generation
        for first in range(0, 500, 50):
            for number in range(first, first + 50):
                story.progress(f"bar {number}", 1, 2)
            story.flush()
            generation += 1
            await feed.state(0, generation)
        return [bar["subtask"] for bar in data_of((await feed.state(0, generation))[0])["progress"]]

    assert asyncio.run(run()) == [f"bar {number}" for number in range(400, 500)]
