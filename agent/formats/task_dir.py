"""The task folder, exactly as plugins find it at /sly_task_data. Contract: task.md 2 and 7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.domain import TaskType
from agent.errors import StorageFailed
from agent.formats.disk import remove_tree, writing
from agent.formats.json_text import compact


@dataclass(frozen=True, slots=True)
class TaskDir:
    """The layout below `path`, the agent's view of it."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def config_path(self) -> Path:
        return self.path / "task_config.json"

    @property
    def settings_path(self) -> Path:
        """The deprecated twin of `config_path`; old plugins read it."""
        return self.path / "task_settings.json"

    @property
    def marker(self) -> Path:
        """There while the task is unfinished: a crash leaves it, and with it the folder."""
        return self.path / "__do_not_clean.marker"

    def log_path(self, now: datetime) -> Path:
        return self.logs / f"log_{now:%Y-%m-%d_%H:%M:%S}.txt"

    def create(self, task_type: TaskType) -> None:
        """Make the folder ready for staging: empty data/, model/ and results/; tmp/ for training; marker set.

        Logs of an earlier attempt stay. Raises StorageFailed, DiskFull.
        """
        with writing(f"the task folder {self.path}"):
            self.path.mkdir(parents=True, exist_ok=True)
            remove_tree(self.marker)  # whatever a plugin put in its place is not touched through
            self.marker.touch()
            self.logs.mkdir(exist_ok=True)
            _empty(self.data)
            _empty(self.model)
            self.empty_results()
            if task_type is TaskType.TRAIN:
                _empty(self.tmp)

    def empty_results(self) -> None:
        """An empty results/, as before each start of the container."""
        with writing(f"the task folder {self.path}"):
            _empty(self.results)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write both config files: the same compact JSON, keys in order, whole numbers and floats as they were."""
        text = compact(config)
        with writing("the task's config"):
            for path in (self.config_path, self.settings_path):
                path.unlink(missing_ok=True)  # whatever a plugin put in its place is not written through
                path.write_text(text)

    def unmark(self) -> None:
        """The task ended well or was stopped: its folder may be cleaned."""
        remove_tree(self.marker)

    def contents(self) -> list[Path]:
        """What `clean` would delete: everything but logs. Raises OSError."""
        return [entry for entry in sorted(self.path.iterdir()) if "logs" not in entry.name]

    def clean(self) -> list[Path]:
        """Delete everything but logs; never fails. What could not be deleted is returned."""
        try:
            entries = self.contents()
        except OSError:
            return [self.path] if self.path.exists() else []
        return [rest for entry in entries for rest in remove_tree(entry)]


def _empty(folder: Path) -> None:
    left = remove_tree(folder)
    if left:
        raise StorageFailed(f"Cannot empty {folder}: {left[0]} cannot be deleted. Delete it, as root if need be.")
    folder.mkdir()
