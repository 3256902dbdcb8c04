"""A file or a folder appears complete under its name, or not at all. The only place that writes and then renames.

The bytes go to a temporary file in the same folder, because only within one file system does a rename replace a name
in one step. With `durable` they are on the disk before the name points to them, and the name is on the disk when the
call returns: what is acknowledged to anybody survives a power cut.
"""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agent.fs.disk import remove_tree
from agent.fs.durable import sync_file, sync_folder

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES})


@contextmanager
def atomic_path(path: Path, *, durable: bool = True, replace: bool = True) -> Iterator[Path]:
    """Give a free path beside `path`, at which the block makes a file or a folder; its end renames that to `path`.

    With `replace=False` an existing `path` stays as it is, and the end of the block raises FileExistsError. A link at
    `path` is replaced, not followed. After a failure, the block's or our own (OSError), `path` is what it was before
    and no temporary file is left. Only a power cut while the folder is flushed leaves open which of the two it is.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        yield partial
        publish(partial, path, durable=durable, replace=replace)
    except OSError as error:
        if error.filename == str(partial):  # nobody knows that name
            error.filename = str(path)
        raise
    finally:
        remove_tree(partial)


@contextmanager
def atomic_file(
    path: Path, *, mode: int | None = None, durable: bool = True, replace: bool = True
) -> Iterator[BinaryIO]:
    """Open a new file for writing; the end of the block gives it the name `path`. See `atomic_path`.

    `mode` holds the permissions: 0o600 for secrets, which nobody else can read at any moment. Without it the file gets
    those of the file that it replaces, or those that the umask gives a new file.
    """
    wanted = _mode_of(path) if mode is None else mode
    with atomic_path(path, durable=durable, replace=replace) as partial:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(partial, flags, 0o666 if wanted is None else 0o600)
        with os.fdopen(descriptor, "w+b") as out:
            yield out
            out.flush()
            if wanted is not None:
                os.fchmod(out.fileno(), wanted)


def write_atomically(
    path: Path, data: bytes, *, mode: int | None = None, durable: bool = True, replace: bool = True
) -> None:
    """Make `path` a file with these bytes. See `atomic_file`."""
    with atomic_file(path, mode=mode, durable=durable, replace=replace) as out:
        out.write(data)


def publish(partial: Path, path: Path, *, durable: bool = True, replace: bool = True) -> None:
    """Rename a complete file or folder to `path`, in the same file system. See `atomic_path`. Raises OSError."""
    if durable:
        sync_file(partial)
    if replace:
        partial.replace(path)
    else:
        _rename_to_free(partial, path)
    if durable:
        sync_folder(path.parent)


def _rename_to_free(partial: Path, path: Path) -> None:
    """Rename, unless `path` exists: then FileExistsError. A rename would replace it, a second hard link does not."""
    try:
        os.link(partial, path, follow_symlinks=False)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A folder, or a file system without hard links: here two writers at one moment may replace each other.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        partial.rename(path)
    else:
        partial.unlink()


def _mode_of(path: Path) -> int | None:
    """The permissions of the file at `path`; None where there is no file."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return stat.S_IMODE(status.st_mode) & 0o777 if stat.S_ISREG(status.st_mode) else None
