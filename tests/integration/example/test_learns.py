"""The example plugin learns: its train.py runs as in a task, on drawn fruit, from random weights."""

from __future__ import annotations

import json
import math
from functools import partial

import pytest

from agent.events.model import ImageReported, Stream
from agent.events.parse import parse_line
from agent.formats.image_header import read_image_header
from agent.task_images.taking import place_of
from tests.support import example_runs
from tests.support.example_runs import SEGMENTATION, class_ids, sample, saved_loss, with_class, with_class_list_as

EPOCHS, TRAIN_STEPS = 10, 4  # 40 images: 32 to learn from, in batches of 8

train = partial(example_runs.train, SEGMENTATION)


@pytest.fixture(scope="module")
def fruit(tmp_path_factory):
    project = tmp_path_factory.mktemp("projects") / "fruit"
    sample("fruit", project, "--images", 40)
    return project


@pytest.fixture(scope="module")
def first(fruit, tmp_path_factory):
    """A whole training from a model state without weights."""
    model = tmp_path_factory.mktemp("models") / "empty"
    sample("model", model)
    return train(tmp_path_factory.mktemp("first"), fruit, model, epochs=EPOCHS)


@pytest.fixture(scope="module")
def best_checkpoint(first):
    return first.best_checkpoint()


def test_the_training_succeeds_and_prints_only_json_lines(first):
    assert first.exit_code == 0, first.tail
    assert [line for line in first.lines if not line.startswith("{")] == []
    assert [record["message"] for record in first.records if record["level"] in {"warn", "error", "fatal"}] == []


def test_validation_loss_falls(first):
    losses = first.metric("val", "loss")

    assert len(losses) == EPOCHS
    assert losses[-1] < 0.6 * losses[0]


def test_mean_iou_clearly_beats_predicting_background(first):
    summary = next(record for record in first.records if record["message"] == "Training is finished.")

    print(f"mean IoU {summary['best_mean_iou']:.3f}, background only {summary['background_only_mean_iou']:.3f}")
    assert summary["best_mean_iou"] > 2.5 * summary["background_only_mean_iou"]
    assert summary["best_mean_iou"] == max(first.metric("val", "mean_iou"))


def test_every_step_is_a_point_and_a_tick_of_the_progress(first):
    steps = EPOCHS * TRAIN_STEPS
    epochs = [record["epoch"] for record in first.of_type("METRICS") if record["type"] == "train"]
    bar = [record for record in first.of_type("PROGRESS") if record["subtask"] == "Model training: "]

    assert epochs == pytest.approx([step / TRAIN_STEPS for step in range(1, steps + 1)])
    assert [record["current"] for record in bar] == list(range(steps + 1))
    assert {record["total"] for record in bar} == {steps}


def test_every_validation_leaves_a_complete_model(first):
    checkpoints = first.of_type("CHECKPOINT")

    assert [record["subdir"] for record in checkpoints] == [f"{index:08}" for index in range(EPOCHS)]
    for record in checkpoints:
        files = list((first.task / "results" / record["subdir"]).iterdir())
        assert {file.name for file in files} == {"config.json", "model.pt"}
        assert record["sizeb"] == sum(file.stat().st_size for file in files)


def test_every_validation_shows_a_few_predictions_that_an_agent_would_keep(first):
    events = [parse_line(line, Stream.STDERR, 0) for line in first.lines]
    shown = [event.body for event in events if isinstance(event.body, ImageReported)]

    assert len(shown) == 4 * EPOCHS
    assert [image.name for image in shown[:5]] == ["val/0", "val/1", "val/2", "val/3", "val/0"]
    assert {image.step for image in shown} == set(range(1, EPOCHS + 1))
    for image in shown:
        with (first.task / "results" / place_of(image.path, first.task / "results")).open("rb") as file:
            header = read_image_header(file)
        assert (header.width, header.height) == (256, 128)


def test_a_checkpoint_is_best_when_its_mean_iou_is(first):
    best = 0.0
    for record in first.of_type("CHECKPOINT"):
        mean_iou = record["optional"]["val_metrics"]["mean_iou"]

        assert record["best_now"] == (mean_iou > best)
        best = max(best, mean_iou)


def test_the_model_names_its_classes_and_settings(best_checkpoint):
    config = json.loads((best_checkpoint / "config.json").read_text())

    assert config["class_title_to_idx"] == {
        "background": 0, "apple": 1, "banana": 2, "pineapple": 3, "price card": 4
    }  # fmt: skip
    assert {item["shape"] for item in config["classes"]} == {"bitmap"}
    assert config["settings"]["input_size"] == {"width": 128, "height": 128}
    assert config["settings"]["epochs"] == EPOCHS


def test_the_same_seed_starts_the_same_from_an_empty_model_folder(first, fruit, tmp_path):
    again = train(tmp_path, fruit, None, epochs=1)

    assert again.exit_code == 0, again.tail
    assert again.metric("train", "loss")[0] == pytest.approx(first.metric("train", "loss")[0], rel=1e-4)


@pytest.mark.parametrize("key", ["classes", "out_classes"])
def test_continued_training_keeps_the_mapping_and_starts_at_the_checkpoints_loss(
    first, best_checkpoint, fruit, tmp_path, key
):
    model = with_class_list_as(best_checkpoint, key, tmp_path)
    # Steps of length zero: what is validated is what was loaded.
    more = train(tmp_path, fruit, model, epochs=1, weights_init_type="continue_training", lr=0)

    assert more.exit_code == 0, more.tail
    assert class_ids(tmp_path / "results/00000000") == class_ids(best_checkpoint)
    assert more.metric("val", "loss")[0] == pytest.approx(saved_loss(first, best_checkpoint), rel=1e-4)


@pytest.fixture(scope="module")
def fruit_and_pears(fruit, tmp_path_factory):
    return with_class(fruit, "pear", tmp_path_factory.mktemp("projects"))


def test_continued_training_with_other_classes_is_refused(best_checkpoint, fruit_and_pears, tmp_path):
    refused = train(tmp_path, fruit_and_pears, best_checkpoint, epochs=1, weights_init_type="continue_training")

    assert refused.exit_code == 1
    (crash,) = refused.of_type("TASK_CRASHED")
    assert crash["exc_str"] == "Unable to continue_training, sets of classes for model and dataset do not match."


def test_transfer_learning_accepts_other_classes(first, best_checkpoint, fruit_and_pears, tmp_path):
    moved = train(tmp_path, fruit_and_pears, best_checkpoint, epochs=2, weights_init_type="transfer_learning")

    assert moved.exit_code == 0, moved.tail
    assert moved.metric("val", "loss")[-1] < first.metric("val", "loss")[1]


def test_a_config_that_could_give_no_checkpoint_is_refused(fruit, tmp_path):
    refused = train(tmp_path, fruit, None, epochs=1, val_every=2)

    assert refused.exit_code == 1
    assert "no checkpoint" in refused.of_type("TASK_CRASHED")[0]["exc_str"]


def test_a_neutral_class_is_neither_learnt_nor_judged(fruit, tmp_path):
    special = {"background": "background", "neutral": "price card"}
    run = train(tmp_path, fruit, None, epochs=1, special_classes=special)

    assert run.exit_code == 0, run.tail
    config = json.loads((tmp_path / "results/00000000/config.json").read_text())
    assert sorted(config["class_title_to_idx"]) == ["apple", "background", "banana", "pineapple"]
    assert all(math.isfinite(loss) for loss in run.metric("train", "loss") + run.metric("val", "loss"))
