"""A waiting reader wakes after a commit of this process or of another process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from agent.domain import NewTask, Task
from agent.store import Store, open_store
from tests.support.postgres import PostgresServer

BEAT_ON_DEMAND = """
import sys, time
from agent.store import open_store
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    for _ in sys.stdin:
        store.agents.beat("other", "other", {})
        print(time.time_ns(), flush=True)
"""


def settled(store: Store) -> None:
    """Do the first wait, which may report a commit before the reader listened."""
    while store.wait_for_change(0.2):
        store.agents.list()


def test_nothing_committed_wakes_nobody(store: Store) -> None:
    settled(store)
    before = time.monotonic()

    assert not store.wait_for_change(0.1)
    assert time.monotonic() - before >= 0.1


@pytest.mark.alone
def test_a_commit_of_another_process_wakes_a_waiting_reader(store: Store, store_url: str) -> None:
    settled(store)
    other = subprocess.Popen(
        [sys.executable, "-c", BEAT_ON_DEMAND, store_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stdin = other.stdin
    assert stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    delays = []
    for _ in range(5):
        store.agents.list()
        timer = threading.Timer(0.05, lambda: (stdin.write("go\n"), stdin.flush()))
        timer.start()
        assert store.wait_for_change(30)
        woken = time.time_ns()
        delays.append(woken - int(other.stdout.readline()))
        timer.join()
    other.communicate(timeout=30)

    assert sorted(delays)[2] < 50_000_000  # ns; a few milliseconds on a quiet machine


def test_a_commit_between_looking_and_waiting_is_not_missed(store: Store, store_url: str) -> None:
    settled(store)
    with open_store(store_url) as other:
        store.agents.list()
        other.agents.beat("other", "other", {})

        assert store.wait_for_change(30)
        store.agents.list()
        settled(store)


def test_a_wait_in_another_thread_sees_changes_since_the_given_version(store: Store) -> None:
    settled(store)
    since = store.version()
    store.agents.beat("a", "a", {})
    store.agents.list()

    assert store.wait_for_change(30, since=since)


def test_a_transaction_that_writes_nothing_wakes_nobody(store: Store, task: Task) -> None:
    settled(store)
    store.tasks.get(task.id)

    store.tasks.take_over("nobody", gone=())
    store.tasks.claim("nobody", task_id=task.id + 1)

    assert not store.wait_for_change(0.2)


def test_many_waiting_threads_share_one_observer(store: Store, store_url: str) -> None:
    settled(store)
    threads_before = threading.active_count()
    woken: list[bool] = []
    since = store.version()
    waiting = [threading.Thread(target=lambda: woken.append(store.wait_for_change(30, since=since))) for _ in range(20)]
    for thread in waiting:
        thread.start()
    assert threading.active_count() == threads_before + 20

    with open_store(store_url) as other:
        other.agents.beat("other", "other", {})
    for thread in waiting:
        thread.join()
    assert woken == [True] * 20


def cut_connections_of(store: Store, other: Store) -> int:
    """End the connections of a store on the server; how many there were."""
    with store._db.reading() as ours, other._db.writing() as connection:
        found = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        own = [one.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for one in (ours, connection)]
        return len(connection.exec_driver_sql(f"{found} AND pid NOT IN ({own[0]}, {own[1]})").all())


def test_a_reader_wakes_again_after_the_server_dropped_its_connection(postgres_server: PostgresServer) -> None:
    with open_store(postgres_server.url) as store, open_store(postgres_server.url) as other:
        settled(store)
        assert cut_connections_of(store, other) >= 1

        assert store.wait_for_change(5)  # what was missed is unknown
        store.agents.list()
        settled(store)
        other.agents.beat("other", "other", {})
        assert store.wait_for_change(5)


def test_closing_ends_every_wait(store: Store) -> None:
    settled(store)
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(store.wait_for_change(30)))
    waiting.start()
    store.close()
    waiting.join(timeout=10)

    assert answers == [False]


def test_rows_are_there_when_the_reader_wakes(store: Store, store_url: str, new_task: Callable[..., NewTask]) -> None:
    new = new_task(store)
    settled(store)
    seen: list[int] = []

    def write() -> None:
        with open_store(store_url) as other:
            for _ in range(10):
                other.tasks.add(new)

    writer = threading.Thread(target=write)
    writer.start()
    while len(seen) < 10:
        seen = [task.id for task in store.tasks.list()]
        if len(seen) < 10:
            assert store.wait_for_change(30)
    writer.join()
