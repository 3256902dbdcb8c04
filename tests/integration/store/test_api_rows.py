"""Data of API clients that files do not hold: settings, descriptions, meta of images, announced uploads."""

from __future__ import annotations

import pytest

from agent.domain import NewImage, Provenance
from agent.errors import Conflict, NotFound
from agent.store import NamesTaken, Store

PICTURE = NewImage("a.png", "a" * 64, 10, 4, 3, "image/png", "{}", {"camera": 1})


def test_extras_of_a_project_are_kept_key_by_key(store: Store) -> None:
    project = store.projects.create("p", "said")
    assert project.extra == {}
    store.projects.edit(project.id, extra={"settings": {"groupImages": True}})
    store.projects.edit(project.id, extra={"customData": {"a": [1, None]}})
    changed = store.projects.edit(project.id, extra={"customData": {}})
    assert changed.extra == {"settings": {"groupImages": True}, "customData": {}}
    assert store.projects.get(project.id) == changed


def test_datasets_and_images_are_described_and_changed(store: Store) -> None:
    project = store.projects.create("p")
    dataset = store.datasets.add(project.id, "ds", "first")
    image, other = store.images.add(dataset.id, [PICTURE, NewImage("b.png", "b" * 64, 5, 4, 3, "image/png", "")])
    assert (dataset.description, image.meta, other.meta) == ("first", {"camera": 1}, None)
    assert store.datasets.edit(dataset.id, description="second").name == "ds"
    assert store.datasets.get(dataset.id).description == "second"
    assert store.datasets.sizes([dataset.id, 77]) == {dataset.id: 15, 77: 0}
    assert store.images.edit(image.id, name="c.png", meta={"camera": 2}).meta == {"camera": 2}
    with pytest.raises(NamesTaken) as refused:
        store.images.edit(image.id, name="b.png")
    assert refused.value.taken == {"b.png": other.id}
    with pytest.raises(NamesTaken, match="1 more") as refused:
        store.images.add(dataset.id, [NewImage(n, "c" * 64, 1, 1, 1, "image/png", "") for n in ("b.png", "c.png")])
    assert refused.value.taken == {"b.png": other.id, "c.png": image.id}
    with pytest.raises(NotFound):
        store.images.edit(10**6, name="x")


def test_counts_follow_what_is_removed_from_several_datasets(store: Store) -> None:
    project = store.projects.create("p")
    datasets = [store.datasets.add(project.id, name) for name in "ab"]
    images = [store.images.add(dataset.id, [PICTURE])[0] for dataset in datasets]
    store.images.remove([image.id for image in images])
    after = store.projects.get(project.id)
    assert (after.images_count, after.size_bytes) == (0, 0)
    assert [store.datasets.get(dataset.id).images_count for dataset in datasets] == [0, 0]


def test_an_announced_model_is_seen_with_its_bytes(store: Store) -> None:
    id_ = store.models.reserve("word", "net", Provenance(task_id=5, train_config={"lr": 1}))
    assert store.models.list() == []
    for look in (lambda: store.models.get(id_), lambda: store.models.find("net"), lambda: store.models.reserved("x")):
        with pytest.raises(NotFound):
            look()
    assert store.models.of_bytes("") == []

    filled = store.models.fill("word", name="net", sha256="c" * 64, size_bytes=9, config={"a": 1})
    assert (filled.id, filled.upload_hash, filled.config, filled.provenance.task_id) == (id_, "word", {"a": 1}, 5)
    assert store.models.list() == [filled]
    assert store.models.fill("word", name="net", sha256="c" * 64, size_bytes=9, config={}) == filled  # sent again
    with pytest.raises(Conflict):
        store.models.fill("word", name="net", sha256="d" * 64, size_bytes=9, config={})
    with pytest.raises(NotFound):
        store.models.fill("other", name="net", sha256="d" * 64, size_bytes=9, config={})
