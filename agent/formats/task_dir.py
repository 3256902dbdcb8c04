"""The task folder, exactly as plugins find it at /sly_task_data. Contract: task.md 2 and 7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.domain import TaskType
from agent.errors import StorageFailed
from agent.formats.json_values import spaced
from agent.fs.atomic import write_atomically
from agent.fs.disk import remove_tree, writing
from agent.fs.durable import make_folder
from agent.fs.names import read_number
from agent.fs.paths import others_reach
from agent.fs.spreading import spread


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
    def serve_path(self) -> Path:
        """The program that serves the model of a plugin that brings none."""
        return self.path / "serve.py"

    @property
    def marker(self) -> Path:
        """There while the task is unfinished: a crash leaves it, and with it the folder."""
        return self.path / "__do_not_clean.marker"

    @property
    def keep_marker(self) -> Path:
        """There if the settings of the agent that ended the task keep the folder: a later clean keeps it too."""
        return self.path / "__keep.marker"

    def keep(self) -> None:
        """Keep the folder for good. Raises OSError."""
        remove_tree(self.keep_marker)  # whatever a plugin put in its place
        self.keep_marker.touch()

    def log_path(self, now: datetime) -> Path:
        return self.logs / f"log_{now:%Y-%m-%d_%H:%M:%S}.txt"

    def create(self, task_type: TaskType) -> None:
        """Make the folder ready for staging: empty data/, model/ and results/; tmp/ for training; marker set.

        Logs of an earlier attempt stay. Raises StorageFailed, DiskFull.
        """
        with writing(f"the task folder {self.path}"):
            make_folder(self.path.parent, mode=0o700)  # task folders are nobody else's business
            spread(self.path.parent)
            self.path.mkdir(exist_ok=True)
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

    def write_config(self, config: Mapping[str, Any], *, secret: bool = False) -> None:
        """Write both config files with the official agent's bytes: keys in order, numbers as they were (task.md 2).

        A secret config is for the folder's owner alone where other users of the machine can reach the folder. Elsewhere
        it has the usual rights, because the user of an image may be none that the agent knows.
        """
        text = spaced(config).encode()
        with writing("the task's config"):
            mode = 0o600 if secret and others_reach(self.path.parent) else None
            for path in (self.config_path, self.settings_path):
                remove_tree(path)  # a plugin may have put a link or a folder in its place
                write_atomically(path, text, mode=mode, durable=False)

    def write_serve(self, program: bytes) -> None:
        """Write the program that serves the model of a plugin that brings none."""
        with writing("the program that serves the model"):
            remove_tree(self.serve_path)
            write_atomically(self.serve_path, program, durable=False)

    def contents(self) -> list[Path]:
        """What `clean` would delete, in that order: everything but logs, the marker last. Raises OSError.

        So that a folder that is half cleaned is still found by its marker.
        """
        entries = [entry for entry in self.path.iterdir() if "logs" not in entry.name]
        return sorted(entries, key=lambda entry: (entry == self.marker, entry))

    def clean(self) -> list[Path]:
        """Delete everything but logs; never fails. What could not be deleted is returned."""
        try:
            entries = self.contents()
        except OSError:
            return [self.path] if self.path.exists() else []
        return [rest for entry in entries for rest in remove_tree(entry)]


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """A folder that is named for a task."""

    path: Path
    task_id: int
    part: str  # empty: the task folder itself; else the agent's own beside it, "shadow", "snapshots", "images"


def task_folders(root: Path) -> list[TaskFolder]:
    """The folders below `root` that are named for a task (`7`, `7.shadow`, `7.snapshots`), by name.

    Files, links and all other names are not the agent's (`notes`, `²`, `07`). Raises StorageFailed.
    """
    found = []
    try:
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            digits, _, part = path.name.partition(".")
            task_id = read_number(digits)
            if task_id is not None and str(task_id) == digits and path.is_dir() and not path.is_symlink():
                found.append(TaskFolder(path, task_id, part))
    except OSError as error:
        raise StorageFailed(f"Cannot list the task folders in {root}: {error.strerror}.") from error
    return found


def _empty(folder: Path) -> None:
    left = remove_tree(folder)
    if left:
        raise StorageFailed(f"Cannot empty {folder}: {left[0]} cannot be deleted. Delete it, as root if need be.")
    folder.mkdir()
