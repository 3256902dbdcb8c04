"""Folders on this machine: room, sizes, deleting; and what the disk may answer to a write, as errors for a person."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.filesize import pick_unit_and_suffix

from agent.errors import ArtifactsAway, DiskFull, StorageFailed
from agent.fs.absence import is_away
from agent.fs.beneath import open_beneath, open_folder, same_file, walk

_FREE_FILES = 10_000  # or a hundredth of all, where that is less: a task makes about as many
_IS_FOLDER = {errno.EISDIR, errno.EPERM}  # Linux says the former of a folder, POSIX the latter
_MOST_OPEN = 30  # folders in each other, while they are deleted
_MOST_MOVED = 1_000_000
_MOST_PASSES = 3  # through a folder in which somebody makes files meanwhile
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Translate failures of writing `what`: a full disk gives DiskFull, a shared folder whose server does not answer
    ArtifactsAway, anything else StorageFailed."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"There is no space left to write {what}. Free some space and try again.") from error
        where = f" ({error.filename})" if error.filename else ""
        reason = error.strerror or str(error)
        if is_away(error):
            raise ArtifactsAway(
                f"Cannot write {what}{where} now: {reason}. Try again when its server answers."
            ) from error
        raise StorageFailed(f"Cannot write {what}{where}: {reason}. Check the folder and its permissions.") from error


def write_new(path: Path | str, data: bytes) -> None:
    """Write a file that must not exist, without the buffers of an open file, which cost more than a small one.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def require_free_space(
    folder: Path, size_bytes: int, what: str, *, keep_free_bytes: int = 0, may_use_reserve: bool = False
) -> None:
    """Raise DiskFull before the first byte when `what` cannot fit below `folder` and leave `keep_free_bytes` free.

    With `may_use_reserve` it may take from these where they are not all free any more.
    """
    free = shutil.disk_usage(folder).free
    if may_use_reserve and free < keep_free_bytes:
        keep_free_bytes = 0
    if size_bytes > free - keep_free_bytes:
        kept = f", of which AGENT_MIN_FREE keeps {keep_free_bytes:,}" if keep_free_bytes else ""
        raise DiskFull(
            f"There is no space left to write {what}: it needs {size_bytes:,} bytes, {folder} has {free:,}{kept}. "
            "Free some space and try again."
        )


def lack_of_space(folder: Path, keep_free_bytes: int) -> str:
    """What the disk of this folder lacks, in a sentence; empty when it has `keep_free_bytes` and room for more files.

    A disk without inodes left is as full as one without bytes. Disks that count none report a total of 0.
    """
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < keep_free_bytes:
        return (
            f"The disk of {folder} has {free:,} bytes left, and AGENT_MIN_FREE keeps {keep_free_bytes:,} free, "
            "so that what was saved stays whole."
        )
    if disk.f_files and disk.f_favail < min(_FREE_FILES, disk.f_files // 100):
        return f"The disk of {folder} has room for {disk.f_favail:,} more files only (inodes; see `df -i`)."
    return ""


def size_text(size_bytes: int) -> str:
    """1536 → "1.5 KiB"."""
    unit, suffix = pick_unit_and_suffix(size_bytes, ["B", "KiB", "MiB", "GiB", "TiB"], 1024)
    return f"{size_bytes / unit:,.{0 if unit == 1 else 1}f} {suffix}"


def size_on_disk(path: Path) -> int:
    """Bytes that deleting this would free. Files with other names elsewhere and folders closed to us count nothing."""
    total = 0
    for _, entry in entries_below(path):
        if stat.S_ISDIR(entry.st_mode) or entry.st_nlink == 1:
            total += entry.st_blocks * 512
    return total


def entries_below(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The file, link or folder itself and everything in it, no link followed; entries closed to us are left out.

    No recursion: a plugin may nest folders deeper than Python's stack.
    """
    try:
        status = path.lstat()
        folder = open_folder(path) if stat.S_ISDIR(status.st_mode) else None
    except OSError:
        return
    yield path, status
    if folder is not None:
        with folder:
            for entry in walk(folder):
                if not isinstance(entry.status, OSError):
                    yield path / entry.place, entry.status


def remove_tree(path: Path) -> list[Path]:
    """Delete a file, link or folder with everything in it; give the paths that could not be deleted.

    Never raises, never follows a link and never leaves the folder, whatever somebody does in it meanwhile. Folders
    without permissions, in each other too, get permissions first.
    """
    try:
        above = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError:
        return [path]
    try:
        removal = _Removal()
        removal.entry(above, path.name, path, 0)
        return list(removal.left)
    finally:
        os.close(above)


class _Removal:
    """Deletes by names in open folders. Deep folders are moved up first, so that few descriptors are open at once."""

    def __init__(self) -> None:
        self.left: dict[Path, None] = {}  # in order, each once
        self._top = -1  # the outermost folder
        self._moved = 0

    def entry(self, folder: int, name: str, place: Path, depth: int) -> None:
        """Delete an entry of an open folder."""
        try:
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in _IS_FOLDER or not self._folder(folder, name, place, depth):
                self.left[place] = None

    def _folder(self, above: int, name: str, place: Path, depth: int) -> bool:
        """Delete a folder; False when it stays although everything in it is gone, or cannot be opened."""
        left_before = len(self.left)
        try:
            if depth > _MOST_OPEN:
                self._moved += 1
                os.rename(name, f".{uuid.uuid4().hex}", src_dir_fd=above, dst_dir_fd=self._top)  # seen there again
                return True
            folder = _opened_for_emptying(above, name)
            try:
                self._empty(folder, place, depth)
            finally:
                os.close(folder)
            if len(self.left) == left_before:
                os.rmdir(name, dir_fd=above)
        except FileNotFoundError:
            pass
        except OSError:
            return len(self.left) > left_before  # then its content says why
        return True

    def _empty(self, folder: int, place: Path, depth: int) -> None:
        if depth == 0:
            self._top = folder
        idle = 0
        while (names := os.listdir(folder)) and idle < _MOST_PASSES:
            moved = self._moved
            for name in names:
                self.entry(folder, name, place / name, depth + 1)
            has_more = depth == 0 and moved < self._moved < _MOST_MOVED
            idle = 0 if has_more else _MOST_PASSES if self.left else idle + 1


def _opened_for_emptying(above: int, name: str) -> int:
    """A folder, open for listing, with the permissions that emptying it takes. Raises OSError."""
    found = open_beneath(above, name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mode = stat.S_IMODE(os.fstat(found).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(OSError):  # somebody else's
                Path(same_file(found)).chmod(mode | stat.S_IRWXU)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=found)
    finally:
        os.close(found)
