"""Placements: who may take a placed task, and who may change its placements."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.domain import NewTask, Task, TaskStatus
from agent.errors import Conflict
from agent.store import Placement, Seen, Store


def control(store: Store, name: str = "me") -> str:
    assert store.placements.control("c", name, {}, instead_of=store.placements.cluster("c").controller)
    return name


def place(store: Store, task: Task) -> Placement:
    (placement,) = store.placements.place("c", control(store), [task.id], "sly-a")
    return placement


def test_a_task_is_placed_once_and_only_while_it_is_free(store: Store, task: Task) -> None:
    placement = place(store, task)
    assert (placement.number, placement.label, placement.state) == (1, f"sly-a-{task.id}-1", "placing")
    assert store.placements.place("c", "me", [task.id], "again") == []
    assert store.placements.to_place("c", 10) == []
    assert [(one.label, held.id) for one, held in store.placements.unsettled("c")] == [(placement.label, task.id)]
    assert store.placements.unsettled("other") == []


def test_agents_of_the_queue_neither_take_nor_take_over_what_is_placed(store: Store, task: Task) -> None:
    place(store, task)
    assert store.tasks.claim("queue:1:a") is None
    assert store.tasks.claim("queue:1:a", task_id=task.id) is None
    assert store.placements.claim(task.id, 1, "job:1:a", job="7", node="n1").status is TaskStatus.CONSUMED
    assert store.tasks.of_agents(["job:1:a"]) == []
    assert store.tasks.take_over("queue:1:a", gone=["job:1:a"]) == []


def test_only_the_controller_changes_placements(store: Store, task: Task) -> None:
    placement = place(store, task)
    assert not store.placements.control("c", "late", {}, instead_of="somebody")
    control(store, "next")
    for act in (
        lambda: store.placements.place("c", "me", [task.id], "x"),
        lambda: store.placements.follow("c", "me", [Seen(placement, "waiting", job="1")]),
        lambda: store.placements.end(placement, "me", how="done", why=None),
        lambda: store.placements.take(placement, "me", "me:1:a", instead_of=None),
        lambda: store.placements.beat("c", "me"),
    ):
        with pytest.raises(Conflict, match="Another process places tasks on the cluster c"):
            act()
    store.placements.release("c", "me")
    assert store.placements.cluster("c").controller == "next"


def test_an_ended_placement_frees_a_queued_task_and_fences_its_agent_off(store: Store, task: Task) -> None:
    first = place(store, task)
    store.placements.end(first, "me", how="node_failed", why="the node failed")
    assert [queued.id for queued in store.placements.to_place("c", 10)] == [task.id]
    with pytest.raises(Conflict, match="Placement 1 of task 1 is over"):
        store.placements.claim(task.id, 1, "job:1:a", job="7", node="n1")
    second = place(store, task)
    assert (second.number, [one.how for one in store.placements.of_task(task.id)]) == (2, ["node_failed", None])
    with pytest.raises(Conflict, match="Placement 1"):
        store.placements.claim(task.id, 1, "job:1:a", job="7", node="n1")
    with pytest.raises(Conflict, match="no placement 3"):
        store.placements.claim(task.id, 3, "job:1:a", job="7", node="n1")
    assert store.placements.claim(task.id, 2, "job:2:a", job="8", node="n1").agent_id == "job:2:a"


def test_an_agent_that_wakes_up_late_has_lost_its_task(store: Store, task: Task) -> None:
    placement = place(store, task)
    store.placements.claim(task.id, 1, "job:1:a", job="7", node="n1")
    # It has claimed the task since the controller looked.
    assert store.placements.take(placement, "me", "controller:1:c", instead_of="job:0:z") is None
    taken = store.placements.take(placement, "me", "controller:1:c", instead_of="job:1:a")
    assert taken is not None
    assert (taken.agent_id, taken.status) == ("controller:1:c", TaskStatus.CONSUMED)
    with pytest.raises(Conflict, match="taken over"):
        store.tasks.become(task.id, TaskStatus.STARTED, agent_id="job:1:a")
    store.tasks.become(task.id, TaskStatus.ERROR, reason="node_lost", agent_id="controller:1:c")
    assert store.placements.take(placement, "me", "controller:1:c", instead_of="controller:1:c") is None


def test_tasks_for_an_agent_of_another_name_stay_in_the_queue(store: Store, new_task: Callable[..., NewTask]) -> None:
    store.tasks.add(new_task(store), only_for="bert")
    mine = store.tasks.add(new_task(store), only_for="c")
    assert [task.id for task in store.placements.to_place("c", 10)] == [mine.id]


def test_placements_go_with_their_task(store: Store, task: Task) -> None:
    placement = place(store, task)
    store.tasks.request_stop(task.id)
    store.tasks.remove(task.id)
    store.tasks.give_up(task.id)
    assert not store.tasks.purge(task.id), "its job is found by it"
    store.placements.end(placement, "me", how="cancelled", why=None)
    assert store.tasks.purge(task.id)
    assert store.placements.of_task(task.id) == []
    assert store.placements.unsettled("c") == []


def test_a_restored_store_leaves_the_jobs_to_the_installation_that_was_copied(
    store: Store, new_task: Callable[..., NewTask], task: Task
) -> None:
    running = store.tasks.add(new_task(store))
    for one in (task, running):
        place(store, one)
    store.placements.claim(running.id, 1, "job:1:a", job="7", node="n1")
    store.placements.forget_jobs()

    assert store.placements.unsettled("c") == []
    assert [one.id for one in store.placements.to_place("c", 10)] == [task.id]
    assert [lost.id for lost in store.tasks.of_agents(["job:1:a"])] == [running.id]
    assert store.placements.control("c", "me", {}, instead_of=None)
