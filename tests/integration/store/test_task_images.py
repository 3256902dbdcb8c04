"""Images that tasks logged: found by name and step, added once, and what names their bytes."""

from __future__ import annotations

import pytest

from agent.domain import NewModel, NewProject, NewTask, NewTaskImage, TaskStatus, TaskType
from agent.errors import NotFound
from agent.store import ImageNames, Store

SHA = "ab" * 32


def new_task(store: Store) -> int:
    plugin = store.plugins.put(
        title="P", description="", type="architecture", image="local/p", tag="1", modes=("train",), readme="",
        configs=(), image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("p", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("m", "1" * 64, 1, None))
    return store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {})).id


def image(
    seq: int | None, name: str, step: float | None, *, sha256: str = SHA, caption: str | None = None
) -> NewTaskImage:
    return NewTaskImage(seq, name, step, f"{name}.png", sha256, 10, 8, 6, "image/png", caption)


def test_images_are_found_by_name_and_step_in_the_order_they_were_kept(store: Store) -> None:
    task = new_task(store)
    images = store.task_images
    assert (images.last_id(task), images.names(task)) == (None, ImageNames([], [], 0, 0))

    images.add(task, [image(5, "b", 2), image(6, "a", 2), image(7, "b", 0.5), image(None, "left.png", None)])

    assert [one.seq for one in images.list(task)] == [5, 6, 7, None]
    assert [one.seq for one in images.list(task, name="b")] == [5, 7]
    assert [one.seq for one in images.list(task, step=2)] == [5, 6]
    assert [one.name for one in images.list(task, step="none")] == ["left.png"]
    assert images.count(task, name="b", step=0.5) == 1
    last = images.list(task)[-1].id
    assert (images.last_id(task), images.list(task, after_id=last), len(images.list(task, limit=2))) == (last, [], 2)
    assert images.names(task) == ImageNames([("b", 2), ("a", 1), ("left.png", 1)], [0.5, 2.0], 1, 4)
    assert (images.totals(task), images.totals_by_task()) == ((4, 40), {task: (4, 40)})
    assert images.taken(task) == ({5, 6, 7}, {"a.png", "b.png", "left.png.png"})


def test_a_line_has_one_image_and_a_task_any_number_without_a_line(store: Store) -> None:
    task = new_task(store)
    for name in ("first", "second"):
        store.task_images.add(task, [image(5, name, 1), image(None, name, None)])

    assert [one.name for one in store.task_images.list(task)] == ["first", "first", "second"]


def test_no_text_or_number_of_a_plugin_fails(store: Store) -> None:
    task = new_task(store)
    odd = [image(1, "\ud800\0" * 600, float("inf"), caption="x" * 5000), image(2, "n", 1e308, caption="\0")]
    store.task_images.add(task, odd)

    first, second = store.task_images.list(task)
    assert (len(first.name), first.step, len(first.caption or "")) == (500, None, 2000)
    assert (second.step, second.caption) == (1e308, "␀")


def test_an_image_belongs_to_its_task_and_names_its_bytes_until_the_task_is_gone(store: Store) -> None:
    task, other = new_task(store), new_task(store)
    store.task_images.add(task, [image(1, "a", 1, sha256="cd" * 32)])
    (kept,) = store.task_images.list(task)

    assert store.task_images.get(task, kept.id) == kept
    with pytest.raises(NotFound, match=f"Task {other} has no image {kept.id}"):
        store.task_images.get(other, kept.id)
    with pytest.raises(NotFound, match="There is no task 99"):
        store.task_images.add(99, [image(1, "a", 1)])
    assert "cd" * 32 in store.blobs.named()
    with store.blobs.unnamed("cd" * 32) as is_free:
        assert not is_free
    assert store.task_images.hashes(task) == {"cd" * 32}

    store.tasks.claim("me", task_id=task)
    store.tasks.become(task, TaskStatus.STARTED)
    store.tasks.become(task, TaskStatus.FINISHED, reason="finished")
    store.tasks.give_up(task)
    assert store.tasks.purge(task)
    assert store.task_images.list(task) == []
    with store.blobs.unnamed("cd" * 32) as is_free:
        assert is_free
