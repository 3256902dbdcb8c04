"""Deleting blobs that nothing names any more, while others put and use blobs.

A blob is named by a row only some time after it was put. Two things keep it alive until then: putting content that
is there, or asking whether it is, sets the file's time to now, and what was touched lately is not collected; and
whoever touches holds a lock on the blob's folder that the one who deletes waits for. So a put finds a blob that
stays, or finds none and writes it.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeptBlob:
    sha256: str
    size_bytes: int
    idle_s: float  # since it was put, put again or asked for


def kept_blobs(root: Path) -> Iterator[KeptBlob]:
    """Every blob below `root`, in the order of the hashes within a folder; others' files are passed over."""
    now = time.time()
    for first in _folders(root):
        for folder in (first, *_folders(first)):  # a cache has no second level, but where an older release filled it
            with suppress(OSError):
                for entry in sorted(folder.iterdir()):
                    if _NAME.fullmatch(entry.name):
                        with suppress(FileNotFoundError):
                            found = entry.stat()
                            yield KeptBlob(entry.name, found.st_size, now - found.st_mtime)


def _folders(parent: Path) -> list[Path]:
    return sorted(entry for entry in parent.iterdir() if len(entry.name) == 2 and entry.is_dir())


def touch(place: Path, size_bytes: int | None = None) -> bool:
    """Whether the blob is there, of this size where given; if so it will stay for a while."""
    try:
        with locked(place.parent, fcntl.LOCK_SH):
            if size_bytes is not None and place.stat().st_size != size_bytes:
                return False
            os.utime(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def collect(place: Path, idle_s: float) -> int:
    """Delete the blob unless it was touched within `idle_s`; the bytes freed."""
    try:
        with locked(place.parent, fcntl.LOCK_EX):
            found = place.stat()
            if time.time() - found.st_mtime < idle_s:
                return 0
            place.unlink()
            return found.st_size if found.st_nlink == 1 else 0
    except (FileNotFoundError, NotADirectoryError):
        return 0


@contextmanager
def locked(folder: Path, how: int) -> Iterator[None]:
    """A lock on the folder itself: no file is left, and the lock ends with its holder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
