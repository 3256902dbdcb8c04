"""Of any number of agents exactly one gets a task."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from agent.domain import NewTask, Task, TaskStatus
from agent.errors import TakenOver
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, Store, open_store

Wish = Callable[..., NewTask]

CLAIM_ALL = """
import sys
from agent.store import open_store
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    while (task := store.tasks.claim(sys.argv[2])) is not None:
        print(task.id, flush=True)
"""


def test_the_oldest_queued_task_is_claimed_first(store: Store, wish: Wish) -> None:
    new = wish(store)
    one, two = store.tasks.add(new), store.tasks.add(new)

    claimed = store.tasks.claim("a")

    assert claimed is not None
    assert (claimed.id, claimed.status, claimed.agent_id) == (one.id, TaskStatus.CONSUMED, "a")
    assert store.tasks.claim("b", task_id=one.id) is None
    assert store.tasks.claim("b", task_id=two.id) == store.tasks.get(two.id)
    assert store.tasks.claim("a") is None


def test_threads_claim_each_task_once(store: Store, wish: Wish) -> None:
    new = wish(store)
    wanted = {store.tasks.add(new).id for _ in range(20)}
    claimed: list[tuple[str, int]] = []
    together = threading.Barrier(6)

    def work(agent: str) -> None:
        together.wait()
        while (task := store.tasks.claim(agent)) is not None:
            claimed.append((agent, task.id))

    threads = [threading.Thread(target=work, args=(f"agent{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(id_ for _, id_ in claimed) == sorted(wanted)
    assert {(store.tasks.get(id_).agent_id, id_) for id_ in wanted} == set(claimed)


def test_processes_claim_each_task_once(store: Store, store_url: str, wish: Wish) -> None:
    new = wish(store)
    wanted = [store.tasks.add(new).id for _ in range(30)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_ALL, store_url, f"agent{i}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = [int(line) for process in processes for line in process.communicate(timeout=60)[0].split()]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(claimed) == wanted


def test_an_agent_that_restarts_finds_its_tasks(store: Store, store_url: str, wish: Wish) -> None:
    new = wish(store)
    one, two, three = (store.tasks.add(new).id for _ in range(3))
    for _ in range(3):
        store.tasks.claim("a")
    store.tasks.become(two, TaskStatus.ERROR)

    with open_store(store_url) as again:
        assert [task.id for task in again.tasks.held_by("a")] == [one, three]
        assert again.tasks.held_by("b") == []


def test_a_lease_that_ran_out_is_taken_over_once(store: Store, task: Task) -> None:
    store.tasks.claim("dead", lease_s=-1)
    store.tasks.become(task.id, TaskStatus.STARTED)

    taken = store.tasks.take_over("alive", lease_s=30)

    assert [(found.id, found.status, found.agent_id) for found in taken] == [(task.id, TaskStatus.STARTED, "alive")]
    assert store.tasks.take_over("third") == []
    assert store.tasks.held_by("dead") == []


@pytest.mark.parametrize("final", [TaskStatus.FINISHED, TaskStatus.ERROR])
def test_what_is_renewed_or_ended_is_not_taken_over(store: Store, wish: Wish, final: TaskStatus) -> None:
    new = wish(store)
    renewed, ended = store.tasks.add(new), store.tasks.add(new)
    store.tasks.claim("a", lease_s=-1)
    store.tasks.claim("a", lease_s=-1)
    store.tasks.become(ended.id, TaskStatus.STARTED)
    store.tasks.become(ended.id, final)
    store.tasks.renew("a")

    assert store.tasks.take_over("b") == []
    assert [task.id for task in store.tasks.held_by("a")] == [renewed.id]


def test_a_dead_agent_is_not_waited_for_and_a_late_one_is_left_alone(store: Store, wish: Wish) -> None:
    new = wish(store)
    dead, late, unknown = (store.tasks.add(new).id for _ in range(3))
    store.tasks.claim("dead", lease_s=600)
    store.tasks.claim("late", lease_s=-1)
    store.tasks.claim("unknown", lease_s=600)

    known = {"gone": {"dead"}, "alive": {"late"}}
    assert store.tasks.holders() == {"dead", "late", "unknown"}
    assert [task.id for task in store.tasks.lost(**known)] == [dead]
    assert [task.id for task in store.tasks.take_over("me", task_id=late, **known)] == []
    assert [task.id for task in store.tasks.take_over("me", **known)] == [dead]
    assert [task.id for task in store.tasks.lost()] == [late]
    assert store.tasks.get(unknown).agent_id == "unknown"


def test_who_lost_a_task_can_no_longer_write_about_it(store: Store, task: Task) -> None:
    store.tasks.claim("first", lease_s=-1)
    store.tasks.become(task.id, TaskStatus.STARTED, agent_id="first")
    store.tasks.take_over("second")
    row = EventRow(1, parse_line("late", Stream.STDERR, 1))

    for write in (
        lambda: store.events.append(task.id, [row], lines_read=1, agent_id="first"),
        lambda: store.tasks.decide(task.id, reason="finished", message=None, exit_code=0, agent_id="first"),
        lambda: store.tasks.become(task.id, TaskStatus.FINISHED, agent_id="first"),
    ):
        with pytest.raises(TakenOver, match=f"Task {task.id} was taken over"):
            write()
    assert store.events.last_seq(task.id) == store.tasks.get(task.id).lines_read == 0
    store.events.append(task.id, [row], lines_read=1, agent_id="second")
    store.tasks.decide(task.id, reason="finished", message="m", exit_code=0, agent_id="second")
    assert store.tasks.become(task.id, TaskStatus.FINISHED, agent_id="second").reason == "finished"


def test_a_task_asked_of_one_agent_is_left_to_it(store: Store, wish: Callable[..., NewTask]) -> None:
    task = store.tasks.add(wish(store), only_for="big:box")

    assert store.tasks.claim("laptop:1:a") is None
    claimed = store.tasks.claim("big:box:2:b")
    assert claimed is not None
    assert claimed.id == task.id
    other = store.tasks.add(wish(store), only_for="big:box")
    assert store.tasks.claim("laptop:1:a", task_id=other.id) is not None  # somebody asked for exactly this
