"""The detector example learns and detects: its scripts run as in a task, on drawn fruit, from random weights."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from functools import cache, partial
from itertools import combinations

import pytest

import supervisely_lib as sly
from supervisely_lib.metric.map_metric import AP, MAPMetric
from supervisely_lib.metric.matching import get_labels_iou
from tests.support import example_runs
from tests.support.example_runs import (
    DETECTION,
    class_ids,
    presets,
    sample,
    saved_loss,
    with_class,
    with_class_list_as,
)

EPOCHS, VAL_EVERY = 24, 2  # processors round differently: with 16 some learned too little
PRESETS = presets(DETECTION, "inference")
WHOLE = "Inference: whole image"
TITLES = ["apple", "banana", "pineapple", "price card"]
FOUND_TITLES = [f"{title}_nn" for title in TITLES]

train = partial(example_runs.train, DETECTION)
infer = partial(example_runs.infer, DETECTION)


@pytest.fixture(scope="module")
def fruit(tmp_path_factory):
    project = tmp_path_factory.mktemp("projects") / "fruit"
    sample("fruit", project, "--images", "40")
    return project


@pytest.fixture(scope="module")
def first(fruit, tmp_path_factory):
    """A whole training from random weights; small batches give more steps in fewer epochs."""
    config = {"epochs": EPOCHS, "val_every": VAL_EVERY, "batch_size": {"train": 4, "val": 8}, "lr": 0.005}
    return train(tmp_path_factory.mktemp("first"), fruit, None, **config)


@pytest.fixture(scope="module")
def best_checkpoint(first):
    return first.best_checkpoint()


def test_every_validation_shows_a_few_detections(first):
    shown = [record["image"] for record in first.records if "image" in record]

    assert len(shown) == 4 * EPOCHS // VAL_EVERY
    assert {image["name"] for image in shown} == {"val/0", "val/1", "val/2", "val/3"}
    for image in shown:
        assert sly.image.read(image["path"]).shape == (128, 256, 3)


def test_the_training_succeeds_without_warnings(first):
    assert first.exit_code == 0, first.tail
    assert [line for line in first.lines if not line.startswith("{")] == []
    assert [record["message"] for record in first.records if record["level"] in {"warn", "error", "fatal"}] == []


def test_validation_loss_falls(first):
    losses = first.metric("val", "loss")

    assert len(losses) == EPOCHS // VAL_EVERY
    assert losses[-1] < 0.75 * losses[0]


def test_average_precision_is_clearly_better_than_a_guess_that_ignores_the_image(first):
    summary = next(record for record in first.records if record["message"] == "Training is finished.")

    print(f"AP {summary['best_average_precision']:.3f}, blind {summary['blind_average_precision']:.3f}")
    assert summary["best_average_precision"] == max(first.metric("val", "average_precision"))
    assert summary["best_average_precision"] > 0.4
    assert summary["blind_average_precision"] < 0.1


def test_a_checkpoint_is_best_when_its_average_precision_is(first):
    best = 0.0
    for record in first.of_type("CHECKPOINT"):
        precision = record["optional"]["val_metrics"]["average_precision"]

        assert record["best_now"] == (record["id"] == 0 or precision > best)
        best = max(best, precision)


def test_every_class_becomes_one_of_rectangles_and_ids_start_at_zero(best_checkpoint):
    config = json.loads((best_checkpoint / "config.json").read_text())

    assert config["class_title_to_idx"] == {title: at for at, title in enumerate(TITLES)}
    assert [(item["title"], item["shape"]) for item in config["classes"]] == [(t, "rectangle") for t in TITLES]


def test_continued_training_keeps_the_mapping_and_starts_at_the_checkpoints_loss(
    first, best_checkpoint, fruit, tmp_path
):
    model = with_class_list_as(best_checkpoint, "out_classes", tmp_path)
    # Steps of length zero: what is validated is what was loaded.
    more = train(tmp_path, fruit, model, epochs=1, val_every=1, weights_init_type="continue_training", lr=0)

    assert more.exit_code == 0, more.tail
    assert class_ids(tmp_path / "results/00000000") == class_ids(best_checkpoint)
    assert more.metric("val", "loss")[0] == pytest.approx(saved_loss(first, best_checkpoint), rel=1e-4)


@pytest.fixture(scope="module")
def fruit_and_pears(fruit, tmp_path_factory):
    return with_class(fruit, "pear", tmp_path_factory.mktemp("projects"))


def test_continued_training_with_other_classes_is_refused(best_checkpoint, fruit_and_pears, tmp_path):
    refused = train(tmp_path, fruit_and_pears, best_checkpoint, weights_init_type="continue_training")

    assert refused.exit_code == 1
    (crash,) = refused.of_type("TASK_CRASHED")
    assert crash["exc_str"] == "Unable to continue_training, sets of classes for model and dataset do not match."


def test_transfer_learning_accepts_other_classes(first, best_checkpoint, fruit_and_pears, tmp_path):
    moved = train(tmp_path, fruit_and_pears, best_checkpoint, epochs=2, val_every=2)

    assert moved.exit_code == 0, moved.tail
    with_pear = sorted([*TITLES, "pear"])
    assert class_ids(tmp_path / "results/00000000") == {title: at for at, title in enumerate(with_pear)}
    assert moved.metric("val", "loss")[0] < first.metric("val", "loss")[0]


# ---------------------------------------------------------------- inference


@pytest.fixture(scope="module")
def task(best_checkpoint, tmp_path_factory):
    """A task folder with the model and unseen images."""
    task = tmp_path_factory.mktemp("task")
    sample("fruit", task / "data" / "unseen", "--images", "12", "--seed", "8")
    shutil.copytree(best_checkpoint, task / "model")
    return task


@pytest.fixture(scope="module")
def applied(task):
    """Title of a preset → meta and annotations of its results; each preset runs once."""

    @cache
    def apply(title: str) -> tuple[sly.ProjectMeta, list[sly.Annotation]]:
        ended = infer(task, PRESETS[title])
        assert len(ended.of_type("MODEL_APPLIED")) == 1
        project = sly.Project(str(task / "results" / "unseen"), sly.OpenMode.READ)
        paths = [dataset.get_ann_path(name) for dataset in project for name in sorted(dataset)]
        return project.meta, [sly.Annotation.load_json_file(path, project.meta) for path in paths]

    return apply


def found_in(ann: sly.Annotation) -> list[sly.Label]:
    return [label for label in ann.labels if label.obj_class.name in FOUND_TITLES]


def average_precision(annotations: list[sly.Annotation]) -> float:
    """The SDK's average precision of the `…_nn` labels against the boxes of the drawn labels."""
    measure = MAPMetric(dict(zip(TITLES, FOUND_TITLES, strict=True)), 0.5, confidence_tag_name="confidence_nn")
    for ann in annotations:
        drawn = [
            sly.Label(label.geometry.to_bbox(), sly.ObjClass(label.obj_class.name, sly.Rectangle))
            for label in ann.labels
            if label.obj_class.name in TITLES
        ]
        measure.add_pair(sly.Annotation(ann.img_size, drawn), ann)
    return measure.get_total_metrics()[AP]


def test_objects_in_unseen_images_are_found(applied):
    precision = average_precision(applied(WHOLE)[1])

    print(f"AP on unseen pictures {precision:.3f}")
    assert precision > 0.25


def test_detections_are_rectangles_with_a_score(applied):
    meta, annotations = applied(WHOLE)
    found = [label for ann in annotations for label in found_in(ann)]

    assert set(FOUND_TITLES) <= {item.name for item in meta.obj_classes}
    assert meta.tag_metas.get("confidence_nn").value_type == sly.TagValueType.ANY_NUMBER
    assert {type(label.geometry) for label in found} == {sly.Rectangle}
    assert all(0.3 <= label.tags.get("confidence_nn").value <= 1 for label in found)


@pytest.mark.parametrize("title", PRESETS)
def test_every_preset_finds_things_and_keeps_what_was_there(applied, task, title):
    _, annotations = applied(title)

    given = sly.Project(str(task / "data" / "unseen"), sly.OpenMode.READ)
    paths = [dataset.get_ann_path(name) for dataset in given for name in sorted(dataset)]
    for ann, path in zip(annotations, paths, strict=True):
        before = sly.Annotation.load_json_file(path, given.meta)
        assert Counter(label.obj_class.name for label in ann.labels if label.obj_class.name in TITLES) == Counter(
            label.obj_class.name for label in before.labels
        )
    found = [label for ann in annotations for label in found_in(ann)]
    # After so short a training few are sure; how few depends on the processor's arithmetic.
    assert len({label.obj_class.name for label in found}) >= (1 if "sure" in title else 2)
    assert all(label.tags.has_key("confidence_nn") for label in found)


def test_overlapping_windows_give_each_object_once(applied):
    title = "Inference: sliding window"
    allowed = PRESETS[title]["mode"]["nms_after"]["iou_threshold"]
    of_one_class = [
        (one, other)
        for ann in applied(title)[1]
        for one, other in combinations(found_in(ann), 2)
        if one.obj_class.name == other.obj_class.name
    ]

    assert of_one_class
    assert all(get_labels_iou(one, other) <= allowed for one, other in of_one_class)
