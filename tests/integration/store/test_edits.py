"""Changes of projects: counts stay correct, names stay unique, a change is made completely or not at all."""

from __future__ import annotations

import pytest

from agent.domain import NewImage, NewProject, Task
from agent.errors import Conflict, NotFound
from agent.store import Store
from tests.support.tasks import project_of

EMPTY = '{"objects": [], "tags": []}'


def picture(name: str, size_bytes: int = 10) -> NewImage:
    return NewImage(name, "ab" * 32, size_bytes, 4, 3, "image/png", EMPTY)


def test_a_project_grows_from_nothing(store: Store):
    project = store.projects.create("Fruit", "drawn")
    dataset = store.datasets.add(project.id, "ds0")
    added = store.images.add(dataset.id, [picture("b.png"), picture("a.png", 5)])
    known = store.projects.get(project.id)

    assert project.meta == {"classes": [], "tags": []}
    assert [image.name for image in added] == ["b.png", "a.png"]
    assert (known.images_count, known.size_bytes) == (2, 15)
    assert store.datasets.get(dataset.id).images_count == 2
    assert list(store.images.of_dataset(dataset.id)) == added


def test_names_of_projects_datasets_and_images_are_unique(store: Store):
    project = store.projects.create("Fruit")
    other = store.projects.create("Other")
    dataset = store.datasets.add(project.id, "ds0")
    second = store.datasets.add(project.id, "ds1")
    store.images.add(dataset.id, [picture("a.png")])
    for change in (
        lambda: store.projects.create("Fruit"),
        lambda: store.projects.edit(other.id, name="Fruit"),
        lambda: store.datasets.add(project.id, "ds0"),
        lambda: store.datasets.edit(second.id, name="ds0"),
        lambda: store.images.add(dataset.id, [picture("b.png"), picture("a.png")]),
        lambda: store.images.add(dataset.id, [picture("c.png"), picture("c.png")]),
    ):
        with pytest.raises(Conflict):
            change()

    assert [image.name for image in store.images.of_dataset(dataset.id)] == ["a.png"]
    assert store.projects.edit(project.id, name="Fruit", description="same name").description == "same name"
    assert store.datasets.edit(second.id, name="ds1").name == "ds1"


def test_changing_an_unknown_project_dataset_or_image_is_not_found(store: Store):
    for change in (
        lambda: store.projects.edit(9, name="x"),
        lambda: store.projects.remove(9),
        lambda: store.datasets.add(9, "x"),
        lambda: store.datasets.edit(9, name="x"),
        lambda: store.datasets.remove(9),
        lambda: store.images.add(9, [picture("x")]),
        lambda: store.images.annotate({9: EMPTY}),
    ):
        with pytest.raises(NotFound):
            change()
    store.images.remove([9])


def test_annotations_are_replaced_all_or_none(store: Store):
    dataset = store.datasets.add(store.projects.create("Fruit").id, "ds0")
    first, second = store.images.add(dataset.id, [picture("a.png"), picture("b.png")])
    with pytest.raises(NotFound, match="999"):
        store.images.annotate({first.id: '{"changed": 1}', 999: EMPTY})
    assert store.images.get(first.id).annotation == EMPTY
    store.images.annotate({first.id: '{"one": 1}', second.id: '{"two": 2}'})

    assert [image.annotation for image in store.images.of_dataset(dataset.id)] == ['{"one": 1}', '{"two": 2}']


def test_a_changed_project_is_no_longer_what_was_imported(store: Store):
    for change in (
        lambda p, d, i: store.projects.edit(p, meta={"classes": []}),
        lambda p, d, i: store.datasets.add(p, "more"),
        lambda p, d, i: store.images.annotate({i: '{"changed": 1}'}),
        lambda p, d, i: store.images.remove([i]),
        lambda p, d, i: store.datasets.remove(d),
    ):
        project = store.projects.add(NewProject("P", "", {}, "cd" * 32, [("ds0", [picture("a.png")])]))
        (dataset,) = store.datasets.list(project.id)
        (image,) = store.images.of_dataset(dataset.id)
        assert store.projects.by_content("cd" * 32) == project
        change(project.id, dataset.id, image.id)
        assert store.projects.by_content("cd" * 32) is None
    renamed = store.projects.add(NewProject("Q", "", {}, "cd" * 32, []))
    store.projects.edit(renamed.id, name="R")
    assert store.projects.by_content("cd" * 32) is not None


def test_removing_brings_the_counts_down(store: Store):
    project = store.projects.create("Fruit")
    kept, gone = (store.datasets.add(project.id, name) for name in ("kept", "gone"))
    images = store.images.add(kept.id, [picture(f"{i}.png") for i in range(3)])
    store.images.add(gone.id, [picture("x.png")])
    store.images.remove([images[0].id, 4711])
    store.datasets.remove(gone.id)

    assert store.projects.get(project.id).images_count == 2
    assert store.projects.get(project.id).size_bytes == 20
    store.projects.remove(project.id)
    with pytest.raises(NotFound):
        store.projects.get(project.id)
    assert len(store.images.by_id([images[1].id])) == 1  # it may come back
    assert store.projects.purge(project.id)
    assert store.images.by_id([images[1].id]) == []


def test_a_project_that_a_task_uses_cannot_be_removed(store: Store, task: Task):
    with pytest.raises(Conflict, match=f"Task {task.id} uses project"):
        store.projects.remove(project_of(task))


def test_pages_of_images_are_filtered_sorted_and_counted(store: Store):
    dataset = store.datasets.add(store.projects.create("Fruit").id, "ds0")
    images = store.images.add(dataset.id, [picture(f"{i:02}.png", 100 - i) for i in range(10)])

    def names(**query):
        total, found = store.images.page(dataset.id, **query)
        return total, [image.name[:2] for image in found]

    assert names(limit=3) == (10, ["00", "01", "02"])
    assert names(limit=3, offset=9) == (10, ["09"])
    assert names(limit=2, sort="name", descending=True) == (10, ["09", "08"])
    assert names(limit=2, sort="size") == (10, ["09", "08"])
    assert names(names=["03.png", "05.png", "no.png"]) == (2, ["03", "05"])
    assert names(ids=[images[4].id], names=["05.png"]) == (0, [])
    assert [i.id for i in store.images.by_id([images[3].id, 4711, images[1].id])] == [images[3].id, images[1].id]
