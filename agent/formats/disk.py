"""What the disk may answer while we write to it, as errors for a person."""

from __future__ import annotations

import errno
import os
import shutil
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


def remove_tree(path: Path) -> list[Path]:
    """Delete a file, link or folder with everything in it; what could not be deleted is returned.

    Never raises and never follows a link. A folder left without write permission is opened up first.
    """
    left: list[Path] = []

    def retry(_function: object, name: str, _info: object) -> None:
        entry = Path(name)
        with suppress(OSError):
            entry.parent.chmod(0o700)
            if entry.is_dir() and not entry.is_symlink():
                entry.chmod(0o700)
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        left.append(entry)

    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=retry)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        left.append(path)
    return [entry for entry in left if os.path.lexists(entry)]
