"""The files of a folder as they were at one moment. A folder is surveyed once; every later step takes the survey.

The survey says which files a model state would hold, which entries it cannot hold, and by which identity each file is
known again: whoever opens a file later compares, and notices a change without a second look at the whole folder.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.errors import Invalid, NotFound, Problem
from agent.formats.archive import DEFAULT_LIMITS
from agent.formats.archive_members import path_problem
from agent.fs.beneath import OpenFolder, open_folder
from agent.fs.names import shown


@dataclass(frozen=True, slots=True)
class StateFile:
    """A file by its identity. A folder has a name only: what happens to its content happens to its files."""

    name: str  # relative to the surveyed folder; a folder's ends with a slash
    size_bytes: int = 0
    mtime_ns: int = 0
    inode: int = 0
    device: int = 0

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")

    def is_unchanged(self, status: os.stat_result) -> bool:
        """Whether this is the status of the same file with the same content, as far as size and time tell."""
        return self == known_file(self.name, status)

    def is_same(self, status: os.stat_result) -> bool:
        """Whether this is the status of the same file, whatever was written to it since."""
        identity = (status.st_ino, status.st_dev)
        return identity == (self.inode, self.device) and stat.S_ISREG(status.st_mode)  # a number is used again


def known_file(name: str, status: os.stat_result) -> StateFile:
    return StateFile(name, status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)


@dataclass(frozen=True, slots=True)
class Survey:
    """Files and folders, sorted by name; `problems` are the entries that a model state cannot hold."""

    files: tuple[StateFile, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        return all(file.is_folder for file in self.files)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def inodes(self) -> frozenset[int]:
        return frozenset(file.inode for file in self.files if not file.is_folder)

    def require_good(self, folder: Path) -> None:
        """Raises Invalid with every problem."""
        if self.problems:
            raise Invalid(f"Folder {shown(str(folder))}", self.problems)

    def changed(self, folder: OpenFolder) -> tuple[str, ...]:
        """The names of the files that are not any more what they were. Files that were added are not looked for."""
        return tuple(file.name for file in self.files if not file.is_folder and not _is_unchanged(folder, file))


def survey(folder: Path | OpenFolder) -> Survey:
    """Survey a folder. A link to a file in the folder counts as that file, so that an archive stands for itself.

    Each folder is opened through the folder above it, so no link put into the way meanwhile leads elsewhere.
    Raises NotFound where there is no folder.
    """
    if isinstance(folder, OpenFolder):
        return _survey(folder)
    try:
        opened = open_folder(folder, may_enter_mounts=True)
    except (FileNotFoundError, NotADirectoryError):  # a link is no folder either
        raise NotFound(f"There is no folder {shown(str(folder))}.") from None
    except OSError as error:
        return Survey(problems=(_unreadable(".", error),))
    with opened:
        return _survey(opened)


def _survey(folder: OpenFolder) -> Survey:
    entries = list(_entries(folder))
    judged = [_judged(entry.name, entry.status) for entry in entries if not entry.is_link]
    identities = {(file.inode, file.device) for file in judged if isinstance(file, StateFile) and not file.is_folder}
    judged += [_judged_link(entry, identities) for entry in entries if entry.is_link]
    files = sorted((file for file in judged if isinstance(file, StateFile)), key=lambda file: file.name)
    problems = [problem for problem in judged if isinstance(problem, Problem)]
    if not problems and (sentence := _too_much(files)):
        problems.append(Problem("", "", sentence))
    return Survey(tuple(files), tuple(problems))


class _Entry(NamedTuple):
    name: str  # relative to the surveyed folder; a folder's ends with a slash
    status: os.stat_result | OSError  # of a link's target
    is_link: bool = False


def _entries(root: OpenFolder, folder: OpenFolder | None = None, prefix: str = "") -> Iterator[_Entry]:
    """Every entry of the open folder, and of the folders in it. An entry closed to us comes with the error."""
    folder = folder or root
    try:
        names = folder.names()
    except OSError as error:
        yield _Entry(prefix or ".", error)
        return
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                yield _Entry(prefix + name, _target(root, prefix + name), is_link=True)
            elif not stat.S_ISDIR(status.st_mode):
                yield _Entry(prefix + name, status)
            else:
                yield _Entry(f"{prefix}{name}/", status)
                if prefix.count("/") < DEFAULT_LIMITS.depth:  # deeper folders are refused anyway
                    with folder.folder(name) as inner:
                        yield from _entries(root, inner, f"{prefix}{name}/")
        except OSError as error:
            yield _Entry(prefix + name, error)


def _target(root: OpenFolder, link: str) -> os.stat_result | OSError:
    try:
        return root.status(root.resolve(link) or ".")
    except OSError as error:
        return error


def _judged(name: str, status: os.stat_result | OSError) -> StateFile | Problem:
    """An entry as a file of a model state, or why it cannot be such a file."""
    plain = name.rstrip("/")
    if sentence := path_problem(plain.split("/"), DEFAULT_LIMITS.depth):
        return Problem(shown(plain), "", sentence, "Rename it.")
    if isinstance(status, OSError):
        return _unreadable(plain, status)
    if stat.S_ISDIR(status.st_mode):
        return StateFile(name)
    if not stat.S_ISREG(status.st_mode):
        return Problem(shown(name), "", "is not a regular file.")
    return known_file(name, status)


def _judged_link(link: _Entry, files: set[tuple[int, int]]) -> StateFile | Problem:
    """The same for a link; `files` are the identities of the folder's files, one of which it must lead to."""
    name, status, _ = link
    if isinstance(status, OSError):
        if status.errno == errno.EXDEV:
            return Problem(shown(name), "", "is a link that leaves the folder.", "Copy the file.")
        return _judged(name, status)
    if (status.st_ino, status.st_dev) in files:
        return _judged(name, status)
    return Problem(shown(name), "", "is not a regular file.")


def _unreadable(name: str, error: OSError) -> Problem:
    return Problem(shown(name), "", f"cannot be read: {error.strerror}.")


def _too_much(files: list[StateFile]) -> str | None:
    """Why these files could not be unpacked again."""
    if len(files) > DEFAULT_LIMITS.members:
        return f"has more than {DEFAULT_LIMITS.members:,} files and folders."
    if sum(file.size_bytes for file in files) > DEFAULT_LIMITS.size_bytes:
        return f"is larger than the limit of {DEFAULT_LIMITS.size_bytes:,} bytes."
    return None


def _is_unchanged(folder: OpenFolder, file: StateFile) -> bool:
    try:
        return file.is_unchanged(folder.status(folder.resolve(file.name)))
    except OSError:
        return False
