"""Saved files of a folder, gathered: an editor writes several at once, and several times."""

from __future__ import annotations

import fnmatch
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.fs.watching import new_observer

QUIET_S = 0.05  # without a change, after which a save is complete
_LONGEST_S = 1.0  # that a save may take
# What tools write beside the author's own files.
_IGNORED_FOLDERS = frozenset(
    {".git", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea", ".vscode"}
)
_IGNORED_FILES = ("*.pyc", "*.swp", "*.swx", "*~", ".#*", "#*#", "4913", "*.tmp")
_KINDS = frozenset({"modified", "created", "moved", "deleted"})


def counts(path: Path, root: Path) -> bool:
    """Whether a change of this file is a save of the author."""
    try:
        inner = path.relative_to(root)
    except ValueError:
        return False
    if _IGNORED_FOLDERS & set(inner.parts):
        return False
    return not any(fnmatch.fnmatch(inner.name, pattern) for pattern in _IGNORED_FILES)


class Saves:
    """What was saved since it was asked for last. Filled by another thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changed = threading.Condition()
        self._files: dict[Path, None] = {}
        self._last_s = 0.0
        self.first_s = 0.0  # when the first file of the last save was written, by time.monotonic()

    def dispatch(self, event: Any) -> None:
        """Called by the observer."""
        if event.is_directory or event.event_type not in _KINDS:
            return
        for name in filter(None, (event.src_path, event.dest_path)):
            path = Path(name if isinstance(name, str) else name.decode(errors="replace"))
            if counts(path, self._root):
                self._add(path)

    def _add(self, path: Path) -> None:
        with self._changed:
            self._last_s = time.monotonic()
            if not self._files:
                self.first_s = self._last_s
            self._files[path.relative_to(self._root)] = None
            self._changed.notify_all()

    def is_there(self) -> bool:
        with self._changed:
            return bool(self._files)

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a file is saved."""
        with self._changed:
            if not self._files:
                self._changed.wait(seconds)

    def take(self) -> list[Path]:
        """The saved files, once no more come; their paths are relative to the folder."""
        with self._changed:
            while self._files and (left := self._last_s + QUIET_S - time.monotonic()) > 0:
                if time.monotonic() - self.first_s > _LONGEST_S:
                    break
                self._changed.wait(left)
            taken = list(self._files)
            self._files.clear()
            return taken


@contextmanager
def watched(folder: Path) -> Iterator[Saves]:
    """The saves below a folder, from now on."""
    root = folder.resolve()
    saves = Saves(root)
    observer = new_observer()
    observer.schedule(saves, str(root), recursive=True)  # type: ignore[arg-type]  # it is called, not asked for its class
    observer.start()
    try:
        yield saves
    finally:
        observer.stop()
        observer.join()
