"""Small inputs on disk: a project and a model state; and the command line as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.forked import run_forked

ODD = Path(__file__).parents[1] / "plugins" / "odd"
COUNTED = ODD.parent / "counted"
ASKED = ODD.parent / "asked"  # a deployed model that needs nothing but Python
SERVED = ODD.parent / "served"  # has inference.py alone
RESTED = ODD.parent / "rested"  # has rest_inference.py alone
PIXELS = ODD.parent / "pixels"  # is applied to projects and served, by the same file
HUNGRY = ODD.parent / "hungry"
HOSTILE = ODD.parent / "hostile"
ROOT = Path(__file__).parents[2]


def write_project(folder: Path, *, images: int = 3, datasets: int = 1) -> Path:
    """A valid project: classes leaf (rectangle), tags train and val, `images` images in each dataset."""
    meta = {
        "classes": [{"title": "leaf", "shape": "rectangle", "color": "#2FA84F", "geometry_config": {}}],
        "tags": [{"name": tag, "value_type": "none", "color": "#010203"} for tag in ("train", "val")],
    }
    for d in range(datasets):
        (folder / f"ds{d}" / "img").mkdir(parents=True)
        (folder / f"ds{d}" / "ann").mkdir()
        for i in range(images):
            name = f"im{d}_{i}.png"
            Image.new("RGB", (8, 6), (d * 20, i * 10, 30)).save(folder / f"ds{d}" / "img" / name)
            label = {"classTitle": "leaf", "tags": [], "points": {"exterior": [[1, 1], [4, 3]], "interior": []}}
            ann = {"description": "", "size": {"height": 6, "width": 8}, "tags": ["train", "val"], "objects": [label]}
            (folder / f"ds{d}" / "ann" / f"{name}.json").write_text(json.dumps(ann))
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def write_model(folder: Path, weights: bytes = b"start") -> Path:
    """A folder of a model state for the odd plugin."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"settings": {}, "classes": [], "class_title_to_idx": {}}))
    (folder / "model.pt").write_bytes(weights)
    return folder


@dataclass(frozen=True)
class Cli:
    """`agent …` in a process of its own, with an installation of its own."""

    home: Path
    env: Mapping[str, str]

    def run(self, *args: object, code: int | None = 0, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        words, env = [*map(str, args)], {**self.clean_env(), **self.env, "AGENT_HOME": str(self.home)}
        if all(name.startswith(("AGENT_", "DOCKER_HOST")) for name in self.env):
            done = run_forked(words, env, timeout)
        else:
            done = subprocess.run(
                [sys.executable, "-m", "agent.cli", *words],
                env=env,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *args: object, code: int | None = 0, timeout: float = 240) -> Any:
        return json.loads(self.run(*args, "--json", code=code, timeout=timeout).stdout)

    def start(self, *args: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "agent.cli", *map(str, args)],
            env={**self.clean_env(), **self.env, "AGENT_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def clean_env() -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if not key.startswith("AGENT_")}


@contextmanager
def nested_deep(folder: Path, levels: int = 2200) -> Iterator[None]:
    """Folders in folders below `folder`, deeper than Python's stack and than any path; gone afterwards."""
    deepest = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(levels):
            os.mkdir("x", dir_fd=deepest)
            inner = os.open("x", os.O_RDONLY | os.O_DIRECTORY, dir_fd=deepest)
            os.close(deepest)
            deepest = inner
        os.close(deepest)
        yield
    finally:  # pytest itself could not delete them
        subprocess.run(["rm", "-rf", str(folder / "x")], check=True)
