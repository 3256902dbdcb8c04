"""The engine `replay`: it plays a recording where another engine would run the plugin.

Everything else is as always: the task is staged, followed, its checkpoints are set aside, packed and published, and the
agent may be killed at any moment. So pages, tests and bug reports see a run without its plugin, its image or a GPU. A
player under the watcher of processes is the container, and outlives the agent.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import agent
from agent.domain import TASK_MOUNT, ContainerSpec, EngineInfo, ExitResult
from agent.engines import Container, ImageInfo, KeptImage, StoredImage
from agent.engines.player import PLAY, PLAYED, RECORDING, Play
from agent.engines.process_container import ProcessContainer
from agent.engines.recorded_runs import RecordedRuns
from agent.errors import CouldNotStart

SPEED = "REPLAY_SPEED"  # a variable of the task: a factor, or max
MAX = "max"


def read_speed(text: str) -> float:
    """`1`, `10`, `0.5` → the factor; `max` → 0. Raises ValueError."""
    if text == MAX:
        return 0.0
    speed = float(text)
    if not (math.isfinite(speed) and speed > 0):
        raise ValueError(text)
    return speed


class ReplayContainer(ProcessContainer):
    def wait(self) -> ExitResult:
        """The end that was recorded; that of the player where it was stopped before."""
        result = super().wait()
        try:
            said = json.loads((self._state / PLAYED).read_bytes())
        except OSError:
            return result
        return ExitResult(said["exit_code"], said["out_of_memory"], said["error"])


class ReplayEngine:
    name = "replay"

    def __init__(self, state_dir: Path) -> None:
        """`state_dir` keeps a folder per run."""
        self._runs = RecordedRuns(state_dir, ReplayContainer)

    def info(self) -> EngineInfo:
        return EngineInfo(self.name, version="1", has_nvidia=False, can_mount_over=True)

    def image(self, reference: str, pull: str = "missing") -> ImageInfo:  # noqa: ARG002
        """No image: this engine plays the recording in the plugin's folder."""
        return ImageInfo(reference, digest="", labels={})

    def image_here(self, digest: str, reference: str) -> ImageInfo | None:  # noqa: ARG002
        return None

    def load_image(self, image: StoredImage) -> ImageInfo:
        raise CouldNotStart(f"recordings are played here; {image.reference} is an image")

    def start(self, spec: ContainerSpec) -> Container:
        folder = None if spec.plugin_folder is None else Path(spec.plugin_folder)
        if folder is None or not (folder / RECORDING).is_file():
            raise CouldNotStart(
                f"there is no recording of {spec.image} on this machine; `agent replay FILE` brings it and plays it"
            )
        task_folder = next(Path(mount.source) for mount in spec.mounts if mount.target == str(TASK_MOUNT))
        try:
            speed = read_speed(spec.env.get(SPEED, MAX))
        except ValueError:
            raise CouldNotStart(f"{SPEED}={spec.env[SPEED]} is no speed; write a factor like 10, or max") from None
        with self._runs.new(spec) as state:
            project = next((place.name for place in (task_folder / "data").glob("*/")), "")
            play = Play(str(folder), str(task_folder / "results"), project, speed)
            (state / PLAY).write_text(json.dumps(asdict(play)))
            run = {
                "argv": [sys.executable, "-P", "-m", "agent.engines.player", str(state)],
                "env": {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(Path(agent.__file__).parents[1])},
                "cwd": str(state),
                "mounts": [],
                "private": False,
            }
            return self._runs.start(state, spec, run, "as a replay")

    def find(self, labels: Mapping[str, str], *, unstarted: bool = False) -> list[Container]:
        return list(self._runs.find(labels, unstarted=unstarted))

    def restore_ownership(self, folder_on_host: str, labels: Mapping[str, str]) -> None:
        """Do nothing: the player's files belong to the agent's user."""

    def images_with(self, label: str) -> list[KeptImage]:  # noqa: ARG002
        return []

    def remove_image(self, name: str) -> None:
        """Do nothing: this engine has no images."""
