"""An installation whose queue a controller places on Slurm, with the process engine on its nodes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import library
from agent.artifacts import open_artifacts
from agent.clusters.slurm import Slurm
from agent.domain import Task
from agent.installation import Installation
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import write_model, write_project
from tests.support.placed_tasks import PlacedTasks, controlling_thread
from tests.support.slurm import SlurmCluster


@dataclass
class Farm(PlacedTasks):
    """An installation whose queue a controller places on Slurm."""

    slurm: SlurmCluster
    folder: Path

    def long(self, lines: int = 400, **options: Any) -> Task:
        """A task that counts slowly until the file `finish` is there."""
        return self.queue(f"lines={lines}", f"slow_until={self.folder / 'finish'}", "checkpoint_every=5", **options)

    def finish(self) -> None:
        (self.folder / "finish").touch()

    @contextmanager
    def controller(self, **changes: Any) -> Iterator[None]:
        installation = self.changed(**changes)
        with controlling_thread(installation, Slurm(installation.settings, {**os.environ, **self.slurm.env})):
            yield

    def have_jobs(self, tasks: Sequence[Task], count: int) -> bool:
        found = self.store.placements.of_tasks([task.id for task in tasks])
        return sum(any(one.job is not None for one in placements) for placements in found.values()) >= count

    def state(self) -> str:
        logs = {log.name: log.read_text()[-1500:] for log in (self.installation.settings.home / "jobs").glob("*.log")}
        return f"{super().state()}\n{logs}\n{self.slurm.call('squeue', '--all', '--states=all')}"


@contextmanager
def farm_of(slurm: SlurmCluster, folder: Path, *, store: str | None = None, **settings: Any) -> Iterator[Farm]:
    """`store` is where the test itself finds the store, if not as the settings say."""
    made = Settings(
        home=folder / "home",
        engine="process",
        slurm_poll=0.3,
        slurm_home=str(folder / "node"),
        slurm_cpus=1,
        **settings,
    )
    made.home.mkdir()
    with open_store(store or made.store) as opened:
        artifacts = open_artifacts(made.artifacts, endpoint=made.artifacts_endpoint)
        inputs = {
            "project": library.add_project(opened, artifacts, write_project(folder / "fruit")),
            "model": library.add_model(opened, artifacts, write_model(folder / "start")),
        }
        try:
            yield Farm(Installation(opened, artifacts, made), slurm, folder, inputs=inputs)
        finally:
            slurm.call("scancel", "--user=root")
