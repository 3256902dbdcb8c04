"""Files of a plugin's folder, read as data: whoever wrote it may have put a pipe, a link or millions of files there.

A file is opened once and judged by its descriptor: only a regular file below the folder is read, up to a limit.
Folders are listed up to a limit; what was left out is counted.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.formats.plugin_files import MODES, REST_MODE
from agent.fs.beneath import OpenFolder, open_folder

LARGEST = 1 << 20  # bytes of a Dockerfile, a requirements.txt
_LARGEST_CODE = 256 << 10  # bytes of a file of code: one written by hand has a tenth of it
_ALL_CODE = 1 << 20  # bytes of all files of code: they are parsed, in the web, too
_MOST_FILES = 500
_MOST_NAMES = 20_000  # of all folders
_MOST_IN_FOLDER = 2_000  # so that a folder of data does not hide the code beside it
_PROGRAMS = tuple(f"src/{mode}.py" for mode in (*MODES, REST_MODE))  # read first
_NOT_CODE = frozenset(
    {"tests", "__pycache__", ".venv", "venv", ".git", "build", "node_modules", ".mypy_cache", ".ruff_cache", ".idea"}
)


@dataclass(frozen=True, slots=True)
class Sources:
    texts: Mapping[str, str]  # by the path in the folder
    left_out: int  # files, and folders of which only a part was listed


def file_text(folder: Path, name: str) -> str | None:
    """The text of a file in a plugin's folder; None where there is none: no regular file, too large, a link out."""
    try:
        with open_folder(folder.resolve(), may_enter_mounts=True) as opened:
            return _text(opened, opened.resolve(name), LARGEST)
    except OSError:
        return None


def sources(folder: Path) -> Sources:
    """The Python files below src/ without links: at most 500, 1 MiB in all, each of at most 256 KiB."""
    found: dict[str, str] = {}
    left_out, left = 0, _ALL_CODE
    listed = Listed(folder, "src", _NOT_CODE)
    try:
        with open_folder(folder.resolve(), may_enter_mounts=True) as opened:
            for name in _code_first(listed.files(), folder):
                try:
                    text = _text(opened, name, min(_LARGEST_CODE, left)) if len(found) < _MOST_FILES else None
                except OSError:
                    text = None
                if text is None:
                    left_out += 1
                else:
                    found[name] = text
                    left -= len(text.encode(errors="replace"))
    except OSError:
        left_out += 1
    return Sources(dict(sorted(found.items())), left_out + listed.cut)


def _code_first(names: Iterator[str], folder: Path) -> Iterator[str]:
    """The programs of a plugin, whatever lies beside them, and then all other code."""
    programs = [name for name in _PROGRAMS if (folder / name).is_file() and not (folder / name).is_symlink()]
    yield from programs
    yield from (name for name in names if name.endswith(".py") and name not in programs)


class Listed:
    """The names below a folder, level by level, without links and pruned folders. `cut` counts what was not listed."""

    def __init__(self, folder: Path, below: str, pruned: frozenset[str]) -> None:
        self._folder = folder
        self._below = below
        self._pruned = pruned
        self.folders: list[str] = []
        self.links: list[str] = []
        self.cut = 0

    def files(self) -> Iterator[str]:
        """Each file by its path in the folder, in the order of names within a folder; the rest goes to the lists."""
        waiting = deque([self._below])
        left = _MOST_NAMES
        while waiting:
            place = waiting.popleft()
            most = min(_MOST_IN_FOLDER, left)
            try:
                if (self._folder / place).is_symlink():
                    continue
                with os.scandir(self._folder / place) as entries:
                    found = sorted(islice(entries, most + 1), key=lambda one: one.name)
            except OSError:
                self.cut += 1
                continue
            self.cut += len(found) > most
            left -= len(found)
            for entry in found[:most]:
                name = f"{place}/{entry.name}" if place else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in self._pruned:
                        self.folders.append(name)
                        waiting.append(name)
                elif entry.is_symlink():
                    self.links.append(name)
                else:
                    yield name


def _text(folder: OpenFolder, name: str, most_bytes: int) -> str | None:
    """Raises OSError for what is no regular file."""
    with folder.file(name) as opened:
        data = opened.read(most_bytes + 1)
    return None if len(data) > most_bytes else data.decode("utf-8", "replace").removeprefix("\ufeff")
