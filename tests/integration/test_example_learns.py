"""The example plugin really learns: its train.py runs as the agent runs it, on drawn fruit, from no weights at all."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
EPOCHS, TRAIN_STEPS = 10, 4  # 40 images: 32 to learn from, in batches of 8


@dataclass(frozen=True)
class Run:
    """How a plugin's process ended and what it printed."""

    task: Path
    exit_code: int
    lines: list[str]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record.get("event_type") == f"EventType.{event_type}"]

    def metric(self, kind: str, name: str) -> list[float]:
        return [record["metrics"][name] for record in self.of_type("METRICS") if record["type"] == kind]


def sample(name: str, *arguments: str | Path) -> None:
    command = [sys.executable, "-m", f"plugin_example.samples.{name}", *map(str, arguments)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)


def train(task: Path, project: Path, model: Path | None, **config: Any) -> Run:
    """Lay out a task folder and run the plugin on it; no model is an empty folder."""
    shutil.copytree(project, task / "data" / project.name)
    shutil.copytree(model, task / "model") if model else (task / "model").mkdir()
    (task / "results").mkdir()
    (task / "task_config.json").write_text(json.dumps({"data_workers": 0, **config}))
    environment = {
        **os.environ,
        "SLY_TASK_DATA": str(task),
        "PYTHONPATH": str(REPOSITORY),
        "LOG_LEVEL": "DEBUG",
        "LANG": "C.UTF-8",
    }
    command = [sys.executable, "-u", str(REPOSITORY / "plugin_example" / "src" / "train.py")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert ended.stdout == "", "the SDK and the plugin log to stderr"
    return Run(task, ended.returncode, ended.stderr.splitlines())


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
    best = [record for record in first.of_type("CHECKPOINT") if record["best_now"]][-1]
    return first.task / "results" / best["subdir"]


def test_it_ends_well_and_prints_nothing_but_json_lines(first):
    assert first.exit_code == 0, "\n".join(first.lines[-30:])
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

    assert again.exit_code == 0, "\n".join(again.lines[-30:])
    assert again.metric("train", "loss")[0] == pytest.approx(first.metric("train", "loss")[0], rel=1e-4)


def test_going_on_starts_where_the_checkpoint_stopped(first, best_checkpoint, fruit, tmp_path):
    more = train(tmp_path, fruit, best_checkpoint, epochs=1, weights_init_type="continue_training", lr=0.0001)

    assert more.exit_code == 0, "\n".join(more.lines[-30:])
    assert more.metric("val", "loss")[0] == pytest.approx(min(first.metric("val", "loss")), rel=0.15)
    config, before = (
        json.loads(path.read_text())
        for path in (tmp_path / "results/00000000/config.json", best_checkpoint / "config.json")
    )
    assert config["class_title_to_idx"] == before["class_title_to_idx"]


@pytest.fixture(scope="module")
def fruit_and_pears(fruit, tmp_path_factory):
    project = shutil.copytree(fruit, tmp_path_factory.mktemp("projects") / "fruit and pears")
    meta = json.loads((project / "meta.json").read_text())
    meta["classes"].append({"title": "pear", "shape": "polygon", "color": "#00FF00", "geometry_config": {}})
    (project / "meta.json").write_text(json.dumps(meta))
    return project


def test_going_on_with_another_set_of_classes_is_refused(best_checkpoint, fruit_and_pears, tmp_path):
    refused = train(tmp_path, fruit_and_pears, best_checkpoint, epochs=1, weights_init_type="continue_training")

    assert refused.exit_code == 1
    (crash,) = refused.of_type("TASK_CRASHED")
    assert crash["exc_str"] == "Unable to continue_training, sets of classes for model and dataset do not match."


def test_transfer_learning_takes_another_set_of_classes(first, best_checkpoint, fruit_and_pears, tmp_path):
    moved = train(tmp_path, fruit_and_pears, best_checkpoint, epochs=2, weights_init_type="transfer_learning")

    assert moved.exit_code == 0, "\n".join(moved.lines[-30:])
    assert moved.metric("val", "loss")[-1] < first.metric("val", "loss")[1]


def test_a_config_that_could_give_no_checkpoint_is_refused(fruit, tmp_path):
    refused = train(tmp_path, fruit, None, epochs=1, val_every=2)

    assert refused.exit_code == 1
    assert "no checkpoint" in refused.of_type("TASK_CRASHED")[0]["exc_str"]


def test_a_neutral_class_is_neither_learnt_nor_judged(fruit, tmp_path):
    special = {"background": "background", "neutral": "price card"}
    run = train(tmp_path, fruit, None, epochs=1, special_classes=special)

    assert run.exit_code == 0, "\n".join(run.lines[-30:])
    config = json.loads((tmp_path / "results/00000000/config.json").read_text())
    assert sorted(config["class_title_to_idx"]) == ["apple", "background", "banana", "pineapple"]
    assert all(math.isfinite(loss) for loss in run.metric("train", "loss") + run.metric("val", "loss"))
