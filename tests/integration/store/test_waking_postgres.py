"""Many processes on one server: what commits tell others, and what a quiet process costs the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from agent.domain import NewTask
from agent.store import Store, UsageSample, open_store, wake_postgres
from agent.store import connections as standing
from agent.store.wake import QUEUE
from agent.store.wake_postgres import ASKED, CHANGED
from tests.support.postgres import PostgresServer

LISTENS = f"SELECT pg_advisory_lock_shared({wake_postgres._SOMEBODY_LISTENS})"


@pytest.fixture
def other(postgres_store: Store, postgres_server: PostgresServer) -> Iterator[Store]:
    """The same store in another process, as far as the server can tell."""
    with open_store(postgres_server.url) as opened:
        yield opened


@pytest.fixture
def listener(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """A connection that hears both channels."""
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(LISTENS)
        connection.execute(f"LISTEN {CHANGED}")
        connection.execute(f"LISTEN {ASKED}")
        yield connection


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stands(store: Store) -> bool:
    """Whether the store has a connection that listens."""
    connections = store._db._connections
    return connections is not None and connections.stands


def test_many_commits_are_told_in_few_notifications(other: Store, listener: psycopg.Connection[Any]) -> None:
    started = time.monotonic()
    for _ in range(200):
        other.agents.beat("a", "a", {})
    other.close()  # tells of the last commit
    took_s = time.monotonic() - started

    heard = list(listener.notifies(timeout=0.2))
    assert {notification.channel for notification in heard} == {CHANGED}
    assert 1 <= len(heard) <= took_s / wake_postgres._TELL_S + 3  # one may be of the store that made the tables


def test_nobody_is_told_of_changes_while_nobody_listens(postgres_store: Store, postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"LISTEN {CHANGED}")
        postgres_store.agents.beat("a", "a", {})
        postgres_store.close()

        assert list(connection.notifies(timeout=0.2)) == []


def test_an_agent_hears_what_is_asked_of_its_own_task_only(
    postgres_store: Store, other: Store, new_task: Callable[..., NewTask]
) -> None:
    mine, another = (postgres_store.tasks.add(new_task(postgres_store)).id for _ in range(2))
    for id_ in (mine, another):
        assert postgres_store.tasks.claim("a", task_id=id_)
    postgres_store.asked(mine)
    eventually(lambda: postgres_store.asked(mine) > 0)  # it listens
    before = {id_: postgres_store.asked(id_) for id_ in (mine, another)}

    other.tasks.request_stop(another)
    eventually(lambda: postgres_store.asked(another) > before[another])
    assert postgres_store.asked(mine) == before[mine]

    other.tasks.request_stop(mine)
    eventually(lambda: postgres_store.asked(mine) > before[mine])


def test_a_new_task_wakes_an_agent_that_waits_for_one(
    postgres_store: Store, other: Store, new_task: Callable[..., NewTask]
) -> None:
    asked = postgres_store.asked()
    assert postgres_store.wait_for_request(30, since=asked)  # it listens
    asked = postgres_store.asked()
    other.agents.beat("b", "b", {})
    assert not postgres_store.wait_for_request(0.2, since=asked)

    other.tasks.add(new_task(other))
    assert postgres_store.wait_for_request(5, since=asked)


def test_signs_of_life_and_readings_wake_nobody(
    postgres_store: Store, other: Store, listener: psycopg.Connection[Any], new_task: Callable[..., NewTask]
) -> None:
    task = postgres_store.tasks.add(new_task(postgres_store))
    postgres_store.close()  # all its commits are told
    list(listener.notifies(timeout=0.2))

    other.agents.beat_and_watch("a", "a", {}, node="n")
    other.usage.add(task.id, UsageSample(1, 2.0, 3, 4))
    other.close()
    assert list(listener.notifies(timeout=0.2)) == []


def test_a_commit_whose_process_dies_before_it_tells_is_seen_a_little_later(
    postgres_store: Store, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_postgres, "_DOUBT_S", 0.5)
    assert postgres_store.wait_for_change(30, since=postgres_store.version())
    seen = postgres_store.version()
    with psycopg.connect(postgres_server.url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = version_num")

    assert postgres_store.wait_for_change(30, since=seen)


def test_a_quiet_process_has_one_connection(
    postgres_store: Store, listener: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_REST_S", 0.0)

    def connections() -> set[int]:
        found = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        return {row[0] for row in listener.execute(found)}

    with postgres_store._db.reading(), postgres_store._db.reading():
        assert len(connections()) >= 2
    postgres_store.asked(1)
    eventually(lambda: stands(postgres_store) and len(connections()) == 1)
    (only,) = connections()

    for _ in range(3):
        postgres_store.agents.beat_and_watch("a", "a", {}, node="n")
    assert connections() == {only}


def test_two_threads_of_a_quiet_process_take_turns_on_its_connection(
    postgres_store: Store, listener: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_REST_S", 0.0)
    monkeypatch.setattr(standing, "_PATIENCE_S", 30.0)
    found = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    postgres_store.asked(1)
    eventually(lambda: stands(postgres_store) and len(listener.execute(found).fetchall()) == 1)
    waits = threading.Event()

    def beat() -> None:
        waits.set()
        postgres_store.agents.beat_and_watch("b", "b", {}, node="n")

    other = threading.Thread(target=beat)
    with postgres_store._db.writing(wakes=False):
        other.start()
        waits.wait()
        assert len(listener.execute(found).fetchall()) == 1
    other.join()

    assert len(listener.execute(found).fetchall()) == 1
    assert [agent.id for agent in postgres_store.agents.list()] == ["b"]


@pytest.mark.parametrize("payload", ["", "nobody", "nobody nothing", "nobody ½ ²", "nobody *"])
def test_no_notification_of_others_ends_the_listening(
    postgres_store: Store, listener: psycopg.Connection[Any], payload: str
) -> None:
    assert postgres_store.wait_for_change(30, since=postgres_store.version())  # it listens for changes
    postgres_store.asked(7)
    eventually(lambda: postgres_store.asked(7) > 0)  # and for requests
    for channel in (CHANGED, ASKED):
        listener.execute("SELECT pg_notify(%s, %s)", (channel, payload))
    asked = postgres_store.asked(7) + 2  # more than a doubt adds

    for _ in range(3):
        listener.execute("SELECT pg_notify(%s, 'nobody 7')", (ASKED,))
        listener.execute("SELECT 1")  # notifications of one kind in one transaction are one
    eventually(lambda: postgres_store.asked(7) >= asked)


def test_no_notification_ends_the_listening(
    postgres_store: Store, other: Store, postgres_server: PostgresServer
) -> None:
    asked = postgres_store.asked()
    eventually(lambda: stands(postgres_store))
    with psycopg.connect(postgres_server.url, autocommit=True) as anybody:
        for payload in ("x " + "9" * 5000, "", "x -1", "x ²"):
            anybody.execute("SELECT pg_notify(%s, %s)", (ASKED, payload))
    assert postgres_store.wait_for_request(30, since=asked)
    asked = postgres_store.asked()
    other.nodes.put("n", "n")
    with other._db.writing(asks=[QUEUE]) as connection:
        connection.exec_driver_sql("UPDATE nodes SET name = name")
    assert postgres_store.wait_for_request(10, since=asked), "somebody listens still"
