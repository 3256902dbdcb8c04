"""A plugin's programs print the same lines and write the same files with either SDK."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.interop.nn_cases import plain

pytestmark = pytest.mark.official

HERE = Path(__file__).parent
Run = Callable[[str, str], list[dict[str, Any]]]


def write_project(folder: Path, *, images: int) -> None:
    random = np.random.default_rng(7)
    classes = [
        {"title": title, "shape": shape, "color": "#0A0B0C", "geometry_config": {}}
        for title, shape in (("leaf", "polygon"), ("soil", "rectangle"), ("void", "line"))
    ]
    tags = [{"name": tag, "value_type": "none", "color": "#010203"} for tag in ("train", "val")]
    for part in ("img", "ann"):
        (folder / "ds" / part).mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"classes": classes, "tags": tags}))
    for index in range(images):
        height, width = random.integers(20, 50, 2).tolist()
        image = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / "ds" / "img" / f"{index}.png")
        objects = [
            {"classTitle": "soil", "tags": [], "points": {"exterior": [[0, 0], [width - 1, 9]], "interior": []}},
            {
                "classTitle": "leaf",
                "tags": [],
                "points": {"exterior": random.integers(0, 20, (5, 2)).tolist(), "interior": []},
            },
        ]
        ann = {"description": "", "size": {"height": height, "width": width}, "tags": ["train"], "objects": objects}
        (folder / "ds" / "ann" / f"{index}.png.json").write_text(json.dumps(ann))


@pytest.fixture
def runs(tmp_path: Path, run_official: Callable[..., subprocess.CompletedProcess[str]]) -> Run:
    """Run a program on one SDK in a fresh copy of the task folder; gives its lines without their time."""
    write_project(tmp_path / "template" / "data" / "garden", images=6)
    (tmp_path / "template" / "model").mkdir()
    (tmp_path / "template" / "results").mkdir()

    def run(sdk: str, program: str) -> list[dict[str, Any]]:
        task = tmp_path / sdk
        shutil.copytree(tmp_path / "template", task)
        job = json.dumps({"sdk": sdk, "task": str(task), "run": program})
        if sdk == "official":
            done = run_official("oracle_nn_run.py", stdin=job)
        else:
            done = subprocess.run(
                [sys.executable, str(HERE / "oracle_nn_run.py")],
                input=job,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
                env={**os.environ, "PYTHONPATH": str(HERE.parents[1]), "LOG_LEVEL": "DEBUG"},
            )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout == ""
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        for line in lines:
            line.pop("timestamp")
        return lines

    return run


def files(folder: Path) -> dict[str, Any]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found[str(path.relative_to(folder))] = json.loads(content) if path.suffix == ".json" else content
    return found


def test_a_training_says_the_same_lines_and_leaves_the_same_checkpoints(runs: Run, tmp_path: Path) -> None:
    config = {
        "weights_init_type": "transfer_learning",
        "dataset_tags": {"train": "train", "val": "val"},
        "special_classes": {"background": "bg", "neutral": "void"},
        "epochs": 2,
    }
    (tmp_path / "template" / "task_config.json").write_text(json.dumps(config))

    theirs, ours = runs("official", "train"), runs("ours", "train")

    # An object in an extra is written as its str(), and tables of classes are drawn differently.
    for line in (*theirs, *ours):
        line.pop("out_classes", None)
    sizes = [[line.pop("sizeb") for line in lines if "sizeb" in line] for lines in (theirs, ours)]
    assert ours == theirs
    assert len(sizes[0]) == len(sizes[1]) == 4

    mine, official = files(tmp_path / "ours" / "results"), files(tmp_path / "official" / "results")
    assert list(mine) == list(official)
    for name, content in official.items():
        if name.endswith("config.json"):
            for item in content["classes"]:
                for later in ("description", "hotkey"):  # keys that the class had not in 2019
                    item.pop(later, None)
        assert mine[name] == content, name


def test_an_inference_says_the_same_lines_and_leaves_the_same_project(runs: Run, tmp_path: Path) -> None:
    model = {
        "settings": {},
        "classes": [
            {"title": "thing", "shape": "rectangle", "color": "#123456", "geometry_config": {}},
            {"title": "mask", "shape": "bitmap", "color": "#654321", "geometry_config": {}},
        ],
        "class_title_to_idx": {"thing": 1, "mask": 2, "internal": 0},
    }
    (tmp_path / "template" / "model" / "config.json").write_text(json.dumps(model))
    (tmp_path / "template" / "task_config.json").write_text(json.dumps({"model": {"gpu_device": 0}, "mode": {}}))

    theirs, ours = runs("official", "infer"), runs("ours", "infer")

    assert [plain(line) for line in ours] == [plain(line) for line in theirs]
    mine, official = files(tmp_path / "ours" / "results"), files(tmp_path / "official" / "results")
    assert list(mine) == list(official)
    for name in official:
        assert plain(mine[name]) == plain(official[name]), name
