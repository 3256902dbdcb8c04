"""Plugins written as in 2019 run unchanged: with the SDK's base classes, and with a training loop of their own.

They were written from the SDK's contract only and use only its names. Each plugin runs in the agent: train from
weights of another model, continue from a checkpoint, annotate.
"""

from __future__ import annotations

import json
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import supervisely_lib as sly
from tests.support.inputs import ROOT, Cli

PLUGINS = ROOT / "tests" / "plugins"
TITLES = ["ball", "meadow", "sky"]

NAMES = ("easy", "own_loop")


@pytest.fixture(scope="module")
def balls(tmp_path_factory) -> Path:
    """Six small images in which every pixel has a class, as the tutorials require."""
    colors = {"ball": [200, 40, 40], "meadow": [40, 160, 60], "sky": [120, 180, 240]}
    classes = {title: sly.ObjClass(title, sly.Rectangle, color) for title, color in colors.items()}
    tags = {name: sly.TagMeta(name, sly.TagValueType.NONE) for name in ("train", "val")}
    meta = sly.ProjectMeta(sly.ObjClassCollection(list(classes.values())), sly.TagMetaCollection(list(tags.values())))
    project = sly.Project(str(tmp_path_factory.mktemp("drawn") / "balls"), sly.OpenMode.CREATE)
    project.set_meta(meta)
    dataset = project.create_dataset("park")
    rng = np.random.default_rng(0)
    for at in range(6):
        horizon, top, left = int(rng.integers(20, 40)), int(rng.integers(5, 45)), int(rng.integers(5, 75))
        shapes = [
            ("sky", sly.Rectangle(0, 0, horizon - 1, 89)),
            ("meadow", sly.Rectangle(horizon, 0, 59, 89)),
            ("ball", sly.Rectangle(top, left, top + 10, left + 10)),
        ]
        picture = np.zeros((60, 90, 3), np.uint8)
        for title, shape in shapes:
            shape.draw(picture, colors[title])
        noisy = np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
        ann = sly.Annotation(
            (60, 90),
            labels=[sly.Label(shape, classes[title]) for title, shape in shapes],
            img_tags=sly.TagCollection([sly.Tag(tags["val" if at < 2 else "train"])]),
        )
        dataset.add_item_np(f"{at}.png", noisy, ann=ann)
    return Path(project.directory)


@pytest.fixture(scope="module")
def cli(tmp_path_factory) -> Cli:
    return Cli(tmp_path_factory.mktemp("home"), {"AGENT_ENGINE": "process", "OMP_WAIT_POLICY": "PASSIVE"})


def start_model(name: str, folder: Path) -> Path:
    """The start model of the tutorials: weights for other classes, with their last layer."""
    torch.manual_seed(7)
    net = runpy.run_path(str(PLUGINS / name / "src" / "net.py"))
    model = net["Net"](num_classes=7, width=12) if name == "easy" else net["TwoViews"](num_classes=7)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"settings": {}, "classes": [], "class_title_to_idx": {}}))
    torch.save(model.state_dict(), folder / "model.pt")
    return folder


@pytest.fixture(scope="module")
def trained(cli, balls, tmp_path_factory):
    """Name of a plugin → its training, from the plugin's start weights; each training runs once."""

    @cache
    def submit(name: str) -> dict[str, Any]:
        model = start_model(name, tmp_path_factory.mktemp("models") / "start")
        return cli.json(
            "submit-train", "--plugin", PLUGINS / name, "--project", balls, "--model", model, "--preset", "Train"
        )

    return submit


def best_of(task: dict[str, Any]) -> dict[str, Any]:
    return [checkpoint for checkpoint in task["checkpoints"] if checkpoint["is_best"]][-1]


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_from_weights_of_others(cli, trained, name):
    task = trained(name)

    assert (task["status"], task["exit_code"]) == ("finished", 0)
    losses = points(cli, task["id"], "val")
    assert losses[-1] < 0.7 * losses[0]
    assert min(losses) == best_of(task)["optional"].get("val_metrics", best_of(task)["optional"])["loss"]


@pytest.mark.parametrize("name", NAMES)
def test_its_checkpoint_annotates(cli, balls, trained, tmp_path, name):
    best = best_of(trained(name))["model_id"]
    applied = cli.json("submit-inference", "--plugin", PLUGINS / name, "--project", balls, "--model", best)

    assert applied["status"] == "finished"
    cli.run("project", "export", applied["result_project_id"], tmp_path / "found")
    assert share_right(sly.read_single_project(str(tmp_path / "found"))) > 0.9


def test_the_base_classes_go_on_from_a_checkpoint_where_it_stopped(cli, balls, trained):
    first = trained("easy")
    settings = ("weights_init_type=continue_training", "epochs=1", "val_every=1", "lr=0")  # steps of length zero
    given = ("--plugin", PLUGINS / "easy", "--project", balls, "--model", best_of(first)["model_id"])
    again = cli.json("submit-train", *given, "--preset", "Train", *(word for s in settings for word in ("--set", s)))

    assert again["status"] == "finished"
    assert points(cli, again["id"], "val") == pytest.approx([min(points(cli, first["id"], "val"))], rel=1e-4)


def points(cli: Cli, task_id: int, kind: str) -> list[float]:
    series = json.loads(cli.run("task", "metrics", task_id, "--points").stdout)
    (loss,) = (one for one in series if (one["kind"], one["name"]) == (kind, "loss"))
    return loss["value"]


def share_right(project: sly.Project) -> float:
    """The share of annotated pixels with the correct class."""
    right, seen = 0, 0
    for dataset in project:
        for name in dataset:
            ann = sly.Annotation.load_json_file(dataset.get_ann_path(name), project.meta)
            drawn, found = np.zeros(ann.img_size, np.int32), np.zeros(ann.img_size, np.int32)
            for label in ann.labels:
                title, _, suffix = label.obj_class.name.partition("_")
                if title in TITLES:
                    label.geometry.draw(found if suffix else drawn, TITLES.index(title) + 1)
            right, seen = right + (drawn == found)[found > 0].sum(), seen + (found > 0).sum()
    return right / seen
