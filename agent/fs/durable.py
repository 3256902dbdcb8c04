"""What is on the disk, and not only in the kernel's memory, when a call returns.

A file's bytes and its name are two things: the first reach the disk with the file, the second with its folder.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_NO_FSYNC = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM})  # of a folder, on some file systems


def sync_file(path: Path) -> None:
    """Put a file's bytes, or the names in a folder, on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk. Where folders cannot be synced, they are as safe as they get."""
    try:
        sync_file(folder)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def sync_file_system(path: Path) -> None:
    """Put everything on the disk that was written to the file system of `path`: cheaper than many files by name."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if call is None:  # the standard library can only sync all file systems
            os.sync()
        elif call(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder and those above it that are missing; their names are on the disk then. Raises OSError."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(mode, parents=True, exist_ok=True)
    for place in reversed(missing):
        sync_folder(place.parent)
