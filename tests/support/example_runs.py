"""Run the example plugins like the agent: a script of the plugin in a process of its own, on a task folder.

The process has loaded torch before (`warm.py`). In `tests/e2e` the agent itself starts the plugins.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.warm import Warm

REPOSITORY = Path(__file__).parents[2]
SEGMENTATION = REPOSITORY / "plugin_example"
DETECTION = SEGMENTATION / "detection"


@dataclass(frozen=True)
class Run:
    """The exit code and the output of a plugin's process."""

    task: Path
    exit_code: int
    lines: list[str]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    @property
    def tail(self) -> str:
        return "\n".join(self.lines[-30:])

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record.get("event_type") == f"EventType.{event_type}"]

    def metric(self, kind: str, name: str) -> list[float]:
        return [record["metrics"][name] for record in self.of_type("METRICS") if record["type"] == kind]

    def best_checkpoint(self) -> Path:
        best = [record for record in self.of_type("CHECKPOINT") if record["best_now"]][-1]
        return self.task / "results" / best["subdir"]


def presets(plugin: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Title → config of a plugin's presets for `train` or `inference`."""
    listed = json.loads((plugin / "predefined_run_configs.json").read_text(encoding="utf-8"))
    return {preset["title"]: preset["config"] for preset in listed if preset["type"] == kind}


def sample(name: str, *arguments: str | Path | int) -> None:
    """Write a sample project of the example."""
    command = [sys.executable, "-m", f"plugin_example.samples.{name}", *map(str, arguments)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)


def run(plugin: Path, script: str, task: Path, config: Mapping[str, Any]) -> Run:
    """Run a script of the plugin on a task folder whose `data/` and `model/` are in place."""
    shutil.rmtree(task / "results", ignore_errors=True)
    (task / "results").mkdir()
    (task / "task_config.json").write_text(json.dumps(config))
    ended = _with_torch().run(plugin / "src" / script, SLY_TASK_DATA=str(task), LOG_LEVEL="DEBUG")
    assert ended.stdout == "", "the SDK and the plugin log to stderr"
    return Run(task, ended.returncode, ended.stderr.splitlines())


@cache
def _with_torch() -> Warm:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "LANG": "C.UTF-8", "OMP_WAIT_POLICY": "PASSIVE"}
    modules = ("torch", "torch._dynamo", "cv2", "shapely", "jsonschema")  # the second is what an optimizer loads
    warm = Warm(sys.executable, modules, environment)
    atexit.register(warm.close)
    return warm


def train(plugin: Path, task: Path, project: Path, model: Path | None, **config: Any) -> Run:
    """Lay out a task folder and train on it; without a model, `model/` is empty."""
    shutil.copytree(project, task / "data" / project.name)
    shutil.copytree(model, task / "model") if model else (task / "model").mkdir()
    return run(plugin, "train.py", task, {"data_workers": 0, **config})


def infer(plugin: Path, task: Path, config: Mapping[str, Any]) -> Run:
    """Apply the model of a task folder to its project; the script must succeed."""
    ended = run(plugin, "inference.py", task, config)
    assert ended.exit_code == 0, ended.tail
    return ended


def with_class(project: Path, title: str, folder: Path) -> Path:
    """A copy of the project in `folder`, with one more class."""
    copy = shutil.copytree(project, folder / f"{project.name} and {title}")
    meta = json.loads((copy / "meta.json").read_text())
    meta["classes"].append({"title": title, "shape": "polygon", "color": "#00FF00", "geometry_config": {}})
    (copy / "meta.json").write_text(json.dumps(meta))
    return copy


def with_class_list_as(model: Path, key: str, folder: Path) -> Path:
    """A copy of the model state in `folder` whose config.json has its class list under `key`."""
    copy = shutil.copytree(model, folder / key)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({key: config.pop("classes"), **config}))
    return copy


def saved_loss(run: Run, checkpoint: Path) -> float:
    """The validation loss in the report of a checkpoint."""
    (report,) = (record for record in run.of_type("CHECKPOINT") if record["subdir"] == checkpoint.name)
    loss: float = report["optional"]["val_metrics"]["loss"]
    return loss


def class_ids(model: Path) -> dict[str, int]:
    """The class mapping of a model state."""
    ids: dict[str, int] = json.loads((model / "config.json").read_text())["class_title_to_idx"]
    return ids
