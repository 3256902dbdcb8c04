"""Plugins, projects, models, checkpoints and agents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.domain import (
    CheckpointState,
    Model,
    NewImage,
    NewModel,
    NewProject,
    NewTask,
    Plugin,
    Provenance,
    Task,
    TaskStatus,
)
from agent.errors import Conflict, NotFound
from agent.events.model import CheckpointReported
from agent.store import Store


def put(store: Store, image: str, tag: str, title: str = "UNet", **changes: object) -> Plugin:
    said: dict[str, Any] = {
        "description": "d",
        "type": "architecture",
        "modes": ["train", "inference"],
        "readme": "# Read",
        "configs": [{"title": "quick", "config": {"lr": 0.1}}],
        "image_digest": None,
        "folder": None,
        "content_sha256": None,
    }
    return store.plugins.put(title=title, image=image, tag=tag, **(said | changes))


def test_a_plugin_version_is_replaced_and_keeps_its_id(store: Store) -> None:
    first = put(store, "local/unet", "1")
    again = put(store, "local/unet", "1", title="U-Net", image_digest="sha256:1", folder="/src/unet")

    assert again == store.plugins.get(first.id)
    assert again == replace(
        first, title="U-Net", image_digest="sha256:1", folder="/src/unet", updated_at=again.updated_at
    )
    assert again.reference == "local/unet:1"
    assert (first.modes, first.configs) == (("train", "inference"), ({"title": "quick", "config": {"lr": 0.1}},))


def test_a_plugin_keeps_the_schemas_of_its_configs_beside_its_presets(store: Store) -> None:
    schemas = {"train": {"properties": {"lr": {"type": "number"}}}}
    plain, with_schemas = put(store, "a", "1"), put(store, "b", "1", config_schemas=schemas)

    assert (plain.config_schemas, with_schemas.config_schemas) == ({}, schemas)
    assert store.plugins.get(with_schemas.id).configs == plain.configs
    assert put(store, "b", "1").config_schemas == {}, "the version was replaced"


def test_a_plugin_is_found_by_reference_image_and_title(store: Store) -> None:
    one, two = put(store, "host:5000/unet", "1"), put(store, "host:5000/unet", "2")
    other = put(store, "local/yolo", "7", title="YOLO")

    assert store.plugins.find("host:5000/unet:1") == one
    assert store.plugins.find("host:5000/unet") == two
    assert store.plugins.find("UNet") == two
    assert store.plugins.find("YOLO") == other
    assert [plugin.id for plugin in store.plugins.list()] == [other.id, two.id, one.id]
    with pytest.raises(NotFound, match="There is no plugin 'nothing'"):
        store.plugins.find("nothing")
    with pytest.raises(NotFound, match="There is no plugin 99"):
        store.plugins.get(99)


def test_a_title_of_several_images_asks_which_one(store: Store) -> None:
    put(store, "local/a", "1")
    put(store, "local/b", "2")

    with pytest.raises(Conflict, match="Several plugins are called 'UNet': local/b:2, local/a:1"):
        store.plugins.find("UNet")


def image(name: str) -> NewImage:
    return NewImage(name, "a" * 64, 100, 8, 6, "image/png", '{ "objects": [] }')


def test_a_project_keeps_datasets_and_images_in_order(store: Store) -> None:
    meta = {"classes": [{"title": "z"}, {"title": "a"}], "tags": []}
    project = store.projects.add(
        NewProject("fruit", "d", meta, "b" * 64, [("z", [image("2.png"), image("1.png")]), ("a", [])])
    )

    assert project == store.projects.get(project.id) == store.projects.by_content("b" * 64)
    assert (project.images_count, project.size_bytes, project.meta) == (2, 200, meta)
    z, a = store.datasets.list(project.id)
    assert [(z.name, z.images_count), (a.name, a.images_count)] == [("z", 2), ("a", 0)]
    assert store.datasets.get(z.id) == z
    two, one = store.images.of_dataset(z.id)
    assert (two.name, one.name, one.annotation) == ("2.png", "1.png", '{ "objects": [] }')
    assert store.images.get(one.id) == one
    assert list(store.images.of_dataset(a.id)) == []


def test_many_images_are_read_page_by_page(store: Store) -> None:
    project = store.projects.add(NewProject("p", "", {}, "b" * 64, [("d", [image(f"{i}.png") for i in range(1203)])]))
    (dataset,) = store.datasets.list(project.id)

    everything = list(store.images.of_dataset(dataset.id))

    assert [found.name for found in everything] == [f"{i}.png" for i in range(1203)]
    assert list(store.images.of_dataset(dataset.id, after_id=everything[600].id, limit=501)) == everything[601:1102]
    assert list(store.images.of_dataset(dataset.id, limit=0)) == []


def test_a_project_is_found_by_the_newest_of_its_name(store: Store) -> None:
    old, new = (store.projects.add(NewProject("p", "", {}, sha * 64, [])) for sha in "cd")

    assert store.projects.find("p") == new
    assert store.projects.list(name="p") == [new, old]
    assert store.projects.list(before_id=new.id) == [old]
    assert store.projects.by_content("e" * 64) is None
    for ask in (
        lambda: store.projects.find("q"),
        lambda: store.projects.get(99),
        lambda: store.datasets.get(99),
        lambda: store.images.get(99),
    ):
        with pytest.raises(NotFound, match="There is no"):
            ask()


def add_model(store: Store, name: str, sha: str, **changes: Any) -> Model:
    return store.models.add(NewModel(name, sha, 10, {"classes": []}, **changes))


def test_a_model_remembers_where_it_came_from(store: Store) -> None:
    origin = Provenance(3, 0, True, {"epoch": 1.5}, 4, "local/net:1", "sha256:1", 5, 6, {"lr": 0.1})
    model = add_model(store, "net", "a" * 64, only_train=True, description="d", provenance=origin)

    assert model == store.models.get(model.id)
    assert (model.provenance, model.only_train, model.config) == (origin, True, {"classes": []})
    assert store.models.list(task_id=3) == [model]
    assert store.models.list(task_id=4) == []


def test_a_model_is_found_by_name_or_the_beginning_of_its_hash(store: Store) -> None:
    old, new = add_model(store, "net", "a" * 64), add_model(store, "net", "b" * 64)
    twin = add_model(store, "twin", "a" * 64)
    near = add_model(store, "near", "b" * 63 + "c")

    assert store.models.find("net") == new
    assert store.models.find("a" * 64) == store.models.of_bytes("a" * 64)[0] == twin
    assert store.models.find("a" * 8) == twin
    assert store.models.find("b" * 63 + "c") == near
    assert store.models.list(name="net") == [new, old]
    assert store.models.list(limit=1, before_id=twin.id) == [new]
    assert store.models.of_bytes("d" * 64) == []
    with pytest.raises(Conflict, match="Several models have a sha256 that begins with bbbbbbbb"):
        store.models.find("b" * 8)
    for unknown in ("aaaa", "nothing", "d" * 64, "\0\ud800"):
        with pytest.raises(NotFound, match="There is no model named"):
            store.models.find(unknown)


def test_the_beginning_of_a_hash_means_models_outside_the_trash(store: Store) -> None:
    gone, stays = add_model(store, "gone", "ab" * 32), add_model(store, "stays", "ab" * 31 + "cd")
    store.models.remove(gone.id)
    assert store.models.find("ab" * 8) == stays
    store.models.remove(stays.id)
    with pytest.raises(NotFound):
        store.models.find("ab" * 8)
    store.models.restore(gone.id)
    assert store.models.find("ab" * 8) == gone


def test_a_model_is_renamed_unless_a_person_has_done_so(store: Store) -> None:
    model = add_model(store, "net (00000001)", "a" * 64)
    store.models.rename(model.id, "net", instead_of=model.name)

    renamed = store.models.get(model.id)
    assert renamed == replace(model, name="net", updated_at=renamed.updated_at)
    store.models.edit(model.id, name="better")
    store.models.rename(model.id, "net", instead_of=model.name)
    assert store.models.get(model.id).name == "better"
    store.models.rename(99, "x", instead_of="y")  # deleted meanwhile


def test_a_checkpoint_reported_twice_is_one(store: Store, task: Task) -> None:
    first = store.checkpoints.add(task.id, 5, CheckpointReported(0, "00000000", 2048, True, {"epoch": 0.5}))
    again = store.checkpoints.add(task.id, 5, CheckpointReported(9, "other", 1, False, None))
    other = store.checkpoints.add(task.id, 9, CheckpointReported(2**70, "00000000", -1, False, None))

    assert again == first == store.checkpoints.get(first.id)
    assert (first.state, first.index, first.subdir, first.optional) == (
        CheckpointState.SNAPSHOT,
        0,
        "00000000",
        {"epoch": 0.5},
    )
    assert other.index == 2**63 - 1
    assert store.checkpoints.list(task.id) == [first, other]


def test_a_checkpoint_is_published_or_failed(store: Store, task: Task) -> None:
    good = store.checkpoints.add(task.id, 1, CheckpointReported(0, "0", 1, True, None))
    bad = store.checkpoints.add(task.id, 2, CheckpointReported(1, "1", 1, False, None))
    new = NewModel("net", "a" * 64, 10, {}, provenance=Provenance(task_id=task.id))

    model, failed = store.checkpoints.publish(good.id, new), store.checkpoints.fail(bad.id, "folder is gone")

    assert model == store.models.find("net")
    assert store.checkpoints.get(good.id) == replace(good, state=CheckpointState.PUBLISHED, model_id=model.id)
    assert failed == replace(bad, state=CheckpointState.FAILED, reason="folder is gone")
    with pytest.raises(Conflict, match=f"already published as model {model.id}"):
        store.checkpoints.fail(good.id, "no")
    assert store.checkpoints.publish(good.id, new) == model  # the answer may have been lost with the connection
    with pytest.raises(Conflict, match=f"already published as model {model.id}"):
        store.checkpoints.publish(good.id, replace(new, sha256="b" * 64))
    assert store.models.list(name="net") == [model]


def test_an_unknown_checkpoint_is_not_found(store: Store) -> None:
    new = NewModel("net", "a" * 64, 10, {})
    for ask, what in (
        (lambda: store.checkpoints.get(99), "checkpoint 99"),
        (lambda: store.checkpoints.fail(99, "r"), "checkpoint 99"),
        (lambda: store.checkpoints.publish(99, new), "checkpoint 99"),
        (lambda: store.checkpoints.add(98, 1, CheckpointReported(0, "0", 1, True, None)), "task 98"),
    ):
        with pytest.raises(NotFound, match=f"There is no {what}"):
            ask()
    assert store.models.list(name="net") == []


def test_agents_are_listed_by_their_last_heartbeat(store: Store) -> None:
    store.agents.beat("a", "old name", {})
    store.agents.beat("b", "laptop", {"pid": 7})
    store.agents.beat("a", "server", {"pid": 8})

    newest, oldest = store.agents.list()

    assert (newest.id, newest.name, newest.info) == ("a", "server", {"pid": 8})
    assert (oldest.id, oldest.name, oldest.info) == ("b", "laptop", {"pid": 7})
    assert newest.last_seen >= oldest.last_seen


def test_agents_unseen_for_long_are_forgotten_unless_they_hold_a_task(store: Store, task: Task) -> None:
    store.tasks.claim("holder", task_id=task.id)
    for agent_id in ("holder", "left"):
        store.agents.beat(agent_id, agent_id, {})

    assert store.agents.forget(unseen_for=timedelta(minutes=1)) == 0
    assert store.agents.forget(unseen_for=timedelta(seconds=-1)) == 1
    assert [agent.id for agent in store.agents.list()] == ["holder"]

    store.tasks.become(task.id, TaskStatus.ERROR)
    assert store.agents.forget(unseen_for=timedelta(seconds=-1)) == 1


def test_pages_of_tasks_and_models_are_by_number_with_the_total(store: Store, new_task: Callable[..., NewTask]) -> None:
    ids = [store.tasks.add(new_task(store)).id for _ in range(5)]

    newest, oldest = store.tasks.page(limit=2), store.tasks.page(limit=2, offset=2, ascending=True)
    beyond = store.tasks.page(limit=2, offset=50)

    assert [task.id for task in newest.values] == ids[:-3:-1]
    assert [task.id for task in oldest.values] == ids[2:4]
    assert (newest.total, oldest.total, beyond.total) == (5, 5, 5)
    assert not beyond.values
    names = [model.name for model in store.models.list()]
    page = store.models.page(limit=10, name=names[0])
    assert (page.total, {model.name for model in page.values}) == (names.count(names[0]), {names[0]})
