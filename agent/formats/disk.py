"""What the disk may answer while we write to it, as errors for a person."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import DiskFull, StorageFailed

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Translate failures of writing `what`: a full disk gives DiskFull, anything else StorageFailed."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"There is no space left to write {what}. Free some space and try again.") from error
        where = f" ({error.filename})" if error.filename else ""
        reason = error.strerror or str(error)
        raise StorageFailed(f"Cannot write {what}{where}: {reason}. Check the folder and its permissions.") from error


def require_free_space(folder: Path, size_bytes: int, what: str) -> None:
    """Raise DiskFull before the first byte when `what` cannot fit below `folder`."""
    free = shutil.disk_usage(folder).free
    if size_bytes > free:
        raise DiskFull(
            f"There is no space left to write {what}: it needs {size_bytes:,} bytes, {folder} has {free:,}. "
            "Free some space and try again."
        )


def size_on_disk(path: Path) -> int:
    """Bytes that deleting this would free, as far as one may look: files with other names elsewhere count nothing."""
    total = 0
    for place in (path, *_below(path)):
        with suppress(OSError):
            entry = place.lstat()
            if stat.S_ISDIR(entry.st_mode) or entry.st_nlink == 1:
                total += entry.st_blocks * 512
    return total


def _below(folder: Path) -> Iterator[Path]:
    if not folder.is_symlink():
        for parent, folders, files in os.walk(folder):
            yield from (Path(parent) / name for name in (*folders, *files))


def remove_tree(path: Path) -> list[Path]:
    """Delete a file, link or folder with everything in it; what could not be deleted is returned.

    Never raises and never follows a link. Folders left without permissions, in each other too, are opened up first.
    """
    left = _try_to_remove(path)
    if left and path.is_dir() and not path.is_symlink():
        _open_up(path)
        left = _try_to_remove(path)
    return left


def _try_to_remove(path: Path) -> list[Path]:
    left: list[Path] = []
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=lambda _function, name, _info: left.append(Path(name)))
        else:
            path.unlink(missing_ok=True)
    except OSError:
        left.append(path)
    return [entry for entry in left if _is_there(entry)]


def _is_there(path: Path) -> bool:
    """Whether it exists, as far as one may look: what nobody may look at is there."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _open_up(folder: Path) -> None:
    """Give every folder at and below this one back the permissions it takes to empty it, from the top down."""
    with suppress(OSError):
        folder.chmod(0o700)
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            inner = Path(parent) / name
            with suppress(OSError):
                if not inner.is_symlink():
                    inner.chmod(0o700)
