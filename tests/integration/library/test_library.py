"""The library with the real store and artifacts: content is imported once and found by references."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import NewModel
from agent.engines import ImageInfo
from agent.errors import BadInput, Conflict, Invalid, NotFound
from agent.formats import model_state
from agent.formats.project import opened_project_folder
from agent.fs.half_made import HalfMade
from agent.library.projects import project_contents
from agent.store import open_store
from tests.support.inputs import ODD, write_model, write_project


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def artifacts(tmp_path):
    return open_artifacts(str(tmp_path / "artifacts"))


@pytest.fixture
def fruit(tmp_path):
    return write_project(tmp_path / "in" / "fruit", images=3, datasets=2)


@pytest.fixture
def start(tmp_path):
    return write_model(tmp_path / "in" / "start")


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "in")
    return tmp_path / "in"


# Projects


def test_a_project_keeps_images_and_annotations_byte_for_byte(store, artifacts, fruit):
    odd = fruit / "ds0" / "ann" / "im0_0.png.json"
    odd.write_text(json.dumps(json.loads(odd.read_text()) | {"extra": "ü"}, indent=3, ensure_ascii=False) + "\n")

    project = library.add_project(store, artifacts, fruit)

    assert (project.name, project.images_count, project.task_id) == ("fruit", 6, None)
    assert project.meta == json.loads((fruit / "meta.json").read_text())
    datasets = store.datasets.list(project.id)
    assert [dataset.name for dataset in datasets] == ["ds0", "ds1"]
    for dataset in datasets:
        for image in store.images.of_dataset(dataset.id):
            source = fruit / dataset.name / "img" / image.name
            assert image.annotation == (fruit / dataset.name / "ann" / f"{image.name}.json").read_text()
            assert artifacts.path(image.sha256).read_bytes() == source.read_bytes()
            assert (image.width, image.height, image.mime) == (8, 6, "image/png")
            assert image.size_bytes == source.stat().st_size


def test_the_same_content_is_imported_once_wherever_it_lies(store, artifacts, fruit, tmp_path):
    first = library.add_project(store, artifacts, fruit)
    shutil.copytree(fruit, tmp_path / "elsewhere")

    assert library.add_project(store, artifacts, fruit) == first
    assert library.add_project(store, artifacts, tmp_path / "elsewhere") == first
    assert library.add_project(store, artifacts, fruit, name="fruit") == first
    assert len(store.projects.list()) == 1


def test_another_name_for_the_same_content_is_another_project_of_the_same_bytes(store, artifacts, fruit, tmp_path):
    library.add_project(store, artifacts, fruit)
    blobs = len(list((tmp_path / "artifacts").rglob("*")))

    assert library.add_project(store, artifacts, fruit, name="berries").name == "berries"
    assert len(list((tmp_path / "artifacts").rglob("*"))) == blobs


def test_a_name_taken_by_other_content_is_made_free(store, artifacts, fruit):
    library.add_project(store, artifacts, fruit)
    for number in (1, 2):
        (fruit / "ds0" / "img" / f"im0_{number}.png").unlink()
        assert library.add_project(store, artifacts, fruit).name == f"fruit_00{number}"


def test_a_result_project_is_always_its_own(store, artifacts, fruit):
    from agent.domain import NewTask, TaskType

    plugin = library.add_plugin_folder(store, ODD, "local")
    project = library.add_project(store, artifacts, fruit)
    model = library.empty_model(store, artifacts)
    new = NewTask(TaskType.INFERENCE, "predictions", plugin.id, project.id, model.id, {})
    tasks = [store.tasks.add(new) for _ in range(2)]

    made = [library.add_project(store, artifacts, fruit, name="predictions", task_id=task.id) for task in tasks]

    assert [(one.name, one.task_id) for one in made] == [("predictions", tasks[0].id), ("predictions_001", tasks[1].id)]


@pytest.mark.parametrize("packed", ["content", "folder", "compressed"])
def test_a_tar_of_a_project_is_the_project(store, artifacts, fruit, tmp_path, packed):
    tar = tmp_path / "fruit.tar"
    with tarfile.open(tar, "w:gz" if packed == "compressed" else "w") as archive:
        archive.add(fruit, arcname="fruit" if packed == "folder" else ".")

    project = library.add_project(store, artifacts, tar)

    assert project.name == "fruit"
    assert library.add_project(store, artifacts, fruit) == project


def test_a_bad_tar_of_a_project_is_refused(store, artifacts, tmp_path):
    tar = tmp_path / "fruit.tar"
    with tarfile.open(tar, "w") as archive:
        archive.addfile(tarfile.TarInfo("../evil"))

    with pytest.raises(Invalid, match=r"\.\./evil: has a path with `\.\.`, which leaves the archive\."):
        library.add_project(store, artifacts, tar)


def test_a_bad_project_is_refused_with_all_problems_and_leaves_nothing(store, artifacts, fruit, tmp_path):
    (fruit / "ds0" / "ann" / "im0_0.png.json").write_text("{")
    (fruit / "ds1" / "ann" / "im1_0.png.json").unlink()
    before = list((tmp_path / "artifacts").rglob("*"))

    with pytest.raises(Invalid, match="Project 'fruit' has 2 problems:"):
        library.add_project(store, artifacts, fruit)

    assert store.projects.list() == []
    assert list((tmp_path / "artifacts").rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a/b", "The project's name 'a/b' contains a slash. Give it another name."),
        ("..", "The project's name '..' is not a name. Give it another name."),
        ("x" * 300, "is 300 bytes long; the limit is 250. Give it another name."),
        ("a\nb", r"contains control characters. Give it another name."),
    ],
)
def test_a_name_that_cannot_be_a_folders_is_refused_at_import(store, artifacts, fruit, name, sentence):
    with pytest.raises(BadInput) as caught:
        library.add_project(store, artifacts, fruit, name=name)
    assert sentence in str(caught.value)


def test_an_export_can_be_imported_again_as_the_same_project(store, artifacts, fruit, tmp_path):
    project = library.add_project(store, artifacts, fruit)

    dest = library.export_project(store, artifacts, project.id, tmp_path / "out")

    assert dest == tmp_path / "out" / "fruit"
    with opened_project_folder(dest) as exported:
        assert exported.name == "fruit"
    for path in fruit.rglob("*.png"):
        assert (dest / path.relative_to(fruit)).read_bytes() == path.read_bytes()
    assert library.add_project(store, artifacts, dest) == project
    for path in dest.rglob("*.png"):
        path.write_bytes(b"edited")  # it is the user's: the library's bytes are others
    assert artifacts.open(next(store.images.of_dataset(1)).sha256, verify=True).close() is None
    with pytest.raises(Conflict, match=r"fruit exists\. Choose another folder or remove it\."):
        library.export_project(store, artifacts, project.id, tmp_path / "out")


def test_objects_of_an_export_name_their_shapes_for_readers_that_need_it(store, artifacts, fruit, tmp_path):
    project = library.add_project(store, artifacts, fruit)

    dest = library.export_project(store, artifacts, project.id, tmp_path / "out")

    for path in dest.rglob("*.png.json"):
        labels = json.loads(path.read_text())["objects"]
        assert labels
        assert all(label["geometryType"] == label["shape"] == "rectangle" for label in labels)


def test_a_project_that_an_earlier_version_imported_is_known_again(store, artifacts, fruit):
    """It knew the content by the annotations' bytes, whether or not objects named their shapes."""
    with opened_project_folder(fruit) as folder:
        now, before = project_contents(folder)
    assert now != before
    project = library.add_project(store, artifacts, fruit)
    with store._db.writing() as connection:
        connection.exec_driver_sql(f"UPDATE projects SET content_sha256 = '{before}'")

    assert library.add_project(store, artifacts, fruit).id == project.id


def test_an_import_from_two_threads_at_once_is_one_project(store, artifacts, fruit):
    threads = [threading.Thread(target=library.add_project, args=(store, artifacts, fruit)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(store.projects.list()) == 1


# Model states


def test_a_folder_and_its_tar_are_the_same_model(store, artifacts, start, tmp_path):
    model = library.add_model(store, artifacts, start)
    model_state.pack_file(start, tmp_path / "start.tar", HalfMade(tmp_path / "half"))

    assert (model.name, model.only_train) == ("start", False)
    assert model.config == {"settings": {}, "classes": [], "class_title_to_idx": {}}
    assert library.add_model(store, artifacts, tmp_path / "start.tar") == model
    assert library.add_model(store, artifacts, start, name="start") == model


def test_a_plain_tar_is_kept_as_it_is_and_a_compressed_one_uncompressed(store, artifacts, start, tmp_path):
    plain = tmp_path / "plain.tar"
    subprocess.run(["tar", "-cf", plain, "-C", start, "."], check=True)
    (tmp_path / "small.tar.gz").write_bytes(gzip.compress(plain.read_bytes()))

    model = library.add_model(store, artifacts, plain)

    assert model.sha256 == hashlib.sha256(plain.read_bytes()).hexdigest()
    assert library.add_model(store, artifacts, tmp_path / "small.tar.gz") == model


def test_a_taken_model_name_is_made_free_and_only_train_is_another_entry(store, artifacts, start):
    library.add_model(store, artifacts, start)

    assert library.add_model(store, artifacts, start, only_train=True).name == "start_001"
    (start / "model.pt").write_bytes(b"other")
    assert library.add_model(store, artifacts, start).name == "start_002"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"net/config.json": b"{}"}, "net/config.json: lies in the folder 'net/'"),
        ({"model.pt": b"x"}, "config.json: is missing at the top level"),
        ({"config.json": b"nope"}, "config.json: line 1 column 1: is not JSON"),
    ],
)
def test_a_tar_that_is_no_model_state_is_refused_and_not_kept(store, artifacts, tmp_path, files, sentence):
    for name, data in files.items():
        (tmp_path / "bad" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bad" / name).write_bytes(data)
    tar = tmp_path / "bad.tar"
    subprocess.run(["tar", "-cf", tar, "-C", tmp_path / "bad", "."], check=True)

    with pytest.raises(Invalid) as caught:
        library.add_model(store, artifacts, tar)

    assert sentence in str(caught.value)
    assert not artifacts.exists(hashlib.sha256(tar.read_bytes()).hexdigest())


def test_the_model_to_start_from_scratch_is_one_and_empty(store, artifacts, monkeypatch):
    model = library.empty_model(store, artifacts)

    monkeypatch.setattr(artifacts, "lock", None)  # it is made once, and found without a lock
    assert library.empty_model(store, artifacts) == model
    assert model.config is None
    with artifacts.open(model.sha256) as tar:
        assert model_state.members(tar) == []


def test_an_exported_model_is_the_tar(store, artifacts, start, tmp_path):
    model = library.add_model(store, artifacts, start)

    tar = library.export_model(store, artifacts, model.id, tmp_path / "out" / "x.tar")

    assert hashlib.sha256(tar.read_bytes()).hexdigest() == model.sha256
    with pytest.raises(Conflict):
        library.export_model(store, artifacts, model.id, tar)
    assert library.export_model(store, artifacts, model, tar, replace=True) == tar
    assert [entry.name for entry in tar.parent.iterdir()] == ["x.tar"]


# Plugins


def test_a_plugin_folder_is_added_under_the_registry_and_brought_up_to_date(store, tmp_path):
    folder = tmp_path / "odd"
    shutil.copytree(ODD, folder)

    plugin = library.add_plugin_folder(store, folder, "local")
    again = library.add_plugin_folder(store, folder, "local")
    (folder / "src" / "more.py").write_text("x = 1\n")
    changed = library.add_plugin_folder(store, folder, "local")

    assert plugin.image.startswith("local/")
    assert (again.id, again.content_sha256) == (plugin.id, plugin.content_sha256)
    assert changed.id == plugin.id
    assert changed.content_sha256 != plugin.content_sha256
    assert changed.folder == str(folder)


def test_an_image_keeps_the_folder_it_was_built_from_while_the_content_is_the_same(store):
    plugin = library.add_plugin_folder(store, ODD, "local")
    labels = {"INFO": base64.b64encode(b'{"title": "Odd"}').decode(), "MODES": "train"}

    def add(**more):
        return library.add_plugin_image(store, ImageInfo(plugin.reference, "sha256:1", labels | more))

    assert add(CONTENT_SHA256=plugin.content_sha256).folder == plugin.folder
    assert library.add_plugin_folder(store, ODD, "local").image_digest == "sha256:1"
    other = add()
    assert (other.id, other.folder, other.image_digest) == (plugin.id, None, "sha256:1")


def test_a_plugin_is_where_its_folder_or_its_image_is(store):
    labels = {"INFO": base64.b64encode(b'{"title": "Odd"}').decode(), "MODES": "train"}
    local = library.add_plugin_folder(store, ODD, "local", node="a")
    assert (local.node, local.folder) == ("a", str(ODD))
    labels["CONTENT_SHA256"] = str(local.content_sha256)
    assert library.add_plugin_image(store, ImageInfo(local.reference, "sha256:1", labels), node="a").folder == str(ODD)
    elsewhere = library.add_plugin_image(store, ImageInfo(local.reference, "sha256:1", labels), node="b")
    assert (elsewhere.node, elsewhere.folder) == ("b", None)

    pushed = library.add_plugin_folder(store, ODD, "registry.example/lab", node="a")
    everywhere = library.add_plugin_image(store, ImageInfo(pushed.reference, "sha256:1", labels), node="a")
    assert (everywhere.id, everywhere.node, everywhere.folder) == (pushed.id, None, None)


# References


def test_a_project_is_found_by_id_name_and_path(store, artifacts, fruit, here):
    project = library.add_project(store, artifacts, fruit)

    for reference in (project.id, str(project.id), "fruit", "./fruit", str(fruit), Path("fruit")):
        assert library.resolve_project(store, artifacts, reference) == project


def test_a_path_is_imported_when_it_is_referred_to(store, artifacts, fruit, start, here):
    assert library.resolve_project(store, artifacts, "fruit").name == "fruit"
    assert library.resolve_model(store, artifacts, "start").name == "start"
    assert library.resolve_plugin(store, str(ODD), "local").folder == str(ODD)


def test_a_name_that_is_also_a_path_with_other_content_is_refused(store, artifacts, fruit, start, here):
    project = library.add_project(store, artifacts, fruit)
    model = library.add_model(store, artifacts, start)
    (fruit / "ds0" / "img" / "im0_0.png").unlink()
    (start / "model.pt").write_bytes(b"other")

    with pytest.raises(Conflict) as caught:
        library.resolve_project(store, artifacts, "fruit")
    assert str(caught.value) == (
        "'fruit' is project 1 in the library and also a path here with other content. "
        "Write 1 for that project, ./fruit for the path."
    )
    with pytest.raises(Conflict, match=r"Write 1 for that model, \./start for the path"):
        library.resolve_model(store, artifacts, "start")
    assert library.resolve_project(store, artifacts, "1") == project
    assert library.resolve_project(store, artifacts, "./fruit").name == "fruit_001"
    assert library.resolve_model(store, artifacts, model.sha256) == model


def test_a_folder_that_is_no_project_does_not_hide_the_project_of_that_name(store, artifacts, fruit, here):
    project = library.add_project(store, artifacts, fruit)
    shutil.rmtree(fruit)
    fruit.mkdir()

    assert library.resolve_project(store, artifacts, "fruit") == project


def test_a_name_that_is_also_the_id_of_another_is_refused(store, artifacts, fruit):
    library.add_project(store, artifacts, fruit)
    library.add_project(store, artifacts, fruit, name="1")

    with pytest.raises(Conflict, match=r"'1' can mean several projects: 1, 2\. Give the id\."):
        library.resolve_project(store, artifacts, "1")
    assert library.resolve_project(store, artifacts, 1).name == "fruit"


def test_a_name_of_several_models_is_refused(store, artifacts, start):
    model = library.add_model(store, artifacts, start)
    store.models.add(NewModel("start", "0" * 64, 1, None))

    with pytest.raises(Conflict, match="'start' can mean several models: 2, 1"):
        library.resolve_model(store, artifacts, "start")
    assert library.resolve_model(store, artifacts, model.sha256[:12]) == model


def test_an_unknown_reference_is_not_found(store, artifacts, here):
    for resolve in (
        lambda text: library.resolve_project(store, artifacts, text),
        lambda text: library.resolve_model(store, artifacts, text),
        lambda text: library.resolve_plugin(store, text, "local"),
    ):
        with pytest.raises(NotFound, match="'nothing': no id, no name and no path here"):
            resolve("nothing")
        with pytest.raises(NotFound, match=r"There is no folder.* \./nothing\."):
            resolve("./nothing")
        with pytest.raises(NotFound, match="'99999999999999999999'"):
            resolve("99999999999999999999")


def test_a_plugin_is_found_by_reference_title_and_image(store, here):
    plugin = library.add_plugin_folder(store, ODD, "local")

    for reference in (plugin.id, str(plugin.id), plugin.reference, plugin.image, plugin.title, ODD):
        assert library.resolve_plugin(store, reference, "local").id == plugin.id


def test_a_plugin_known_by_its_title_is_brought_up_to_date_from_the_folder_beside(store, here):
    shutil.copytree(ODD, here / "odd")
    info = json.loads((here / "odd" / "plugin_info.json").read_text())
    (here / "odd" / "plugin_info.json").write_text(json.dumps(info | {"title": "odd", "description": "old"}))
    plugin = library.add_plugin_folder(store, here / "odd", "local")
    (here / "odd" / "plugin_info.json").write_text(json.dumps(info | {"title": "odd", "description": "new"}))

    found = library.resolve_plugin(store, "odd", "local")

    assert (found.id, found.description) == (plugin.id, "new")


def test_an_image_the_engine_has_is_added_when_nothing_else_fits(store):
    asked = []

    def find_image(reference):
        asked.append(reference)
        return ImageInfo(reference, "sha256:1", {"MODES": "train"})

    plugin = library.resolve_plugin(store, "reg:5000/nn-net:1", "local", find_image=find_image)

    assert (plugin.reference, plugin.title, asked) == ("reg:5000/nn-net:1", "nn-net", ["reg:5000/nn-net:1"])
    assert library.resolve_plugin(store, "reg:5000/nn-net:1", "local", find_image=find_image) == plugin
    assert len(asked) == 1
