"""Pins, the trash, checkpoints for the policy and named blobs, on either database."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from agent.domain import NewModel, NewTask, TaskStatus
from agent.errors import Conflict, NotFound
from agent.events.model import CheckpointReported
from agent.store import Store


def model(name: str, sha256: str = "ab" * 32) -> NewModel:
    return NewModel(name, sha256, 10, None)


def test_a_model_in_the_trash_is_in_no_list_and_comes_back(store: Store) -> None:
    kept, gone = store.models.add(model("kept")), store.models.add(model("gone", "cd" * 32))
    trashed = store.retention.trash(gone.id)
    assert trashed.deleted_at is not None
    assert store.retention.trash(gone.id) == trashed  # the window counts from the first time
    assert store.models.list() == [kept]
    assert store.models.by_sha256("cd" * 32) is None
    with pytest.raises(NotFound):
        store.models.find("gone")
    assert store.models.get(gone.id) == trashed
    assert store.retention.trashed() == [trashed]
    assert store.retention.trashed(before_us=1) == []
    assert "cd" * 32 in store.retention.named_blobs()

    assert store.retention.restore(gone.id).deleted_at is None
    assert {one.id for one in store.models.list()} == {kept.id, gone.id}
    assert store.retention.purge(gone.id) is None  # it is not in the trash
    store.retention.trash(gone.id)
    assert store.retention.purge(gone.id) == "cd" * 32
    for again in (store.models.get, store.retention.restore, store.retention.trash, store.retention.pin):
        with pytest.raises(NotFound, match=f"no model {gone.id}"):
            again(gone.id)


def test_pinned_models_and_those_tasks_start_from_stay(store: Store, wish: Callable[..., NewTask]) -> None:
    one = store.models.add(model("one"))
    assert store.retention.pin(one.id).pinned
    with pytest.raises(Conflict, match="unpin"):
        store.retention.trash(one.id)
    assert not store.retention.pin(one.id, pinned=False).pinned
    store.retention.trash(one.id)
    task = store.tasks.add(wish(store))
    with pytest.raises(Conflict, match=f"Task {task.id} starts from"):
        store.retention.trash(task.model_id)


def test_checkpoints_are_numbered_as_reported_and_only_those_of_ended_tasks(
    store: Store, wish: Callable[..., NewTask]
) -> None:
    tasks = [store.tasks.add(wish(store)) for _ in range(2)]
    ids = []
    for task in tasks:
        store.tasks.claim("me:1:x", task_id=task.id)
        store.tasks.become(task.id, TaskStatus.STARTED)
        for n in range(4):
            row = store.checkpoints.add(task.id, 10 * n + 1, CheckpointReported(n, str(n), 1, n == 2, None))
            if n == 1:
                store.checkpoints.fail(row.id, "checkpoint_empty")
            else:
                ids.append(store.checkpoints.publish(row.id, model(f"c{n}")).id)
    store.tasks.become(tasks[0].id, TaskStatus.FINISHED, reason="finished")
    store.retention.trash(ids[0])
    store.retention.pin(ids[1])
    found = store.retention.checkpoints()
    assert [(c.model_id, c.position, c.is_best, c.is_last, c.pinned, c.used) for c in found] == [
        (ids[1], 3, True, False, True, False),
        (ids[2], 4, False, True, False, False),
    ]
    assert store.retention.models_by_task() == {}  # these say no origin
    assert ids[0] not in {one.id for one in store.retention.largest_models(9)}


def test_nobody_can_name_a_blob_while_it_is_decided_about(store: Store) -> None:
    named = store.models.add(model("one"))
    with store.retention.unnamed(named.sha256) as free:
        assert not free
    order: list[str] = []
    begun = threading.Event()

    def name() -> None:
        begun.set()
        store.models.add(model("two", "ef" * 32))
        order.append("named")

    with store.retention.unnamed("ef" * 32) as free:
        assert free
        thread = threading.Thread(target=name)
        thread.start()
        begun.wait()
        thread.join(0.2)
        order.append("decided")
    thread.join()
    assert order == ["decided", "named"]
