"""What was deleted, for good or not, with real folders: what goes, in which order, and what a death leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import NewImage, NewModel, NewTaskImage, Provenance, Task, TaskStatus
from agent.errors import StorageFailed
from agent.installation import Installation
from agent.library import blobs as library_blobs
from agent.library.bulk import Wish, act, weigh
from agent.maintenance import trash
from agent.maintenance.cleanup import find_orphans
from agent.maintenance.retention import find_expired
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import ODD, write_model, write_project
from tests.support.tasks import project_of, queue_task

Build = Callable[..., Installation]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """An installation with its own settings over the same store and blobs."""
    opened = []

    def build(**changes: Any) -> Installation:
        settings = Settings(home=tmp_path / "home", engine="process", **changes)
        settings.home.mkdir(exist_ok=True)
        store = open_store(settings.store)
        opened.append(store)
        return Installation(store, open_artifacts(settings.artifacts), settings)

    yield build
    for store in opened:
        store.close()


@pytest.fixture
def ended(build: Build, tmp_path: Path) -> Task:
    """A finished task that has left a folder, a snapshot and a log."""
    installation = build()
    plugin = library.add_plugin_folder(installation.store, ODD, "local")
    project = library.add_project(installation.store, installation.artifacts, write_project(tmp_path / "fruit"))
    start = library.add_model(installation.store, installation.artifacts, write_model(tmp_path / "start"))
    task = queue_task(installation, plugin=plugin, project=project, model=start, name="net")
    installation.store.tasks.claim("me", task_id=task.id)
    installation.store.tasks.become(task.id, TaskStatus.STARTED)
    for name in (f"{task.id}/logs", f"{task.id}/results", f"{task.id}.snapshots/0"):
        folder = installation.settings.tasks / name
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 5000)
    return installation.store.tasks.become(task.id, TaskStatus.FINISHED, reason="finished")


def folders(installation: Installation) -> list[str]:
    return sorted(path.name for path in installation.settings.tasks.iterdir())


def test_the_trash_is_emptied_after_its_days_and_the_folders_go_with_the_task(build: Build, ended: Task) -> None:
    installation = build(trash_days=1)
    installation.store.tasks.remove(ended.id)
    assert [one.kind for one in find_expired(installation)] == []
    assert len(folders(installation)) == 2
    assert weigh(installation.store, installation.settings, [ended.id, 99]).folder_bytes >= 15_000

    due = build(trash_days=0)
    expired = list(find_expired(due))
    assert [(one.kind, one.name, one.size_bytes >= 15_000) for one in expired] == [
        ("trash", f"task {ended.id}: net", True)
    ]
    assert [one.remove() for one in expired] == [""]

    assert folders(installation) == []
    assert installation.store.tasks.given_up() == []
    assert [one.remove() for one in expired] == [""]  # a second time changes nothing


def test_with_a_task_go_the_images_that_it_logged_and_their_bytes(
    build: Build, ended: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = build(trash_days=0)
    store, artifacts = installation.store, installation.artifacts
    mine, shared = artifacts.put_bytes(b"my image"), artifacts.put_bytes(b"an image of a project, too")
    project = store.datasets.list(project_of(ended))[0]
    store.images.add(project.id, [NewImage("same.png", shared.sha256, 26, 8, 6, "image/png", "{}")])
    new = [
        NewTaskImage(seq, "val", 1, "a.png", blob.sha256, 26, 8, 6, "image/png")
        for seq, blob in enumerate((mine, shared))
    ]
    store.task_images.add(ended.id, new)
    monkeypatch.setattr(library_blobs.collect_blob, "__kwdefaults__", {"idle_s": 0.0})
    assert store.blobs.named() >= {mine.sha256, shared.sha256}

    weight = weigh(store, installation.settings, [ended.id])
    assert (weight.logged_images, weight.logged_bytes) == (2, 52)
    store.tasks.remove(ended.id)
    (expired,) = [one for one in find_expired(installation) if one.kind == "trash"]
    assert expired.size_bytes >= 15_052
    assert expired.remove() == ""

    assert not artifacts.exists(mine.sha256)
    assert artifacts.exists(shared.sha256)
    assert store.task_images.totals_by_task() == {}


def test_a_task_that_came_back_meanwhile_is_not_deleted(build: Build, ended: Task) -> None:
    installation = build(trash_days=0)
    installation.store.tasks.remove(ended.id)
    expired = list(find_expired(installation))
    installation.store.tasks.restore(ended.id)
    assert [one.remove() for one in expired] == [""]
    assert len(folders(installation)) == 2
    assert installation.store.tasks.get(ended.id).deleted_at is None


def test_what_a_dead_process_has_begun_to_delete_is_deleted_by_the_next_sweep(
    build: Build, ended: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = build()

    def dies(*_: object) -> None:
        raise StorageFailed("the disk is away")

    installation.store.tasks.give_up(ended.id)
    with monkeypatch.context() as patched:
        patched.setattr(trash, "_delete_places", dies)
        assert [one.remove() for one in find_orphans(installation)] == ["the disk is away"]
    assert installation.store.tasks.given_up() == [ended.id]

    assert [(one.kind, one.name, one.remove()) for one in find_orphans(installation)] == [("trash", "task 1", "")]

    assert (folders(installation), list(find_orphans(installation))) == ([], [])


def test_everything_goes_in_one_round_in_the_order_of_need(build: Build, ended: Task) -> None:
    installation = build(trash_days=0)
    store = installation.store
    for noun, id_ in (
        ("task", ended.id), ("project", project_of(ended)), ("model", ended.model_id), ("plugin", ended.plugin_id),
    ):  # fmt: skip
        (outcome,) = act(store, noun, [id_], Wish(action="remove"))  # type: ignore[arg-type]
        assert outcome.error is None
    assert [one.remove() for one in find_expired(installation)] == [""] * 4
    assert (store.projects.count(), store.models.count(), store.plugins.list()) == (0, 0, [])
    assert all(not part.trashed() for part in (store.tasks, store.projects, store.models, store.plugins))


def test_each_of_many_has_its_outcome(build: Build, ended: Task) -> None:
    installation = build()
    store = installation.store
    queued = queue_task(
        installation,
        plugin=store.plugins.get(ended.plugin_id),
        project=store.projects.get(project_of(ended)),
        model=store.models.get(ended.model_id),
        name="waits",
    )
    done, refused, missing = act(store, "task", [ended.id, queued.id, 99, ended.id], Wish(action="remove"))
    assert (done.error, refused.reason, missing.reason) == (None, "conflict", "not_found")
    assert f"`agent task stop {queued.id}`" in (refused.error or "")
    assert [task.id for task in store.tasks.trashed()] == [ended.id]


def test_results_go_with_their_task_where_nothing_needs_them(build: Build, ended: Task) -> None:
    installation = build()
    store = installation.store
    made = [
        store.models.add(NewModel(name, sha * 32, 10, None, provenance=Provenance(task_id=ended.id)))
        for name, sha in (("a", "ab"), ("b", "cd"))
    ]
    store.models.pin(made[0].id)
    (outcome,) = act(store, "task", [ended.id], Wish(action="remove", with_results=True))
    assert (outcome.error, len(outcome.stayed)) == (None, 1)
    assert "pinned" in outcome.stayed[0]
    assert (outcome.models, outcome.projects) == ((made[1].id,), ())
    assert [model.id for model in store.models.trashed()] == [made[1].id]
