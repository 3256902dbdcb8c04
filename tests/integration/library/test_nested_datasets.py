"""Datasets in datasets, in every place that a project passes: folder, archives, library, task folder, SDK, export."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

import supervisely_lib as sly
from agent import library
from agent.artifacts import open_artifacts
from agent.domain import NewTask, TaskType
from agent.errors import Conflict, Invalid, NotFound
from agent.formats.project import opened_project_folder
from agent.formats.task_dir import TaskDir
from agent.run.stage import stage
from agent.store import Wanted, open_store
from tests.support.inputs import ODD, write_model, write_project

NAMES = ["ds0", "group", "ds0/inner", "ds0/inner/innermost", "group/alone"]


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def artifacts(tmp_path):
    return open_artifacts(str(tmp_path / "artifacts"))


@pytest.fixture
def nested(tmp_path):
    """Three levels, and a folder that holds a dataset but no images of its own."""
    folder = write_project(tmp_path / "in" / "nested", images=1)
    for number, place in enumerate(
        ("ds0/datasets/inner", "ds0/datasets/inner/datasets/innermost", "group/datasets/alone")
    ):
        other = write_project(tmp_path / str(number), images=1 + number)
        shutil.copytree(other / "ds0", folder / place)
    return folder


def images(store, project):
    datasets = {dataset.id: dataset.name for dataset in store.datasets.list(project.id)}
    return [(datasets[image.dataset_id], image.name) for image in store.gallery.page(Wanted(project.id))]


def sdk_images(folder: Path) -> list[tuple[str, str]]:
    return [(dataset.name, name) for dataset in sly.Project(str(folder), sly.OpenMode.READ) for name in dataset]


def test_every_dataset_is_imported_whole_however_deep_it_lies(store, artifacts, nested):
    project = library.add_project(store, artifacts, nested)

    assert [dataset.name for dataset in store.datasets.list(project.id)] == NAMES
    assert images(store, project) == sdk_images(nested)
    assert project.images_count == 1 + 1 + 2 + 3


def test_the_sdk_has_the_official_names_and_paths(nested):
    project = sly.Project(str(nested), sly.OpenMode.READ)

    inner = project.datasets.get("ds0/inner/innermost")
    assert (inner.short_name, inner.parents) == ("innermost", ["ds0", "inner"])
    assert inner.path == "ds0/datasets/inner/datasets/innermost"
    assert inner.directory == str(nested / inner.path)
    alone = sly.Dataset(str(nested / "group/datasets/alone"), sly.OpenMode.READ)
    assert (alone.name, len(alone)) == ("group/alone", 3)


def test_a_dataset_made_by_its_full_name_lies_in_the_other(tmp_path, nested):
    made = sly.Project(str(nested), sly.OpenMode.READ).copy_data(str(tmp_path), "copy")

    assert made.datasets.get("ds0/inner").path == "ds0/datasets/inner"
    assert sdk_images(tmp_path / "copy") == sdk_images(nested)
    by_path = sly.Project(str(tmp_path / "new"), sly.OpenMode.CREATE).create_dataset("sub", "top/datasets/sub")
    assert (by_path.name, by_path.path) == ("top/sub", "top/datasets/sub")


def test_two_projects_that_differ_in_a_dataset_in_a_dataset_are_two(store, artifacts, nested, tmp_path):
    project = library.add_project(store, artifacts, nested)
    changed = Path(shutil.copytree(nested, tmp_path / "changed"))
    (changed / "ds0/datasets/inner/datasets/innermost/ann/im0_0.png.json").unlink()
    (changed / "ds0/datasets/inner/datasets/innermost/img/im0_0.png").unlink()

    other = library.add_project(store, artifacts, changed)

    assert other.id != project.id
    assert library.add_project(store, artifacts, nested) == project


def test_an_empty_dataset_counts_as_content(store, artifacts, nested, tmp_path):
    project = library.add_project(store, artifacts, nested)
    for part in ("img", "ann"):
        (nested / "empty" / part).mkdir(parents=True)

    more = library.add_project(store, artifacts, nested)

    assert more.id != project.id
    assert [dataset.name for dataset in store.datasets.list(more.id)] == ["ds0", "empty", "group", *NAMES[2:]]


@pytest.mark.parametrize("kind", ["tar", "zip", "gztar"])
def test_an_archive_of_the_project_is_the_project(store, artifacts, nested, tmp_path, kind):
    archive = shutil.make_archive(str(tmp_path / "nested"), kind, nested.parent, "nested")

    assert library.add_project(store, artifacts, Path(archive)) == library.add_project(store, artifacts, nested)


def test_an_export_and_a_downloaded_tar_are_the_project_again(store, artifacts, nested, tmp_path):
    project = library.add_project(store, artifacts, nested)

    dest = library.export_project(store, artifacts, project.id, tmp_path / "out")
    with tarfile.open(fileobj=io.BytesIO(b"".join(library.project_tar(store, artifacts, project)))) as tar:
        tar.extractall(tmp_path / "tar", filter="data")

    assert sdk_images(dest) == sdk_images(tmp_path / "tar" / "nested") == sdk_images(nested)
    assert library.add_project(store, artifacts, dest) == project
    assert library.add_project(store, artifacts, tmp_path / "tar" / "nested") == project


def test_a_training_sees_every_image(store, artifacts, nested, tmp_path):
    project = library.add_project(store, artifacts, nested)
    plugin = library.add_plugin_folder(store, ODD, "local")
    model = library.add_model(store, artifacts, write_model(tmp_path / "in" / "start"))
    task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}))
    task_dir = TaskDir(tmp_path / "tasks" / "1")

    stage(task, project, model, store=store, artifacts=artifacts, task_dir=task_dir, shared_ok=True)

    assert sdk_images(task_dir.path / "data" / "nested") == sdk_images(nested)


def test_an_empty_dataset_made_by_a_client_does_not_make_the_project_unreadable(store, artifacts, nested, tmp_path):
    project = library.add_project(store, artifacts, nested)
    store.datasets.add(project.id, "later")

    dest = library.export_project(store, artifacts, project.id, tmp_path / "out")

    assert sdk_images(dest) == sdk_images(nested)
    assert sly.Project(str(dest), sly.OpenMode.READ).datasets.has_key("later")
    again = library.add_project(store, artifacts, dest)
    assert {d.name for d in store.datasets.list(again.id)} == {*NAMES, "later"}


# ---------------------------------------------------------------- changes by the public API


def test_a_dataset_takes_the_datasets_in_it_along_when_it_is_renamed_or_removed(store, artifacts, nested):
    project = library.add_project(store, artifacts, nested)
    by_name = {dataset.name: dataset for dataset in store.datasets.list(project.id)}
    other = store.datasets.add(project.id, "ds0x").id  # begins with the same letters, but lies beside it

    store.datasets.edit(by_name["ds0"].id, name="first")
    assert store.datasets.get(by_name["ds0/inner/innermost"].id).name == "first/inner/innermost"
    assert store.datasets.parent_id(store.datasets.get(by_name["ds0/inner"].id)) == by_name["ds0"].id
    assert store.datasets.get(other).name == "ds0x"

    store.datasets.remove(by_name["ds0"].id)
    assert [dataset.name for dataset in store.datasets.list(project.id)] == ["group", "group/alone", "ds0x"]
    assert store.projects.get(project.id).images_count == 3


def test_a_dataset_has_a_parent_of_its_own_project_and_a_name_of_its_own(store, artifacts, nested):
    project = library.add_project(store, artifacts, nested)
    foreign = store.datasets.add(store.projects.create("other").id, "ds0")
    group = next(dataset for dataset in store.datasets.list(project.id) if dataset.name == "group")

    with pytest.raises(NotFound, match=f"has no dataset {foreign.id}"):
        store.datasets.add(project.id, "x", parent_id=foreign.id)
    with pytest.raises(Conflict, match="group/alone"):
        store.datasets.add(project.id, "alone", parent_id=group.id)


# ---------------------------------------------------------------- folders that are no datasets


def said(folder):
    try:
        with opened_project_folder(folder) as project:
            return [str(note) for note in project.notes]
    except Invalid as error:
        return [str(problem) for problem in error.problems]


def test_a_folder_that_only_groups_gives_its_datasets_their_own_names(nested):
    (nested / "2024").mkdir()
    (nested / "ds0").rename(nested / "2024" / "ds0")

    assert said(nested) == []
    assert [name for name, _ in sdk_images(nested)].count("ds0/innermost") == 0
    assert {name for name, _ in sdk_images(nested)} == {"ds0", "ds0/inner", "ds0/inner/innermost", "group/alone"}


def test_a_hidden_dataset_is_ignored_and_named(nested):
    shutil.copytree(nested / "ds0", nested / ".Trash" / "ds0")
    (nested / "ds0").rename(nested / ".ds0")
    (nested / ".cache").mkdir()

    assert said(nested) == [".ds0: is a dataset, but it is hidden and is ignored."]


def test_two_datasets_of_one_name_are_refused(nested):
    shutil.copytree(nested / "ds0", nested / "2024" / "ds0")

    assert "2024/ds0: is a second dataset named 'ds0', like ds0. Rename one of the folders." in said(nested)


def test_a_link_that_leads_back_into_the_project_is_not_followed_for_ever(nested):
    (nested / "ds0" / "datasets" / "loop").symlink_to("../..")
    (nested / "ds0" / "again").symlink_to("..")

    assert said(nested) == [
        "ds0/again: is no dataset and is ignored.",
        "ds0/datasets/loop: is no dataset and is ignored.",
    ]


def test_folders_deeper_than_anybody_reads_are_refused(nested):
    deep = nested / "ds0" / Path(*["datasets/x"] * 40)
    (deep / "img").mkdir(parents=True)

    assert any(sentence.endswith("lies too deep to be read. Move it up.") for sentence in said(nested))
