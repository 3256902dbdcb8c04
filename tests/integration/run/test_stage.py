"""The task folder as a plugin finds it, from the real store and artifacts."""

from __future__ import annotations

import io
import json
import tracemalloc
from functools import partial

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import NewImage, NewProject, NewTask, TaskOptions, TaskType
from agent.errors import Invalid, NotFound
from agent.formats.task_dir import TaskDir
from agent.recorder import Recorder
from agent.run.cancellation import Cancelled, Cause
from agent.run.stage import Progress, stage
from agent.store import open_store
from tests.support.inputs import ODD, write_model, write_project


class Bench:
    def __init__(self, tmp_path, store):
        self.store = store
        self.artifacts = open_artifacts(str(tmp_path / "artifacts"))
        self.fruit = write_project(tmp_path / "in" / "fruit", images=3, datasets=2)
        self.start = write_model(tmp_path / "in" / "start")
        self.plugin = library.add_plugin_folder(store, ODD, "local")
        self.project = library.add_project(store, self.artifacts, self.fruit)
        self.model = library.add_model(store, self.artifacts, self.start)
        self.dir = TaskDir(tmp_path / "tasks" / "1")

    def stage(self, *, project=None, model=None, shared_ok=True, kind=TaskType.TRAIN, config=None, **more):
        project, model = project or self.project, model or self.model
        options = TaskOptions(writable_data=more.pop("writable_data", False))
        config = {"b": 1, "a": 1.0} if config is None else config
        new = NewTask(kind, "net", self.plugin.id, project.id, model.id, config, options)
        return stage(
            self.store.tasks.add(new),
            project,
            model,
            store=self.store,
            artifacts=self.artifacts,
            task_dir=self.dir,
            shared_ok=shared_ok,
            **more,
        )

    def tree(self):
        return sorted(str(path.relative_to(self.dir.path)) for path in self.dir.path.rglob("*") if path.is_file())


@pytest.fixture
def bench(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield Bench(tmp_path, store)


def test_a_training_folder_is_that_of_the_contract(bench):
    staged = bench.stage()

    images = [f"ds{d}/img/im{d}_{i}.png" for d in (0, 1) for i in range(3)]
    annotations = [f"ds{d}/ann/im{d}_{i}.png.json" for d in (0, 1) for i in range(3)]
    assert bench.tree() == sorted(
        [
            "__do_not_clean.marker",
            "task_config.json",
            "task_settings.json",
            "model/config.json",
            "model/model.pt",
            *(f"data/fruit/{name}" for name in ("meta.json", *images, *annotations)),
        ]
    )
    assert [path.name for path in bench.dir.data.iterdir()] == ["fruit"]
    assert bench.dir.results.is_dir()
    assert bench.dir.tmp.is_dir()
    assert (staged.images_count, staged.model_files) == (6, 2)
    assert bench.dir.config_path.read_text() == bench.dir.settings_path.read_text() == '{"b": 1, "a": 1.0}'


def test_inference_has_no_tmp(bench):
    bench.stage(kind=TaskType.INFERENCE)

    assert not bench.dir.tmp.exists()


def test_the_config_has_the_bytes_of_the_official_agent(bench):
    config = {"z": [1, {"ü": 1e-5}], "a": None}
    bench.stage(config=config)

    official = io.StringIO()
    json.dump(config, official)
    assert bench.dir.config_path.read_text() == bench.dir.settings_path.read_text() == official.getvalue()


def test_images_are_staged_byte_for_byte_and_every_object_names_its_shape(bench):
    bench.stage()

    for path in bench.fruit.rglob("*.png"):
        assert (bench.dir.data / "fruit" / path.relative_to(bench.fruit)).read_bytes() == path.read_bytes()
    for path in bench.fruit.rglob("*.png.json"):
        expected = json.loads(path.read_text())
        for label in expected["objects"]:
            label |= {"geometryType": "rectangle", "shape": "rectangle"}
        assert json.loads((bench.dir.data / "fruit" / path.relative_to(bench.fruit)).read_text()) == expected


def test_classes_and_tags_have_ids_as_in_the_meta_that_a_server_gives_an_agent(bench):
    bench.stage()

    given = json.loads((bench.fruit / "meta.json").read_text())
    staged = json.loads((bench.dir.data / "fruit" / "meta.json").read_text())
    for key in ("classes", "tags"):
        ids = [item.pop("id") for item in staged[key]]
        assert all(isinstance(id_, int) for id_ in ids)
    assert staged == given


def test_keys_keep_their_order_and_numbers_their_type(bench):
    bench.stage(config={"z": 1, "a": {"y": 1.0, "x": [1, 2.5, 1e-5]}, "m": True, "n": None, "ü": "ü"})

    text = bench.dir.config_path.read_text(encoding="ascii")
    assert text == '{"z": 1, "a": {"y": 1.0, "x": [1, 2.5, 1e-05]}, "m": true, "n": null, "\\u00fc": "\\u00fc"}'


@pytest.mark.parametrize(
    ("shared_ok", "writable_data", "may_share"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_images_are_shared_only_when_nobody_can_write_to_them(bench, shared_ok, writable_data, may_share):
    staged = bench.stage(shared_ok=shared_ok, writable_data=writable_data)

    image = next(bench.store.images.of_dataset(1))
    staged_file = bench.dir.data / "fruit" / "ds0" / "img" / image.name
    assert staged_file.samefile(bench.artifacts.path(image.sha256)) == (staged.data_method == "hardlink")
    if not may_share:
        assert staged.data_method in ("reflink", "copy")
        staged_file.write_bytes(b"scribble")
        bench.artifacts.open(image.sha256, verify=True).close()


def test_the_model_is_always_the_tasks_own(bench):
    bench.stage()
    (bench.dir.model / "model.pt").write_bytes(b"frozen")
    (bench.dir.model / "model.pb").write_bytes(b"new")

    bench.stage()

    assert sorted(path.name for path in bench.dir.model.iterdir()) == ["config.json", "model.pt"]
    assert (bench.dir.model / "model.pt").read_bytes() == b"start"


def test_staging_again_wipes_what_an_earlier_attempt_left(bench):
    bench.stage()
    for place in (bench.dir.data / "fruit" / "old", bench.dir.data / "other", bench.dir.results / "00000000"):
        place.mkdir()
    (bench.dir.logs / "log.txt").write_text("kept")

    bench.stage()

    assert not list(bench.dir.path.rglob("old"))
    assert [path.name for path in bench.dir.data.iterdir()] == ["fruit"]
    assert list(bench.dir.results.iterdir()) == []
    assert (bench.dir.logs / "log.txt").exists()


def test_an_empty_model_gives_an_empty_folder(bench):
    bench.stage(model=library.empty_model(bench.store, bench.artifacts))

    assert list(bench.dir.model.iterdir()) == []


def add_project(bench, name="p", dataset="ds", images=("a.png",), annotation="{}"):
    blob = bench.artifacts.put_bytes(b"image")
    rows = [NewImage(image, blob.sha256, 5, 8, 6, "image/png", annotation) for image in images]
    return bench.store.projects.add(NewProject(name, "", {"classes": [], "tags": []}, "c" * 64, [(dataset, rows)]))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"name": "../evil"}, "../evil: the project's name contains a slash, so it cannot be a folder's."),
        ({"name": ".."}, "..: the project's name is not a name, so it cannot be a folder's."),
        ({"dataset": "../../evil"}, "../../evil: the dataset's name has a part that is not a name. Rename it."),
        ({"images": ["../../../evil.png"]}, "../../../evil.png: the image's name contains a slash. Rename it."),
        ({"images": ["x" * 300 + ".png"]}, "the image's name is 304 bytes long; the limit is 250. Rename it."),
        ({"images": ["a", "a.png"]}, "a.png: the image's name appears twice in its dataset. Rename it."),
    ],
)
def test_names_in_the_store_that_would_leave_the_folder_are_refused(bench, tmp_path, names, sentence):
    with pytest.raises(Invalid) as caught:
        bench.stage(project=add_project(bench, **names))

    assert sentence in str(caught.value)
    assert not list(tmp_path.rglob("evil*"))


def test_an_image_without_extension_gets_the_one_of_its_kind(bench):
    bench.stage(project=add_project(bench, images=["scan.1"]))

    assert "data/p/ds/img/scan.1.png" in bench.tree()
    assert "data/p/ds/ann/scan.1.png.json" in bench.tree()


def test_an_image_without_annotation_gets_an_empty_one(bench):
    bench.stage(project=add_project(bench, annotation=""))

    assert json.loads((bench.dir.data / "p" / "ds" / "ann" / "a.png.json").read_text()) == {
        "description": "",
        "size": {"height": 6, "width": 8},
        "tags": [],
        "objects": [],
    }


def test_missing_bytes_are_not_found_and_nothing_half_staged_is_left(bench):
    bench.artifacts.delete(next(bench.store.images.of_dataset(2)).sha256)

    with pytest.raises(NotFound, match="There is no blob"):
        bench.stage()

    assert not bench.dir.data.exists()
    assert not bench.dir.model.exists()
    assert bench.dir.marker.exists()


def test_a_stop_ends_the_staging(bench):
    def stopped():
        raise Cancelled(Cause.STOPPED_BY_USER, "stopped")

    with pytest.raises(Cancelled):
        bench.stage(keep_going=stopped)
    assert not bench.dir.data.exists()


def test_cost_grows_with_files_not_with_bytes(bench):
    """Sharing 64 images of 4 MiB each moves no image byte, on any disk."""
    blobs = [bench.artifacts.put_bytes(bytes([number]) * (4 << 20)) for number in range(64)]
    images = [NewImage(f"{i}.png", blob.sha256, 4 << 20, 8, 6, "image/png", "{}") for i, blob in enumerate(blobs)]
    project = bench.store.projects.add(NewProject("big", "", {"classes": []}, "d" * 64, [("ds", images)]))

    tracemalloc.start()
    staged = bench.stage(project=project)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert staged.data_method in ("reflink", "hardlink")
    assert peak < 4 << 20


def test_a_staging_that_takes_long_tells_how_far_it_is(bench, monkeypatch):
    monkeypatch.setattr("agent.library.project_files._TOLD_EVERY", 2)
    monkeypatch.setattr("agent.run.stage.TOLD_S", 0)
    told = []

    class Told(Recorder):
        def __init__(self):
            pass

        def progress(self, *values):
            told.append(values)

    bench.stage(progress=partial(Progress(Told(), "Staging images").tell, total=bench.project.images_count))

    assert told == [("Staging images", count, 6) for count in (0, 2, 4)]


def test_images_behind_a_url_come_together_and_their_folder_is_the_same(bench, tmp_path, monkeypatch):
    bench.artifacts = open_artifacts(f"memory://{tmp_path.name}/blobs", cache_dir=tmp_path / "first")
    bench.project = library.add_project(bench.store, bench.artifacts, bench.fruit, name="far")
    bench.model = library.add_model(bench.store, bench.artifacts, bench.start)
    bench.artifacts = open_artifacts(f"memory://{tmp_path.name}/blobs", cache_dir=tmp_path / "second")
    brought = []
    bring = bench.artifacts.bring

    def counted(blobs, keep_going):
        wanted = list(blobs)
        brought.append(len(wanted))
        bring(wanted, keep_going)

    monkeypatch.setattr(bench.artifacts, "bring", counted)

    assert bench.stage().images_count == 6
    assert brought == [3, 3]
    for image in bench.dir.data.rglob("*.png"):
        assert image.read_bytes() == (bench.fruit / image.relative_to(bench.dir.data / "far")).read_bytes()
