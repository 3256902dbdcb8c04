"""Exactly one of any number of agents gets a task."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from agent.domain import NewTask, Step, Task, TaskStatus
from agent.errors import TakenOver
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.recorder import Recorder
from agent.store import EventRow, Store, open_store

MakeNewTask = Callable[..., NewTask]

CLAIM_ALL = """
import sys
from agent.store import open_store
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    while (task := store.tasks.claim(sys.argv[2])) is not None:
        print(task.id, flush=True)
"""


def test_the_oldest_queued_task_is_claimed_first(store: Store, new_task: MakeNewTask) -> None:
    new = new_task(store)
    one, two = store.tasks.add(new), store.tasks.add(new)

    claimed = store.tasks.claim("a")

    assert claimed is not None
    assert (claimed.id, claimed.status, claimed.agent_id) == (one.id, TaskStatus.CONSUMED, "a")
    assert store.tasks.claim("b", task_id=one.id) is None
    assert store.tasks.claim("b", task_id=two.id) == store.tasks.get(two.id)
    assert store.tasks.claim("a") is None


def asking(new: NewTask, engine: str) -> NewTask:
    return replace(new, options=replace(new.options, engine=engine))


def of_plugin(store: Store, new: NewTask, image: str, folder: str | None) -> NewTask:
    """The same task with another plugin; without a folder it is known by its image only."""
    facts = asdict(store.plugins.get(new.plugin_id))
    for name in ("id", "created_at", "updated_at", "deleted_at", "pushed", "kept_bytes"):
        del facts[name]
    return replace(new, plugin_id=store.plugins.put(**{**facts, "image": image, "folder": folder}).id)


def test_an_agent_claims_tasks_for_the_engines_it_has(store: Store, new_task: MakeNewTask) -> None:
    new = of_plugin(store, new_task(store), "local/nn-here", "/here")
    docker = store.tasks.add(asking(new, "docker"))
    image = store.tasks.add(asking(of_plugin(store, new, "nowhere/nn", None), "auto"))
    either = store.tasks.add(asking(new, "auto"))
    process = store.tasks.add(asking(new, "process"))

    assert store.tasks.engines_wanted("a:1:x") == {"docker", "auto", "process"}
    assert store.tasks.engines_wanted("a:1:x", "process") == {"docker", "process"}
    assert store.tasks.claim("a:1:x", engines=()) is None
    claimed = [store.tasks.claim("a:1:x", engines=("process", "auto")) for _ in range(3)]
    assert [task and task.id for task in claimed] == [either.id, process.id, None]
    assert store.tasks.engines_wanted("a:1:x") == {"docker"}
    claimed = [store.tasks.claim("a:1:x", engines=("docker",)) for _ in range(3)]
    assert [task and task.id for task in claimed] == [docker.id, image.id, None]


def test_the_last_engine_is_that_of_the_newest_task_that_left_it_to_its_agent(
    store: Store, new_task: MakeNewTask
) -> None:
    new = new_task(store)
    assert store.tasks.last_engine() is None
    for asked, ran in (("auto", "docker"), ("process", "process")):
        task = store.tasks.add(asking(new, asked))
        store.tasks.launching(task.id, engine=ran, spec={}, image_digest=None)
    store.tasks.add(asking(new, "auto"))
    assert store.tasks.last_engine() == "docker"


def test_a_task_given_back_is_as_if_nobody_had_claimed_it(store: Store, new_task: MakeNewTask) -> None:
    added = store.tasks.add(new_task(store))
    store.tasks.claim("a")
    store.tasks.become(added.id, TaskStatus.STARTED)
    assert store.tasks.give_back(added.id, "a")
    assert store.tasks.get(added.id) == added
    assert store.tasks.give_back(added.id, "a")  # the answer may have been lost with the connection
    assert store.tasks.get(added.id) == added
    store.tasks.claim("b")
    with pytest.raises(TakenOver):
        store.tasks.give_back(added.id, "a")


def test_the_log_of_a_task_that_is_stopped_after_it_was_given_back_has_an_end(
    store: Store, new_task: MakeNewTask, tmp_path: Path
) -> None:
    begun, untouched = store.tasks.add(new_task(store)), store.tasks.add(new_task(store))
    store.tasks.claim("a")
    recorder = Recorder(store, begun.id, lines_read=0, last_seq=0, log_path=tmp_path / "log", agent_id="a")
    recorder.note("TASK_START", event_type="TASK_STARTED")
    store.tasks.give_back(begun.id, "a")
    for task in (begun, untouched, begun):
        store.tasks.request_stop(task.id)

    told = [(event.seq, event.event_type, event.stream, event.fields) for event in store.events.after(begun.id)]
    assert told[1:] == [(2, "TASK_STOPPED", Stream.AGENT, {"stopped": "by_user", "reason": "stopped_by_user"})]
    assert store.tasks.get(begun.id).events_count == 2
    assert store.events.after(untouched.id) == []


def test_a_task_that_was_launched_or_is_to_be_stopped_is_not_given_back(store: Store, new_task: MakeNewTask) -> None:
    new = new_task(store)
    launched, stopping = store.tasks.add(new, agent_id="a"), store.tasks.add(new, agent_id="a")
    store.tasks.launching(launched.id, engine="docker", spec={}, image_digest=None)
    store.tasks.request_stop(stopping.id)
    for task in (launched, stopping):
        assert not store.tasks.give_back(task.id, "a")
        assert store.tasks.get(task.id).agent_id == "a"


def test_threads_claim_each_task_once(store: Store, new_task: MakeNewTask) -> None:
    new = new_task(store)
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


def test_processes_claim_each_task_once(store: Store, store_url: str, new_task: MakeNewTask) -> None:
    new = new_task(store)
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


def test_an_agent_that_restarts_finds_its_tasks(store: Store, store_url: str, new_task: MakeNewTask) -> None:
    new = new_task(store)
    one, two, three = (store.tasks.add(new).id for _ in range(3))
    for _ in range(3):
        store.tasks.claim("a")
    store.tasks.become(two, TaskStatus.ERROR)

    with open_store(store_url) as again:
        assert [task.id for task in again.tasks.held_by("a")] == [one, three]
        assert again.tasks.held_by("b") == []


def test_a_task_of_an_agent_that_is_gone_is_taken_over_once(store: Store, task: Task) -> None:
    store.tasks.claim("dead")
    store.tasks.become(task.id, TaskStatus.STARTED)

    taken = store.tasks.take_over("alive", gone={"dead"})

    assert [(found.id, found.status, found.agent_id) for found in taken] == [(task.id, TaskStatus.STARTED, "alive")]
    assert store.tasks.take_over("third", gone={"dead"}) == []
    assert store.tasks.held_by("dead") == []


@pytest.mark.parametrize("final", [TaskStatus.FINISHED, TaskStatus.ERROR])
def test_a_task_that_has_ended_is_not_taken_over(store: Store, new_task: MakeNewTask, final: TaskStatus) -> None:
    new = new_task(store)
    going, ended = store.tasks.add(new), store.tasks.add(new)
    store.tasks.claim("a")
    store.tasks.claim("a")
    store.tasks.become(ended.id, TaskStatus.STARTED)
    store.tasks.become(ended.id, final)

    assert store.tasks.take_over("b", gone=()) == []
    assert [task.id for task in store.tasks.take_over("b", gone={"a"})] == [going.id]


def test_only_tasks_of_agents_that_are_gone_are_taken_over(store: Store, new_task: MakeNewTask) -> None:
    new = new_task(store)
    dead, alive = (store.tasks.add(new).id for _ in range(2))
    store.tasks.claim("dead")
    store.tasks.claim("alive")

    assert store.tasks.holders() == {"dead", "alive"}
    assert [task.id for task in store.tasks.of_agents({"dead"})] == [dead]
    assert [task.id for task in store.tasks.take_over("me", task_id=alive, gone={"dead"})] == []
    assert [task.id for task in store.tasks.take_over("me", gone={"dead"})] == [dead]
    assert store.tasks.of_agents({"dead"}) == []
    assert store.tasks.get(alive).agent_id == "alive"


def test_an_agent_that_lost_a_task_can_no_longer_write_about_it(store: Store, task: Task) -> None:
    store.tasks.claim("first")
    store.tasks.become(task.id, TaskStatus.STARTED, agent_id="first")
    store.tasks.take_over("second", gone={"first"})
    row = EventRow(1, parse_line("late", Stream.STDERR, 1))

    for write in (
        lambda: store.events.append(task.id, [row], lines_read=1, agent_id="first"),
        lambda: store.tasks.set_step(task.id, Step.MAIN, agent_id="first"),
        lambda: store.tasks.launching(task.id, engine="docker", spec={}, image_digest=None, agent_id="first"),
        lambda: store.tasks.launched(task.id, container_id="c", agent_id="first"),
        lambda: store.tasks.set_result_project(task.id, 1, agent_id="first"),
        lambda: store.tasks.decide(task.id, reason="finished", message=None, exit_code=0, agent_id="first"),
        lambda: store.tasks.become(task.id, TaskStatus.FINISHED, agent_id="first"),
    ):
        with pytest.raises(TakenOver, match=f"Task {task.id} was taken over"):
            write()
    assert store.events.last_seq(task.id) == store.tasks.get(task.id).lines_read == 0
    assert (store.tasks.get(task.id).step, store.tasks.get(task.id).engine) == (Step.NOTHING, None)
    with pytest.raises(TakenOver):  # it learns so as well when it asks for a stop
        store.tasks.stop_requested(task.id, agent_id="first")
    assert store.tasks.stop_requested(task.id, agent_id="second") is False
    store.events.append(task.id, [row], lines_read=1, agent_id="second")
    store.tasks.decide(task.id, reason="finished", message="m", exit_code=0, agent_id="second")
    assert store.tasks.become(task.id, TaskStatus.FINISHED, agent_id="second").reason == "finished"


def test_a_task_asked_of_one_agent_is_left_to_it(store: Store, new_task: Callable[..., NewTask]) -> None:
    task = store.tasks.add(new_task(store), only_for="big:box")

    assert store.tasks.claim("laptop:1:a") is None
    claimed = store.tasks.claim("big:box:2:b")
    assert claimed is not None
    assert claimed.id == task.id
    other = store.tasks.add(new_task(store), only_for="big:box")
    assert store.tasks.claim("laptop:1:a", task_id=other.id) is not None  # somebody asked for exactly this
