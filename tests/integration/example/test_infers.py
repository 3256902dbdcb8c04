"""The example plugin annotates: its inference.py runs as in a task, with every preset of the plugin."""

from __future__ import annotations

import shutil
from functools import cache, partial

import numpy as np
import pytest

import supervisely_lib as sly
from tests.support import example_runs
from tests.support.example_runs import SEGMENTATION, presets, sample, train, with_class_list_as

PRESETS = presets(SEGMENTATION, "inference")
WHOLE = "Inference: whole image"

infer = partial(example_runs.infer, SEGMENTATION)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """A task folder with ten images and a model that is overfitted to them."""
    task, fruit = tmp_path_factory.mktemp("task"), tmp_path_factory.mktemp("drawn") / "fruit"
    sample("fruit", fruit, "--images", "10")
    config = {"epochs": 40, "val_every": 40, "augment": False, "batch_size": {"train": 4, "val": 4}}
    learnt = train(SEGMENTATION, task, fruit, None, **config)
    assert learnt.exit_code == 0, learnt.tail
    shutil.rmtree(task / "model")
    shutil.copytree(task / "results" / "00000000", task / "model")
    return task


@pytest.fixture(scope="module")
def applied(task, tmp_path_factory):
    """Title of a preset → its result project; each preset runs once."""

    @cache
    def apply(title: str) -> sly.Project:
        ended = infer(task, PRESETS[title])
        assert len(ended.of_type("MODEL_APPLIED")) == 1
        kept = shutil.move(task / "results" / "fruit", tmp_path_factory.mktemp("kept") / "fruit")
        return sly.Project(str(kept), sly.OpenMode.READ)

    return apply


def annotations_of(project: sly.Project) -> dict[str, sly.Annotation]:
    return {
        name: sly.Annotation.load_json_file(dataset.get_ann_path(name), project.meta)
        for dataset in project
        for name in dataset
    }


def drawn(ann: sly.Annotation, titles: list[str]) -> np.ndarray:
    """Class ids by position in `titles`, from 1: (H, W)."""
    canvas = np.zeros(ann.img_size, np.int32)
    for label in ann.labels:
        if label.obj_class.name in titles:
            label.geometry.draw(canvas, titles.index(label.obj_class.name) + 1)
    return canvas


def test_the_model_finds_the_objects_of_its_training_images(applied):
    titles = ["apple", "banana", "pineapple", "price card"]
    agreement = [
        (drawn(ann, titles) == drawn(ann, [f"{title}_nn" for title in titles])).mean()
        for name, ann in annotations_of(applied(WHOLE)).items()
        if ann.img_tags.has_key("train")
    ]
    assert len(agreement) == 8
    assert np.mean(agreement) > 0.9


@pytest.mark.parametrize("title", PRESETS)
def test_every_preset_gives_a_whole_project(task, applied, title):
    given = sly.Project(str(task / "data" / "fruit"), sly.OpenMode.READ)
    before, after = annotations_of(given), annotations_of(applied(title))
    assert before.keys() == after.keys()
    for name, ann in after.items():
        own = [label for label in ann.labels if label.obj_class.name in {c.name for c in given.meta.obj_classes}]
        assert len(own) == len(before[name].labels), "what was labelled before is still there"
    found = {
        label.obj_class.name for ann in after.values() for label in ann.labels if label.obj_class.name.endswith("_nn")
    }
    assert {"apple_nn", "banana_nn", "pineapple_nn"} <= found


def test_fruit_only_leaves_the_background_out(applied):
    assert not applied("Inference: fruit only").meta.obj_classes.has_key("background_nn")


def test_a_model_that_lists_its_classes_by_the_other_name_is_read_as_well(task, applied, tmp_path):
    shutil.copytree(task / "data", tmp_path / "data")
    with_class_list_as(task / "model", "out_classes", tmp_path).rename(tmp_path / "model")

    infer(tmp_path, PRESETS[WHOLE])

    given = sly.Project(str(tmp_path / "results" / "fruit"), sly.OpenMode.READ)
    found, expected = annotations_of(given), annotations_of(applied(WHOLE))
    assert {name: ann.to_json() for name, ann in found.items()} == {n: ann.to_json() for n, ann in expected.items()}
