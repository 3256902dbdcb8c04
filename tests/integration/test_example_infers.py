"""The example plugin annotates: its inference.py runs as the agent runs it, with every preset it ships."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import supervisely_lib as sly

REPOSITORY = Path(__file__).parents[2]
PLUGIN = REPOSITORY / "plugin_example"
PRESETS = {
    preset["title"]: preset["config"]
    for preset in json.loads((PLUGIN / "predefined_run_configs.json").read_text())
    if preset["type"] == "inference"
}


def run(script: str, task: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a script of the plugin on a task folder; give its log records."""
    shutil.rmtree(task / "results", ignore_errors=True)
    (task / "results").mkdir()
    (task / "task_config.json").write_text(json.dumps(config))
    environment = {**os.environ, "SLY_TASK_DATA": str(task), "PYTHONPATH": str(REPOSITORY), "LOG_LEVEL": "DEBUG"}
    command = [sys.executable, "-u", str(PLUGIN / "src" / script)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr[-5000:]
    return [json.loads(line) for line in ended.stderr.splitlines()]


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """A task folder with ten pictures and a model trained on them by heart."""
    task = tmp_path_factory.mktemp("task")
    command = [sys.executable, "-m", "plugin_example.samples.fruit", str(task / "data/fruit"), "--images", "10"]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (task / "model").mkdir()
    config = {"epochs": 40, "val_every": 40, "augment": False, "data_workers": 0}
    run("train.py", task, {**config, "batch_size": {"train": 4, "val": 4}})
    shutil.rmtree(task / "model")
    shutil.copytree(task / "results" / "00000000", task / "model")
    return task


def result(task: Path) -> sly.Project:
    return sly.Project(str(task / "results" / "fruit"), sly.OpenMode.READ)


def annotations(project: sly.Project) -> dict[str, sly.Annotation]:
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


def test_what_was_learnt_is_found_again(task):
    records = run("inference.py", task, PRESETS["Inference: whole image"])

    titles = ["apple", "banana", "pineapple", "price card"]
    agreement = [
        (drawn(ann, titles) == drawn(ann, [f"{title}_nn" for title in titles])).mean()
        for name, ann in annotations(result(task)).items()
        if ann.img_tags.has_key("train")
    ]
    assert len(agreement) == 8
    assert np.mean(agreement) > 0.9
    assert [record for record in records if record.get("event_type") == "EventType.MODEL_APPLIED"]


@pytest.mark.parametrize("title", PRESETS)
def test_every_preset_gives_a_whole_project(task, title):
    run("inference.py", task, PRESETS[title])

    given = sly.Project(str(task / "data" / "fruit"), sly.OpenMode.READ)
    before, after = annotations(given), annotations(result(task))
    assert before.keys() == after.keys()
    for name, ann in after.items():
        own = [label for label in ann.labels if label.obj_class.name in {c.name for c in given.meta.obj_classes}]
        assert len(own) == len(before[name].labels), "what was labelled before is still there"
    found = {
        label.obj_class.name for ann in after.values() for label in ann.labels if label.obj_class.name.endswith("_nn")
    }
    assert {"apple_nn", "banana_nn", "pineapple_nn"} <= found


def test_fruit_only_leaves_the_background_out(task):
    run("inference.py", task, PRESETS["Inference: fruit only"])

    assert not result(task).meta.obj_classes.has_key("background_nn")
