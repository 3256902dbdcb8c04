"""The trainer's base class on a real task folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from supervisely_lib.nn.hosted.trainer import (
    DATASET_TAGS,
    EPOCHS,
    INPUT_SIZE,
    WEIGHTS_INIT_TYPE,
    SuperviselyModelTrainer,
    TrainCheckpoints,
)
from supervisely_lib.sly_logger import EventType
from tests.integration.sdk.conftest import Lines, TaskFolder

DEFAULTS = {
    DATASET_TAGS: {"train": "train", "val": "val"},
    INPUT_SIZE: {"width": 32, "height": 24},
    EPOCHS: 3,
    WEIGHTS_INIT_TYPE: "transfer_learning",
}


class Trainer(SuperviselyModelTrainer):
    """A trainer that records the calls of its hooks, and the state at each call."""

    def __init__(self, defaults: Any = DEFAULTS, *, detection: bool = False) -> None:
        self.calls: list[str] = []
        self._detection = detection
        super().__init__(defaults)

    def _validate_train_cfg(self, config: Any) -> None:
        assert not hasattr(self, "config")
        self.calls.append("validate config")

    def _determine_model_classes(self) -> None:
        self.calls.append("classes")
        if self._detection:
            self._determine_model_classes_detection()
        else:
            self._determine_model_classes_segmentation(bkg_input_idx=0)

    def _determine_out_config(self) -> None:
        self.calls.append("out config")
        super()._determine_out_config()

    def _construct_samples_dct(self) -> None:
        self.calls.append("samples")
        super()._construct_samples_dct()

    def _construct_data_loaders(self) -> None:
        self.calls.append("loaders")

    def _construct_and_fill_model(self) -> None:
        self.calls.append("model")

    def _construct_loss(self) -> None:
        self.calls.append("loss")

    def _dump_model_weights(self, out_dir: str) -> None:
        Path(out_dir, "weights").mkdir()
        Path(out_dir, "weights", "w.bin").write_bytes(b"x" * 100)


def test_hooks_are_called_in_the_official_order(task: TaskFolder, lines: Lines) -> None:
    task.config(epochs=7)
    task.project()

    trainer = Trainer()

    assert trainer.calls == ["validate config", "classes", "out config", "samples", "loaders", "model", "loss"]
    assert trainer.epoch_flt == 0
    assert lines.messages() == [
        "Will init all required to train.",
        "Project structure has been read. Samples: 4.",
        "Input config",
        "Full config",
        "Determined model out classes",
        "Transfer learning mode, using a class mapping created from scratch.",
        "Determined class mapping.",
        "Will collect samples (image/annotation pairs).",
    ]


def test_the_task_config_completes_the_defaults_and_changes_nothing_else(task: TaskFolder) -> None:
    task.config(epochs=7, input_size={"width": 64})
    task.project()

    trainer = Trainer()

    assert trainer.config == {**DEFAULTS, EPOCHS: 7, INPUT_SIZE: {"width": 64, "height": 24}}
    assert trainer._input_size == (24, 64)
    assert DEFAULTS[EPOCHS] == 3
    assert trainer.out_config["settings"] is trainer.config


def test_samples_are_split_by_tag(task: TaskFolder) -> None:
    task.config()
    task.project(images=5)

    trainer = Trainer()

    sizes = {purpose: len(samples) for purpose, samples in trainer._samples_by_data_purpose.items()}
    assert sizes == {"train": 4, "val": 1}
    assert trainer._samples_by_data_purpose["val"] == trainer._deprecated_samples_by_tag["val"]
    assert trainer._samples_by_data_purpose["val"][0][0].endswith("garden/ds/img/i004.png")
    assert trainer.name_to_tag == DEFAULTS[DATASET_TAGS]


@pytest.mark.parametrize(
    ("missing", "config", "path"),
    [
        (INPUT_SIZE, {}, "input_size"),
        (INPUT_SIZE, {"input_size": {"min_dim": 5}}, "input_size.height"),
        (INPUT_SIZE, {"input_size": {"height": 5}}, "input_size.width"),
        (INPUT_SIZE, {"input_size": 5}, "input_size.height"),
        (WEIGHTS_INIT_TYPE, {}, "weights_init_type"),
        (DATASET_TAGS, {}, "dataset_tags"),
    ],
)
def test_the_error_for_a_missing_key_is_a_sentence_that_says_who_must_give_it(
    task: TaskFolder, missing: str, config: Any, path: str
) -> None:
    task.config(**config)
    task.project()

    with pytest.raises(KeyError) as error:
        Trainer({key: value for key, value in DEFAULTS.items() if key != missing})

    assert str(error.value) == (
        f"the training config has no {path}; the plugin's defaults or the task's config must give it"
    )


def test_segmentation_classes_are_bitmaps_with_background_and_without_neutral(task: TaskFolder) -> None:
    task.config(special_classes={"background": "bg", "neutral": "stone"})
    task.project()

    trainer = Trainer()

    assert [(item.name, item.geometry_type.geometry_name()) for item in trainer.out_classes] == [
        ("leaf", "bitmap"),
        ("sky", "bitmap"),
        ("bg", "bitmap"),
    ]
    assert trainer.class_title_to_idx == {"bg": 0, "leaf": 1, "sky": 2}


def test_detection_classes_are_rectangles(task: TaskFolder) -> None:
    task.config()
    task.project()

    trainer = Trainer(detection=True)

    assert {item.geometry_type.geometry_name() for item in trainer.out_classes} == {"rectangle"}
    assert trainer.class_title_to_idx == {"leaf": 1, "sky": 2, "stone": 3}


def test_training_on_keeps_the_models_ids(task: TaskFolder) -> None:
    task.config(weights_init_type="continue_training")
    task.model_config(class_title_to_idx={"sky": 5, "leaf": 2, "stone": 9})
    task.project()

    assert Trainer().class_title_to_idx == {"sky": 5, "leaf": 2, "stone": 9}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (None, "Unable to continue_training, config for previous training wasn't found."),
        ({}, "Unable to continue_training, model does not have class mapping information."),
        (
            {"class_title_to_idx": {"leaf": 1}},
            "Unable to continue_training, sets of classes for model and dataset do not match.",
        ),
    ],
)
def test_a_model_that_does_not_fit_cannot_train_on(task: TaskFolder, config: Any, sentence: str) -> None:
    task.config(weights_init_type="continue_training")
    task.project()
    if config is not None:
        task.model_config(**config)

    with pytest.raises(RuntimeError) as refused:
        Trainer()

    assert str(refused.value) == sentence


def test_another_id_than_requested_is_refused_with_both_ids(task: TaskFolder) -> None:
    task.config(weights_init_type="continue_training", special_classes={"background": "sky"})
    task.model_config(class_title_to_idx={"sky": 5, "leaf": 2, "stone": 9})
    task.project()

    with pytest.raises(RuntimeError, match=r"integer id for class sky does not match .* \(5 vs 0\)"):
        Trainer()


def test_an_unknown_way_to_start_is_refused(task: TaskFolder) -> None:
    task.config(weights_init_type="guess")
    task.project()

    with pytest.raises(RuntimeError, match="Unknown weights init type: guess"):
        Trainer()


def test_a_checkpoint_is_a_model_state_and_is_reported_when_complete(task: TaskFolder, lines: Lines) -> None:
    task.config()
    task.project()
    trainer = Trainer()

    trainer._save_model_snapshot(is_best=False, opt_data={"epoch": 0.5})
    trainer._save_model_snapshot(is_best=False, opt_data=None)

    folder = task.results / "00000000"
    config = json.loads((folder / "config.json").read_text())
    assert sorted(config) == ["class_title_to_idx", "classes", "settings"]
    size = (folder / "config.json").stat().st_size + 100
    fields = ("id", "subdir", "sizeb", "best_now", "optional")
    assert [tuple(event[field] for field in fields) for event in lines.events(EventType.CHECKPOINT)] == [
        (0, "00000000", size, True, {"epoch": 0.5}),  # the first is the best so far
        (1, "00000001", size, False, None),
    ]
    assert [path.name for path in sorted(task.results.iterdir())] == ["00000000", "00000001", "00000002"]


def test_the_class_list_may_have_another_key(task: TaskFolder) -> None:
    class Renamed(Trainer):
        @property
        def train_classes_key(self) -> str:
            return "out_classes"

    task.config()
    task.project()

    assert sorted(Renamed().out_config) == ["class_title_to_idx", "out_classes", "settings"]


def test_the_folder_to_write_into_always_exists(tmp_path: Path) -> None:
    saver = TrainCheckpoints(str(tmp_path))
    assert saver.get_last_ckpt_dir() is None

    first = saver.get_dir_to_write()
    assert Path(first).is_dir()
    saver.saved(is_best=True, sizeb=0)

    assert saver.get_last_ckpt_dir() == first
    assert Path(saver.get_dir_to_write()).name == "00000001"
    assert Path(saver.get_dir_to_write()).is_dir()
