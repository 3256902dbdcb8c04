"""Plugins written as in 2019 run unchanged: with the SDK's base classes, and with a training loop of their own.

They were written from the SDK's contract only and use only its names. Each plugin runs in the agent: train from
weights of another model, continue from a checkpoint, annotate.
"""

from __future__ import annotations

import json
import re
import runpy
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import torch

import supervisely_lib as sly
from tests.e2e.test_asked_models import plain
from tests.support.inputs import ROOT, Cli
from tests.support.web_server import TOKEN

PLUGINS = ROOT / "tests" / "plugins"
TITLES = ["ball", "meadow", "sky"]

NAMES = ("easy", "own_loop")


@pytest.fixture(scope="module")
def balls(tmp_path_factory) -> Path:
    """Six small images in which every pixel has a class, as the tutorials require."""
    return write_balls(tmp_path_factory.mktemp("drawn") / "balls", 6)


def write_balls(folder: Path, images: int) -> Path:
    colors = {"ball": [200, 40, 40], "meadow": [40, 160, 60], "sky": [120, 180, 240]}
    classes = {title: sly.ObjClass(title, sly.Rectangle, color) for title, color in colors.items()}
    tags = {name: sly.TagMeta(name, sly.TagValueType.NONE) for name in ("train", "val")}
    meta = sly.ProjectMeta(sly.ObjClassCollection(list(classes.values())), sly.TagMetaCollection(list(tags.values())))
    project = sly.Project(str(folder), sly.OpenMode.CREATE)
    project.set_meta(meta)
    dataset = project.create_dataset("park")
    rng = np.random.default_rng(0)
    for at in range(images):
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
    return Cli(
        tmp_path_factory.mktemp("home"), {"AGENT_ENGINE": "process", "AGENT_TOKEN": TOKEN, "OMP_WAIT_POLICY": "PASSIVE"}
    )


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


@pytest.fixture
def web(cli) -> Iterator[httpx2.Client]:
    """The web of `agent up`; deployed models end with it."""
    process = cli.start("up", "--port", "0", "--parallel", "2")
    assert process.stderr is not None
    found = next(found for line in process.stderr if (found := re.search(r"open (http://[^/]+)/", line)))
    with httpx2.Client(base_url=found[1], headers={"x-api-key": TOKEN}, timeout=60) as client:
        yield client
        for task in client.get("/api/tasks", params={"status": "deployed"}).json()["items"]:
            client.post(f"/api/tasks/{task['id']}/stop")  # it would go on without its agent
            cli.run("task", "wait", task["id"], code=None)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


WINDOWS = {"window": {"width": 50, "height": 40}, "min_overlap": {"x": 10, "y": 10}, "save": False, "class_name": "w"}
BOUNDS = {"left": "10%", "top": "5px", "right": "20%", "bottom": "10%"}
MODES: list[dict[str, Any]] = [
    {"name": "full_image"},
    {"name": "roi", "bounds": BOUNDS, "save": True, "class_name": "seen"},
    {"name": "sliding_window", **WINDOWS},
]


@pytest.mark.timeout(300)
def test_deployed_it_answers_about_fifty_images_in_each_mode_as_it_annotates_their_project(cli, trained, web, tmp_path):
    best, fifty = best_of(trained("own_loop"))["model_id"], write_balls(tmp_path / "fifty", 50)
    meta = (fifty / "meta.json").read_text()
    beside = Cli(cli.home, {**cli.env, "AGENT_WEB_PORT": str(web.base_url.port)})
    beside.run("deploy", "--plugin", PLUGINS / "own_loop", "--model", best)
    for mode in MODES:
        mode = {**mode, "model_classes": {"save_classes": "__all__", "add_suffix": "_own"}}
        given = ("--plugin", PLUGINS / "own_loop", "--project", fifty, "--model", best)
        applied = cli.json("submit-inference", *given, "--set", f"mode={json.dumps(mode)}")
        images = web.get(f"/api/projects/{applied['result_project_id']}/images", params={"limit": 50}).json()["items"]
        assert len(images) == 50
        for number, image in enumerate(images):
            known = (fifty / "park" / "ann" / f"{image['name']}.json").read_text()
            content = (fifty / "park" / "img" / image["name"]).read_bytes()
            form: Any = {"image": (image["name"], content)}
            if number % 2:
                form |= {"annotation": (None, known), "meta": (None, meta), "mode": (None, json.dumps(mode))}
                answer = web.post(f"/api/models/{best}/infer", files=form).json()["annotation"]
            else:  # as the official client asks
                data = {"request_type": "inference", "annotation": json.loads(known), "meta": json.loads(meta)}
                form |= {"id": (None, str(best)), "data": (None, json.dumps({**data, "mode": mode}))}
                answer = web.post("/public/api/v3/models.infer", files=form).json()
            assert plain(answer) == plain(web.get(f"/api/images/{image['id']}/annotation").json())
            assert len(answer["objects"]) > 3  # more than was known before


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
