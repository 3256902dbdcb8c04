"""Entries of a project's open folder: what exists, of which kind; the problems of those that cannot be opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader

from agent.errors import Problem
from agent.formats.survey import StateFile, known_file
from agent.fs.beneath import OpenFolder
from agent.fs.names import shown

LINKED_OUT = frozenset({errno.EXDEV, errno.ELOOP})  # out of the folder, or nowhere
APPLE_DOUBLE = "._"  # files that macOS writes beside files, for what other file systems cannot keep
_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})  # of Windows, in lower case


def is_junk(name: str) -> bool:
    """Whether a system made the entry beside the user's own: hidden, of an archiver, of an explorer."""
    return name.startswith((".", "__MACOSX")) or name.lower() in _SYSTEM_FILES


def names(root: OpenFolder, folder: str) -> list[str]:
    """The names in a folder, sorted. Raises OSError."""
    if not folder:
        return sorted(root.names())
    with root.folder(root.resolve(folder) or ".") as opened:
        return sorted(opened.names())


def exists(root: OpenFolder, name: str) -> bool:
    """Whether there is an entry, a link included."""
    above, _, last = name.rpartition("/")
    try:
        root.status("/".join(part for part in (root.resolve(above), last) if part))
    except OSError:
        return False
    return True


def is_file(root: OpenFolder, name: str) -> bool:
    return _is_kind(root, name, stat.S_ISREG)


def is_folder(root: OpenFolder, name: str) -> bool:
    return _is_kind(root, name, stat.S_ISDIR)


def folder_problem(root: OpenFolder, name: str) -> Problem | None:
    """Why there is no such folder in the project; None where there is one."""
    try:
        if stat.S_ISDIR(root.status(root.resolve(name) or ".").st_mode):
            return None
    except OSError as error:
        if error.errno in LINKED_OUT:
            return leaves(shown(name))
    return Problem(shown(name), "", "is missing or not a folder.")


def open_file(
    root: OpenFolder, name: str, file: str, problems: list[Problem]
) -> tuple[StateFile, BufferedReader] | None:
    """A file of the project, open, and by what it is known again; None with a problem. A link may stay inside."""
    try:
        resolved, opened = _opened(root, name)
    except OSError as error:
        if error.errno in LINKED_OUT:
            problems.append(leaves(file))
        elif error.errno in (errno.EINVAL, errno.ENOENT):  # a folder, a pipe, a link to nothing
            problems.append(Problem(file, "", "is not a file."))
        else:
            problems.append(unreadable(file, error))
        return None
    return known_file(resolved, os.fstat(opened.fileno())), opened


def _opened(root: OpenFolder, name: str) -> tuple[str, BufferedReader]:
    """A file and its name without links. Nearly all have none on their way, which one opening tells."""
    with suppress(OSError):
        return name, root.file(name)
    resolved = root.resolve(name)
    return resolved, root.file(resolved)


def leaves(file: str) -> Problem:
    return Problem(file, "", "is a link that leaves the project's folder.", "Copy what it points to.")


def unreadable(file: str, error: OSError) -> Problem:
    return Problem(file, "", f"cannot be read: {error.strerror}.")


def _is_kind(root: OpenFolder, name: str, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(root.status(root.resolve(name) or ".").st_mode)
    except OSError:
        return False
