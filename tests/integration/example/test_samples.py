"""The sample projects on disk are readable, complete, and the same every time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import supervisely_lib as sly

REPOSITORY = Path(__file__).parents[3]


def sample(name: str, *arguments: str | Path | int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"plugin_example.samples.{name}", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)


def annotations_of(directory: Path) -> dict[str, tuple[sly.Annotation, tuple[int, ...]]]:
    """Item name → annotation and the picture's shape."""
    project = sly.read_single_project(str(directory.parent))
    items = {}
    for dataset in project:
        for name in dataset:
            ann = sly.Annotation.load_json_file(dataset.get_ann_path(name), project.meta)
            items[name] = ann, sly.image.read(dataset.get_img_path(name)).shape
    return items


def fingerprint(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(file.relative_to(directory)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def fruit(tmp_path_factory):
    directory = tmp_path_factory.mktemp("drawn") / "fruit"
    ended = sample("fruit", directory, "--images", 15, "--seed", 7)
    assert ended.returncode == 0, ended.stderr
    return directory


@pytest.fixture(scope="module")
def coins(tmp_path_factory):
    directory = tmp_path_factory.mktemp("photographed") / "coins"
    ended = sample("coins", directory)
    assert ended.returncode == 0, ended.stderr
    return directory


def test_fruit_has_datasets_splits_and_every_kind_of_label(fruit):
    items = annotations_of(fruit)
    tags = ["val" if ann.img_tags.has_key("val") else "train" for ann, _ in items.values()]
    shapes = {type(label.geometry) for ann, _ in items.values() for label in ann.labels}
    holes = [label for ann, _ in items.values() for label in ann.labels if getattr(label.geometry, "interior", None)]

    assert len(items) == 15
    assert tags.count("val") == 3
    assert shapes == {sly.Bitmap, sly.Polygon, sly.Rectangle}
    assert holes
    assert {path.suffix for path in fruit.glob("*/img/*")} == {".jpg", ".png"}
    assert all(ann.img_size == shape[:2] for ann, shape in items.values())


def test_fruit_is_the_same_for_a_seed_and_grows_at_its_end(fruit, tmp_path):
    for name, images, seed in (("short", 6, 7), ("other", 6, 8)):
        assert sample("fruit", tmp_path / name, "--images", images, "--seed", seed).returncode == 0
    whole, short, other = fingerprint(fruit), fingerprint(tmp_path / "short"), fingerprint(tmp_path / "other")
    pictures = [name for name in short if "/img/" in name]

    assert len(pictures) == 6
    assert short.items() <= whole.items()
    assert [name for name in pictures if other[name] == short[name]] == []


def test_a_folder_that_is_not_empty_is_not_changed(fruit):
    before = fingerprint(fruit)

    ended = sample("fruit", fruit, "--images", 1)

    assert ended.returncode != 0
    assert "not empty" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert fingerprint(fruit) == before


def test_coins_are_cut_from_the_photograph_without_sharing_pixels(coins):
    from skimage import data

    photo, seen = data.coins(), {"train": np.zeros((303, 384), bool), "val": np.zeros((303, 384), bool)}
    for path in (coins / "tiles" / "img").iterdir():
        purpose, row, col = path.stem.split("_")
        window = np.s_[int(row) : int(row) + 96, int(col) : int(col) + 96]
        seen[purpose][window] = True
        assert np.array_equal(sly.image.read(str(path))[..., 0], photo[window])

    assert not (seen["train"] & seen["val"]).any()
    assert (seen["train"] | seen["val"]).all()


def test_masks_of_coins_cover_the_bright_pixels(coins):
    labelled = [(ann, name) for name, (ann, _) in annotations_of(coins).items()]
    shares = [sum(label.area for label in ann.labels) / (96 * 96) for ann, _ in labelled]

    assert len(labelled) > 25
    assert all(ann.labels for ann, _ in labelled)
    assert 0.2 < np.mean(shares) < 0.5


def test_the_empty_model_is_a_config_and_nothing_else(tmp_path):
    assert sample("model", tmp_path / "empty").returncode == 0

    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["config.json"]
    assert json.loads((tmp_path / "empty/config.json").read_text())["class_title_to_idx"] == {}
