"""Projects, folders and JSON files on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import supervisely_lib as sly
from supervisely_lib.annotation.invalid import InvalidMeta
from supervisely_lib.imaging.image import ImageExtensionError, ImageReadException
from supervisely_lib.io.json import InvalidJson

META: dict[str, Any] = {"classes": [{"title": "box", "shape": "rectangle", "color": "#010203"}], "tags": []}
ANN: dict[str, Any] = {"size": {"height": 4, "width": 5}, "tags": [], "objects": []}
PIXELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


def a_project(root: Path, *images: str, annotations: list[str] | None = None) -> Path:
    """Project p with dataset ds of these images, annotated in files of these names."""
    folder = root / "p" / "ds"
    for part in ("img", "ann"):
        (folder / part).mkdir(parents=True)
    (root / "p" / "meta.json").write_text(json.dumps(META))
    for image in images:
        (folder / "img" / image).write_bytes(sly.image.write_bytes(PIXELS, ".png"))
    for name in [f"{image}.json" for image in images] if annotations is None else annotations:
        (folder / "ann" / name).write_text(json.dumps(ANN))
    return root / "p"


def read(folder: Path) -> sly.Project:
    return sly.Project(str(folder), sly.OpenMode.READ)


def test_items_come_sorted_and_other_files_do_not_matter(tmp_path):
    folder = a_project(tmp_path, "b.png", "a.JPG", "c.webp")
    (folder / "ds/img/notes.txt").write_text("x")
    (folder / "ds/ann/extra.png.json").write_text("x")
    (folder / "README.md").write_text("x")
    for hidden in (".cache", "__MACOSX"):
        (folder / hidden).mkdir()
    project = sly.read_single_project(str(tmp_path))

    assert [(dataset.name, list(dataset), len(dataset)) for dataset in project] == [
        ("ds", ["a.JPG", "b.png", "c.webp"], 3)
    ]
    assert project.total_items == 3
    assert project.datasets.get("ds").get_item_paths("b.png").ann_path == str(folder / "ds/ann/b.png.json")


def test_the_legacy_name_of_annotations_is_read_and_the_full_one_wins(tmp_path):
    folder = a_project(tmp_path, "a.png", "b.png", annotations=["a.json", "b.json", "b.png.json"])
    dataset = read(folder).datasets.get("ds")

    assert Path(dataset.get_ann_path("a.png")).name == "a.json"
    assert Path(dataset.get_ann_path("b.png")).name == "b.png.json"


@pytest.mark.parametrize(
    ("damage", "kind", "sentence"),
    [
        ("rm meta.json", FileNotFoundError, "meta.json"),
        ("echo '{' > meta.json", InvalidMeta, r"meta\.json is not JSON.*line"),
        ("rm -r ds/img", FileNotFoundError, "Image directory not found"),
        ("rm -r ds/ann", FileNotFoundError, "Annotation directory not found"),
        ("mkdir other; cp ds/img/a.png other", RuntimeError, "Folder 'other' .* holds images, but it is no dataset"),
        ("rm ds/ann/a.png.json", RuntimeError, "'a.png' in dataset 'ds' does not have a corresponding annotation"),
        ("rm ds/img/*", RuntimeError, "Dataset 'ds' has annotations, but no images"),
        ("rm -r ds", RuntimeError, "Project is empty"),
        (
            "rm ds/ann/*; echo > ds/ann/a.json; mv ds/img/b.png ds/img/a.bmp",
            RuntimeError,
            "matches two different image",
        ),
    ],
)
def test_broken_projects_say_what_is_wrong(tmp_path, damage, kind, sentence):
    folder = a_project(tmp_path, "a.png", "b.png")
    subprocess.run(["sh", "-c", damage], cwd=folder, check=True)

    with pytest.raises(kind, match=sentence):
        read(folder)


@pytest.mark.parametrize(("count", "names"), [(0, []), (2, ["one", "two"])])
def test_a_folder_must_hold_exactly_one_project(tmp_path, count, names):
    for name in names:
        (tmp_path / name).mkdir()

    with pytest.raises(RuntimeError, match=f"Found {count} dirs instead of 1"):
        sly.read_single_project(str(tmp_path))


def test_a_project_is_written_and_copied(tmp_path):
    meta = sly.ProjectMeta.from_json(META)
    project = sly.Project(str(tmp_path / "new"), sly.OpenMode.CREATE)
    project.set_meta(meta)
    dataset = project.create_dataset("ds")
    box = meta.get_obj_class("box")
    assert box is not None
    label = sly.Label(sly.Rectangle(0, 0, 2, 2), box)
    dataset.add_item_np("a.png", PIXELS, sly.Annotation((4, 5), [label]))
    dataset.add_item_raw_bytes("b.png", sly.image.write_bytes(PIXELS, "png"))
    dataset.add_item_file("c.png", dataset.get_img_path("a.png"), dataset.get_ann_path("a.png"), _use_hardlink=True)
    copy = project.copy_data(str(tmp_path), "copy", _use_hardlink=True)

    for written in (read(tmp_path / "new"), read(tmp_path / "copy")):
        assert written.meta == meta
        again = written.datasets.get("ds")
        assert list(again) == ["a.png", "b.png", "c.png"]
        assert (sly.image.read(again.get_img_path("c.png")) == PIXELS).all()
        labels = [len(sly.Annotation.load_json_file(again.get_ann_path(name), meta).labels) for name in again]
        assert labels == [1, 0, 1]
    assert os.path.samefile(copy.datasets.get("ds").get_img_path("a.png"), dataset.get_img_path("a.png"))
    assert "\n" not in (tmp_path / "new/meta.json").read_text()


def test_what_cannot_be_added_is_refused(tmp_path):
    project = sly.Project(str(tmp_path / "new"), sly.OpenMode.CREATE)
    dataset = project.create_dataset("ds")
    dataset.add_item_np("a.png", PIXELS)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")

    with pytest.raises(RuntimeError, match=r"Image 'a\.png' already exists in dataset 'ds'\."):
        dataset.add_item_np("a.png", PIXELS)
    with pytest.raises(RuntimeError, match=r"'a\.txt' has unsupported extension"):
        dataset.add_item_np("a.txt", PIXELS)
    with pytest.raises(RuntimeError, match="must not hold a path"):
        dataset.add_item_np("../a.png", PIXELS)
    with pytest.raises(ImageReadException, match=r"broken\.png"):
        dataset.add_item_file("b.png", str(broken))
    with pytest.raises(RuntimeError, match="already exists and is not empty"):
        sly.Project(str(tmp_path / "new"), sly.OpenMode.CREATE)
    with pytest.raises(TypeError, match="OpenMode"):
        sly.Project(str(tmp_path / "new"), "r")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"Item nope\.png not found"):
        dataset.get_img_path("nope.png")
    with pytest.raises(ImageExtensionError, match=r"x\.gif"):
        sly.image.write(str(tmp_path / "x.gif"), PIXELS)


def test_a_project_downloads_through_whatever_speaks_as_the_official_client(tmp_path):
    class Thing:
        def __init__(self, **fields: Any) -> None:
            self.__dict__.update(fields)

    def download_paths(dataset_id: int, ids: list[int], paths: list[str]) -> None:
        for path in paths:
            sly.image.write(path, PIXELS)

    images = [Thing(id=i, name=f"{i}.png") for i in range(12)]
    api = Thing(
        project=Thing(get_meta=lambda project_id: META),
        dataset=Thing(get_list=lambda project_id: [Thing(id=1, name="wanted"), Thing(id=2, name="other")]),
        image=Thing(get_list=lambda dataset_id: images, download_paths=download_paths),
        annotation=Thing(download_batch=lambda _, ids: [Thing(image_id=i, annotation=ANN) for i in reversed(ids)]),
    )
    sly.download_project(api, 3, str(tmp_path / "p"), dataset_ids=[1])

    assert [(dataset.name, len(dataset)) for dataset in read(tmp_path / "p")] == [("wanted", 12)]


def test_a_file_that_is_not_json_is_named_with_the_place(tmp_path):
    file = tmp_path / "x.json"
    file.write_text('{\n "a": nope}')

    with pytest.raises(InvalidJson, match=r"x\.json is not JSON: .* at line 2, column 7"):
        sly.json.load_json_file(str(file))
    with pytest.raises(FileNotFoundError):
        sly.json.load_json_file(str(tmp_path / "none.json"))


def test_json_is_written_compact_or_indented(tmp_path):
    file = str(tmp_path / "x.json")
    sly.json.dump_json_file({"é": [1, None]}, file)
    assert Path(file).read_text() == '{"\\u00e9": [1, null]}'
    sly.json.dump_json_file({"a": 1}, file, indent=4)
    assert sly.json.load_json_file(file) == {"a": 1}
    assert "\n" in Path(file).read_text()


def test_folders_and_files_are_listed_copied_and_removed(tmp_path):
    fs, root = sly.fs, str(tmp_path / "root")
    fs.mkdir(f"{root}/a/b")
    assert fs.dir_exists(root)
    assert fs.dir_empty(root)
    assert fs.dir_empty(f"{root}/none")
    for name, size in (("a/one.txt", 3), ("a/b/two.JPG", 4), ("three.jpg", 5)):
        Path(root, name).write_bytes(b"x" * size)

    assert not fs.dir_empty(root)
    assert fs.get_directory_size(root) == 12
    assert fs.get_subdirs(root) == ["a"]
    assert fs.get_subdirs(root, recursive=True) == ["a", "a/b"]
    assert fs.list_files(root) == [f"{root}/three.jpg"]
    assert fs.list_files_recursively(root, [".jpg"], ignore_valid_extensions_case=True) == [
        f"{root}/three.jpg",
        f"{root}/a/b/two.JPG",
    ]
    assert (fs.get_file_name("/x/y.tar.gz"), fs.get_file_ext("/x/y.tar.gz")) == ("y.tar", ".gz")
    assert fs.get_file_hash(f"{root}/a/one.txt") == sly.get_bytes_hash(b"xxx")
    assert "two.JPG (4 B)" in fs.tree(root)

    fs.copy_file(f"{root}/three.jpg", f"{root}/new/deep/copy.jpg")
    fs.copy_file(f"{root}/three.jpg", f"{root}/three.jpg")
    assert fs.get_file_size(f"{root}/new/deep/copy.jpg") == fs.get_file_size(f"{root}/three.jpg") == 5
    fs.archive_directory(f"{root}/a", f"{root}/out/a.tar")
    with tarfile.open(f"{root}/out/a.tar") as tar:
        assert {name.strip("/") for name in tar.getnames()} == {"", "one.txt", "b", "b/two.JPG"}
    fs.clean_dir(root)
    assert os.listdir(root) == []
    fs.silent_remove(f"{root}/none")
    fs.remove_dir(root)
    assert not fs.dir_exists(root)


def test_flags_are_read_and_gpus_are_renumbered(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert sly.env.remap_gpu_devices([3, 4]) == [0, 1]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,4"
    assert [sly.env.flag_from_env(text) for text in ("true", "YES", "1", "0", "")] == [True, True, True, False, False]


def ran(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    env = {"PYTHONPATH": str(root), "PATH": os.environ["PATH"], **environ}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=env)


def test_the_task_folder_can_be_moved_by_the_environment():
    program = "import supervisely_lib as sly; print(sly.TaskPaths.DATA_DIR, sly.TaskPaths.MODEL_CONFIG_PATH)"

    assert ran(program).stdout.split() == ["/sly_task_data/data", "/sly_task_data/model/config.json"]
    assert ran(program, SLY_TASK_DATA="/x").stdout.split() == ["/x/data", "/x/model/config.json"]


def test_a_crash_is_one_event_and_status_one_and_no_print_is_lost():
    program = "import supervisely_lib as sly\ndef main(): print('before'); 1 / 0\nsly.main_wrapper('X', main)"
    done = ran(program, LOG_LEVEL="INFO")

    assert done.returncode == 1
    assert done.stdout == "before\n"
    (line,) = done.stderr.splitlines()
    fields = json.loads(line)
    assert (fields["event_type"], fields["level"], fields["main_name"]) == ("EventType.TASK_CRASHED", "fatal", "X")
    assert (fields["exc_str"], fields["stack"][-1]) == ("division by zero", "ZeroDivisionError: division by zero")


def test_a_crash_under_a_debugger_is_raised():
    program = "import supervisely_lib as sly\nsly.main_wrapper('X', lambda: 1 / 0)"
    done = ran(program, SLY_DEBUG="1")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_the_log_is_also_written_to_a_file(tmp_path):
    to_file = f"sly.add_default_logging_into_file(sly.logger, {str(tmp_path)!r})"
    program = f"import supervisely_lib as sly\n{to_file}\nsly.logger.info('é')"
    ran(program)
    (file,) = tmp_path.iterdir()

    assert file.name.startswith("log_20")
    assert json.loads(file.read_text())["message"] == "é"


def test_images_are_added_with_the_argument_names_of_2019_and_of_2020(tmp_path):
    image = tmp_path / "a.png"
    image.write_bytes(sly.image.write_bytes(PIXELS, ".png"))
    dataset = sly.Project(str(tmp_path / "new"), sly.OpenMode.CREATE).create_dataset("ds")

    dataset.add_item_file("2019.png", img_path=str(image), _validate_img=False)
    dataset.add_item_file("2020.png", item_path=str(image), _validate_item=False)

    assert sorted(dataset) == ["2019.png", "2020.png"]
    assert dataset.get_item_path("2020.png") == dataset.generate_item_path("2020.png") == f"{dataset.item_dir}/2020.png"
    with pytest.raises(TypeError, match="needs the path of the image"):
        dataset.add_item_file("none.png")


def test_files_are_touched_and_listed_below_a_folder(tmp_path):
    sly.fs.touch(str(tmp_path / "a/b/c.txt"))
    os.utime(tmp_path / "a/b/c.txt", (1, 1))
    sly.fs.touch(str(tmp_path / "a/b/c.txt"))
    sly.fs.touch(str(tmp_path / "d.txt"))

    assert sorted(sly.fs.list_dir_recursively(str(tmp_path))) == ["a/b/c.txt", "d.txt"]
    assert (tmp_path / "a/b/c.txt").stat().st_mtime > 1
