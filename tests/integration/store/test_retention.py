"""Pins, the trash, checkpoints for the policy and named blobs, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from agent.domain import NewModel, NewTask, TaskStatus
from agent.errors import Conflict, NotFound
from agent.events.model import CheckpointReported
from agent.store import Store


def model(name: str, sha256: str = "ab" * 32) -> NewModel:
    return NewModel(name, sha256, 10, None)


def test_a_model_in_the_trash_is_in_no_list_and_comes_back(store: Store) -> None:
    kept, gone = store.models.add(model("kept")), store.models.add(model("gone", "cd" * 32))
    trashed = store.models.remove(gone.id)
    assert trashed.deleted_at is not None
    assert store.models.remove(gone.id) == trashed  # the window counts from the first time
    assert store.models.list() == [kept]
    assert store.models.of_bytes("cd" * 32) == []
    with pytest.raises(NotFound):
        store.models.find("gone")
    assert store.models.get(gone.id) == trashed
    assert store.models.trashed() == [trashed]
    assert store.models.trashed(before=datetime(1970, 1, 2, tzinfo=UTC)) == []
    assert "cd" * 32 in store.blobs.named()

    assert store.models.restore(gone.id).deleted_at is None
    assert {one.id for one in store.models.list()} == {kept.id, gone.id}
    assert store.models.purge(gone.id) is None  # it is not in the trash
    store.models.remove(gone.id)
    assert store.models.purge(gone.id) == "cd" * 32
    for again in (store.models.get, store.models.restore, store.models.remove, store.models.pin):
        with pytest.raises(NotFound, match=f"no model {gone.id}"):
            again(gone.id)


def test_pinned_models_and_those_tasks_start_from_stay(store: Store, new_task: Callable[..., NewTask]) -> None:
    one = store.models.add(model("one"))
    assert store.models.pin(one.id).pinned
    with pytest.raises(Conflict, match="unpin"):
        store.models.remove(one.id)
    assert not store.models.pin(one.id, pinned=False).pinned
    store.models.remove(one.id)
    task = store.tasks.add(new_task(store))
    with pytest.raises(Conflict, match=f"Task {task.id} starts from"):
        store.models.remove(task.model_id)


def test_a_pin_takes_a_model_out_of_the_trash(store: Store) -> None:
    one = store.models.add(model("one"))
    store.models.remove(one.id)
    assert store.models.pin(one.id, pinned=False).deleted_at is not None
    pinned = store.models.pin(one.id)
    assert (pinned.pinned, pinned.deleted_at, store.models.trashed()) == (True, None, [])
    assert pinned in store.models.list()


@pytest.mark.parametrize("why", ["pinned", "used"])
def test_a_model_of_the_trash_that_is_needed_by_now_is_restored_instead_of_purged(
    store: Store, new_task: Callable[..., NewTask], why: str
) -> None:
    needed = store.models.add(model("needed"))
    store.models.remove(needed.id)
    if why == "pinned":
        store.models.pin(needed.id)
    else:
        store.tasks.add(new_task(store, model_id=needed.id))

    assert store.models.purge(needed.id) is None

    assert store.models.get(needed.id).deleted_at is None
    assert needed.id in {one.id for one in store.models.list()}


def test_checkpoints_are_numbered_as_reported_and_only_those_of_ended_tasks(
    store: Store, new_task: Callable[..., NewTask]
) -> None:
    tasks = [store.tasks.add(new_task(store)) for _ in range(2)]
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
    store.models.remove(ids[0])
    store.models.pin(ids[1])
    found = store.checkpoints.published()
    assert [(c.model_id, c.position, c.is_best, c.is_last, c.pinned, c.used) for c in found] == [
        (ids[1], 3, True, False, True, False),
        (ids[2], 4, False, True, False, False),
    ]
    assert store.models.sizes_by_task() == {}  # these say no origin
    assert ids[0] not in {one.id for one in store.models.largest(9)}


def test_no_row_can_name_a_blob_while_its_deletion_is_decided(store: Store) -> None:
    named = store.models.add(model("one"))
    with store.blobs.unnamed(named.sha256) as free:
        assert not free
    order: list[str] = []
    begun = threading.Event()

    def name() -> None:
        begun.set()
        store.models.add(model("two", "ef" * 32))
        order.append("named")

    with store.blobs.unnamed("ef" * 32) as free:
        assert free
        thread = threading.Thread(target=name)
        thread.start()
        begun.wait()
        thread.join(0.2)
        order.append("decided")
    thread.join()
    assert order == ["decided", "named"]
