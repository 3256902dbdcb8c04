"""Projects changed piece by piece: counts stay true, names stay free, all or nothing."""

from __future__ import annotations

import pytest

from agent.domain import NewImage, NewProject, Task
from agent.errors import Conflict, NotFound
from agent.store import Store

EMPTY = '{"objects": [], "tags": []}'


def picture(name: str, size_bytes: int = 10) -> NewImage:
    return NewImage(name, "ab" * 32, size_bytes, 4, 3, "image/png", EMPTY)


def test_a_project_grows_from_nothing(store: Store):
    project = store.edits.create("Fruit", "drawn")
    dataset = store.edits.add_dataset(project.id, "ds0")
    added = store.edits.add_images(dataset.id, [picture("b.png"), picture("a.png", 5)])
    known = store.projects.get(project.id)

    assert project.meta == {"classes": [], "tags": []}
    assert [image.name for image in added] == ["b.png", "a.png"]
    assert (known.images_count, known.size_bytes) == (2, 15)
    assert store.projects.dataset(dataset.id).images_count == 2
    assert list(store.projects.images(dataset.id)) == added


def test_a_name_is_taken_once(store: Store):
    project = store.edits.create("Fruit")
    other = store.edits.create("Other")
    dataset = store.edits.add_dataset(project.id, "ds0")
    second = store.edits.add_dataset(project.id, "ds1")
    store.edits.add_images(dataset.id, [picture("a.png")])
    for change in (
        lambda: store.edits.create("Fruit"),
        lambda: store.edits.edit(other.id, name="Fruit"),
        lambda: store.edits.add_dataset(project.id, "ds0"),
        lambda: store.edits.edit_dataset(second.id, name="ds0"),
        lambda: store.edits.add_images(dataset.id, [picture("b.png"), picture("a.png")]),
        lambda: store.edits.add_images(dataset.id, [picture("c.png"), picture("c.png")]),
    ):
        with pytest.raises(Conflict):
            change()

    assert [image.name for image in store.projects.images(dataset.id)] == ["a.png"]
    assert store.edits.edit(project.id, name="Fruit", description="same name").description == "same name"
    assert store.edits.edit_dataset(second.id, name="ds1").name == "ds1"


def test_what_is_not_there_is_said(store: Store):
    for change in (
        lambda: store.edits.edit(9, name="x"),
        lambda: store.edits.remove(9),
        lambda: store.edits.add_dataset(9, "x"),
        lambda: store.edits.edit_dataset(9, name="x"),
        lambda: store.edits.remove_dataset(9),
        lambda: store.edits.add_images(9, [picture("x")]),
        lambda: store.edits.annotate({9: EMPTY}),
    ):
        with pytest.raises(NotFound):
            change()
    store.edits.remove_images([9])


def test_annotations_are_replaced_all_or_none(store: Store):
    dataset = store.edits.add_dataset(store.edits.create("Fruit").id, "ds0")
    first, second = store.edits.add_images(dataset.id, [picture("a.png"), picture("b.png")])
    with pytest.raises(NotFound, match="999"):
        store.edits.annotate({first.id: '{"changed": 1}', 999: EMPTY})
    assert store.projects.image(first.id).annotation == EMPTY
    store.edits.annotate({first.id: '{"one": 1}', second.id: '{"two": 2}'})

    assert [image.annotation for image in store.projects.images(dataset.id)] == ['{"one": 1}', '{"two": 2}']


def test_a_changed_project_is_no_longer_what_was_imported(store: Store):
    for change in (
        lambda p, d, i: store.edits.edit(p, meta={"classes": []}),
        lambda p, d, i: store.edits.add_dataset(p, "more"),
        lambda p, d, i: store.edits.annotate({i: '{"changed": 1}'}),
        lambda p, d, i: store.edits.remove_images([i]),
        lambda p, d, i: store.edits.remove_dataset(d),
    ):
        project = store.projects.add(NewProject("P", "", {}, "cd" * 32, [("ds0", [picture("a.png")])]))
        (dataset,) = store.projects.datasets(project.id)
        (image,) = store.projects.images(dataset.id)
        assert store.projects.by_content("cd" * 32) == project
        change(project.id, dataset.id, image.id)
        assert store.projects.by_content("cd" * 32) is None
    renamed = store.projects.add(NewProject("Q", "", {}, "cd" * 32, []))
    store.edits.edit(renamed.id, name="R")
    assert store.projects.by_content("cd" * 32) is not None


def test_removing_brings_the_counts_down(store: Store):
    project = store.edits.create("Fruit")
    kept, gone = (store.edits.add_dataset(project.id, name) for name in ("kept", "gone"))
    images = store.edits.add_images(kept.id, [picture(f"{i}.png") for i in range(3)])
    store.edits.add_images(gone.id, [picture("x.png")])
    store.edits.remove_images([images[0].id, 4711])
    store.edits.remove_dataset(gone.id)

    assert store.projects.get(project.id).images_count == 2
    assert store.projects.get(project.id).size_bytes == 20
    store.edits.remove(project.id)
    with pytest.raises(NotFound):
        store.projects.get(project.id)
    assert store.edits.images_by_id([images[1].id]) == []


def test_a_project_of_a_task_stays(store: Store, task: Task):
    with pytest.raises(Conflict, match=f"task {task.id}"):
        store.edits.remove(task.project_id)


def test_pages_of_images_are_filtered_sorted_and_counted(store: Store):
    dataset = store.edits.add_dataset(store.edits.create("Fruit").id, "ds0")
    images = store.edits.add_images(dataset.id, [picture(f"{i:02}.png", 100 - i) for i in range(10)])

    def names(**query):
        total, found = store.edits.image_page(dataset.id, **query)
        return total, [image.name[:2] for image in found]

    assert names(limit=3) == (10, ["00", "01", "02"])
    assert names(limit=3, offset=9) == (10, ["09"])
    assert names(limit=2, sort="name", descending=True) == (10, ["09", "08"])
    assert names(limit=2, sort="size") == (10, ["09", "08"])
    assert names(names=["03.png", "05.png", "no.png"]) == (2, ["03", "05"])
    assert names(ids=[images[4].id], names=["05.png"]) == (0, [])
    assert [i.id for i in store.edits.images_by_id([images[3].id, 4711, images[1].id])] == [images[3].id, images[1].id]
