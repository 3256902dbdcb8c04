"""Lists as a person reads them: searched, narrowed, sorted and counted over everything, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.domain import NewModel, NewProject, NewTask, Provenance, TaskStatus, TaskType
from agent.errors import BadInput
from agent.store import ModelQuestion, ProjectQuestion, Store, TaskQuestion, Window

Add = Callable[..., Any]


@pytest.fixture
def add(store: Store, new_task: Callable[..., NewTask]) -> Add:
    def add(name: str, **changes: object) -> Any:
        return store.tasks.add(new_task(store, name=name, **changes))

    return add


def names(store: Store, window: Window | None = None, **question: Any) -> list[str]:
    return [task.name for task in store.tasks.search(TaskQuestion(**question), window or Window()).values]


def test_words_are_found_in_any_order_and_case_and_in_the_names_of_what_a_task_uses(store: Store, add: Add) -> None:
    for name in ("Ёжик unet", "Straße 7", "100% done"):
        add(name)

    assert names(store, words="UNET ёЖИК") == ["Ёжик unet"]
    assert names(store, words="straße") == ["Straße 7"]
    assert names(store, words="100%") == ["100% done"]
    assert names(store, words="_") == names(store, words="1%d") == []
    assert len(names(store, words="FRUIT net start")) == 3, "project, plugin and model"
    first = store.tasks.search(TaskQuestion(), Window()).values[-1]
    assert names(store, words=f"#{first.id}") == [first.name]
    assert names(store, words="9" * 40) == []
    with pytest.raises(BadInput, match="at most 20"):
        names(store, words=" ".join(f"w{i}" for i in range(21)))


def test_counts_are_of_everything_that_fits_but_for_the_chosen_status(store: Store, add: Add) -> None:
    tasks = [add(f"run {i}") for i in range(12)]
    for task in tasks[:5]:
        store.tasks.request_stop(task.id)
    found = store.tasks.search(TaskQuestion(words="run", statuses=[TaskStatus.STOPPED]), Window(2))

    assert [task.name for task in found.values] == ["run 4", "run 3"]
    assert found.total == 5
    assert found.counts == {"queued": 7, "stopped": 5}
    assert store.tasks.search(TaskQuestion(words="run 11"), Window(1)).counts == {"queued": 2}
    assert store.tasks.search(TaskQuestion(type=TaskType.INFERENCE), Window()).total == 0
    assert store.tasks.search(TaskQuestion(has_metrics=False), Window()).total == 12
    assert store.tasks.search(TaskQuestion(has_metrics=True), Window()).total == 0


def test_pages_in_any_order_have_every_task_once(store: Store, add: Add) -> None:
    for i in (3, 1, 2, 1, 3):
        add(f"run {i}")
    store.tasks.claim("agent", task_id=store.tasks.list()[0].id)
    for sort in ("id", "-id", "name", "-name", "status", "started", "-duration"):
        pages = [store.tasks.search(TaskQuestion(), Window(2, offset, sort=sort)).values for offset in (0, 2, 4)]
        ids = [task.id for page in pages for task in page]
        assert len(ids) == len(set(ids)) == 5, sort

    assert names(store, Window(sort="name")) == ["run 1", "run 1", "run 2", "run 3", "run 3"]
    assert names(store, Window(sort="-name", offset=1)) == ["run 3", "run 2", "run 1", "run 1"]
    with pytest.raises(BadInput, match=r"'colour'.*id, name, status"):
        names(store, Window(sort="colour"))
    with pytest.raises(BadInput, match="offset"):
        names(store, Window(sort="name", before_id=3))


def test_models_are_counted_by_origin_and_the_best_of_each_task_is_known(store: Store) -> None:
    def add(name: str, task: int | None, *, best: bool | None = None) -> int:
        origin = Provenance(task_id=task, is_best=best, plugin_image="local/Net:1")
        return store.models.add(NewModel(name, "a" * 64, 10, {}, provenance=origin)).id

    add("Mine", None)
    add("first", 7, best=True)
    second = add("second", 7, best=True)
    add("third", 7, best=False)
    trashed = add("gone", 7, best=True)
    store.models.remove(trashed)
    found = store.models.search(ModelQuestion(origin="made"), Window(1))

    assert (found.total, found.counts) == (3, {"made": 3, "brought": 1})
    assert store.models.best_of_tasks([7, 8]) == {second}
    assert [m.name for m in store.models.search(ModelQuestion(words="LOCAL mine"), Window()).values] == ["Mine"]
    assert [m.name for m in store.models.search(ModelQuestion(), Window(2, sort="name")).values] == ["first", "Mine"]


def test_projects_are_found_by_the_titles_of_their_classes_only(store: Store) -> None:
    def add(name: str, meta: Any) -> None:
        store.projects.add(NewProject(name, "", meta, name * 8, []))

    classes = [{"title": 'Яблоко "red"', "shape": "bitmap", "color": "#ff0000"}, {"title": "pear", "shape": "polygon"}]
    add("fruit", {"classes": classes})
    for number, broken in enumerate(({}, {"classes": "pear"}, {"classes": ["pear", 7, None, {"title": ["pear"]}]})):
        add(f"odd{number}", broken)

    def found(words: str) -> list[str]:
        listing, _ = store.projects.search(ProjectQuestion(words), Window())
        return [project.name for project in listing.values]

    assert "fruit" in found("PEAR")
    assert found("яБЛОКО") == found('"red"') == ["fruit"]
    assert found("bitmap") == found("title") == []
    assert found("odd1") == ["odd1"]


def test_plugins_are_listed_by_image_with_their_newest_version(store: Store) -> None:
    def put(image: str, tag: str, title: str) -> None:
        store.plugins.put(
            title=title, description="", type="", image=image, tag=tag, modes=(), readme="", configs=(),
            image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip

    for tag in ("1", "2", "3"):
        put("local/unet", tag, f"UNet {tag}")
    put("local/yolo", "1", "Yolo")
    found = store.plugins.search("", Window(1), newest=True)

    assert [(plugin.title, versions) for plugin, versions in found.values] == [("Yolo", 1)]
    assert found.total == 2
    ((unet, versions),) = store.plugins.search("unet", Window(), newest=True).values
    assert (unet.tag, versions) == ("3", 3)
    assert store.plugins.search("unet", Window()).total == 3
