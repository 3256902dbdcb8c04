"""Files and folders below an open folder, for trees that somebody else changes while we look at them.

A plugin owns its task folder. A name that is checked and then used may stand for something else in between, so nothing
is reached by a name twice: a name is opened once, below a descriptor, and the descriptor is what is judged, read,
linked or deleted. No opening follows a link, leaves the folder or, unless allowed, enters a file system mounted in it.
Linux does this in one call since 5.6 (openat2(2)); elsewhere every part of the name is opened by itself.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_OPENAT2 = 437  # its number on every architecture
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_MISSING = frozenset({errno.ENOSYS, errno.EPERM, errno.E2BIG, errno.EINVAL})  # an old kernel, a container's filter
_PROBE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # of any kind: wakes no device, waits for no pipe, asks nobody
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_MOST_LINKS = 40  # as in the kernel
_MOST_TRIES = 100


class OpenFolder:
    """A folder that is held by its descriptor, whatever becomes of its name. Close it, or use it as a context.

    `path` is for sentences. Names are relative to the folder, with slashes. Every method raises OSError: ELOOP or
    ENOTDIR where a part of the name is a link, EXDEV where the name leaves the folder or enters a mount. Threads may
    share it.
    """

    def __init__(self, descriptor: int, path: Path, *, may_enter_mounts: bool = False) -> None:
        self.descriptor = descriptor
        self.path = path
        self._may_enter_mounts = may_enter_mounts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder; a second call does nothing."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def folder(self, name: str) -> OpenFolder:
        """A folder below this one."""
        return OpenFolder(self._open(name, _LIST), self.path / name, may_enter_mounts=self._may_enter_mounts)

    @contextmanager
    def probe(self, name: str) -> Iterator[int]:
        """A descriptor that stands for the entry, of whatever kind, without opening it (O_PATH)."""
        descriptor = self._open(name, _PROBE)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def status(self, name: str) -> os.stat_result:
        """The status of an entry; that of a link is its own."""
        with self.probe(name) as descriptor:
            return os.fstat(descriptor)

    def file(self, name: str) -> BufferedReader:
        """A regular file, open for reading. EINVAL for anything else, which is not opened at all.

        EAGAIN for a file on which somebody holds a lease, instead of waiting until it is given up.
        """
        with self.probe(name) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file", str(self.path / name))
            return os.fdopen(os.open(same_file(descriptor), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")

    def names(self) -> list[str]:
        """The names of the entries, in no order."""
        return os.listdir(self.descriptor)  # noqa: PTH208 - a descriptor is no path

    def resolve(self, name: str) -> str:
        """The name without links of the entry to which `name` leads, existing or not; "" for the folder itself.

        Links are read here, part by part, and may lead anywhere in the folder. A link that is made later is not
        followed: opening the name fails then.
        """
        waiting = name.split("/")[::-1]
        done: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                if not done:
                    raise self._leaves(name)
                done.pop()
            elif part not in ("", "."):
                done.append(part)
                target = self._target("/".join(done))
                if target is None:
                    continue
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(self.path / name))
                done.pop()
                if target.startswith("/"):
                    done, target = [], self._inside(target, name)
                waiting += target.split("/")[::-1]
        return "/".join(done)

    def _target(self, name: str) -> str | None:
        """What a link says; None for an entry of another kind, or none."""
        try:
            with self.probe(name) as descriptor:
                return os.readlink("", dir_fd=descriptor) if stat.S_ISLNK(os.fstat(descriptor).st_mode) else None
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def _inside(self, target: str, name: str) -> str:
        """An absolute link to an entry of this folder, as a relative one."""
        own = str(Path(same_file(self.descriptor)).readlink())
        if target != own and not target.startswith(f"{own}/"):
            raise self._leaves(name)
        return target[len(own) :]

    def _leaves(self, name: str) -> OSError:
        return OSError(errno.EXDEV, "it leads out of the folder", str(self.path / name))

    def _open(self, name: str, flags: int) -> int:
        try:
            return open_beneath(self.descriptor, name, flags, may_enter_mounts=self._may_enter_mounts)
        except OSError as error:
            error.filename = str(self.path / name)
            raise


def open_folder(path: Path, *, may_enter_mounts: bool = False) -> OpenFolder:
    """Open a folder by its path, which nobody untrusted can change. A link at its end is no folder. Raises OSError."""
    return OpenFolder(os.open(path, _LIST), path, may_enter_mounts=may_enter_mounts)


class Entry(NamedTuple):
    """An entry found below a folder. `folder` holds it, and is closed when the next entry is asked for."""

    folder: OpenFolder
    name: str
    place: str  # its name relative to the folder where the search began
    status: os.stat_result | OSError  # of a link its own


def walk(root: OpenFolder) -> Iterator[Entry]:
    """Every entry below an open folder, folders before their content. Never raises: an entry may come with an error.

    Holds two descriptors however deep the folders are. Entries deeper than a path can name come as errors.
    """
    waiting = [""]
    while waiting:
        place = waiting.pop()
        try:
            folder = root.folder(place or ".")
        except OSError as error:
            yield Entry(root, place, place, error)
            continue
        with folder:
            try:
                names = folder.names()
            except OSError as error:
                yield Entry(root, place, place, error)
                continue
            for name in names:
                inner = f"{place}/{name}" if place else name
                try:
                    status = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
                except OSError as error:
                    yield Entry(folder, name, inner, error)
                    continue
                yield Entry(folder, name, inner, status)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(inner)


def same_file(descriptor: int) -> str:
    """A path that leads to this open file itself, whatever its name stands for now: to open, link or change it."""
    return f"/proc/self/fd/{descriptor}"


def link_file(descriptor: int, target: Path) -> None:
    """Give an open file, or one that was probed, a further name. Raises OSError."""
    # With a descriptor Python calls linkat(2), which can follow; without it link(2), which on Linux never does.
    os.link(same_file(descriptor), target, src_dir_fd=descriptor, follow_symlinks=True)


def open_beneath(folder: int, name: str, flags: int, *, may_enter_mounts: bool = False) -> int:
    """Open `name` below the open folder, a descriptor; no part of it may be a link. Raises OSError.

    With O_PATH a link at its end is opened itself.
    """
    if name.startswith("/") or "\0" in name:
        raise OSError(errno.EXDEV, "it leads out of the folder", name)
    if _has_openat2():
        return _openat2(folder, name, flags, _BENEATH | _NO_SYMLINKS | (0 if may_enter_mounts else _NO_XDEV))
    return _walk(folder, name, flags, may_enter_mounts=may_enter_mounts)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def _has_openat2() -> bool:
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, ".", _PROBE | os.O_DIRECTORY, _BENEATH | _NO_SYMLINKS | _NO_XDEV))
    except OSError as error:
        if error.errno not in _MISSING:
            raise
        return False
    finally:
        os.close(root)
    return True


def _openat2(folder: int, name: str, flags: int, resolve: int) -> int:
    how = _How(flags, 0, resolve)
    place = ctypes.c_char_p(os.fsencode(name))
    call = _libc().syscall
    for _ in range(_MOST_TRIES):
        descriptor: int = call(
            ctypes.c_long(_OPENAT2), ctypes.c_int(folder), place, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
        )
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):  # something was renamed meanwhile; a signal
            break
    raise OSError(number, os.strerror(number), name)


def _walk(folder: int, name: str, flags: int, *, may_enter_mounts: bool) -> int:
    """The same by as many openings as the name has parts."""
    *above, last = [part for part in name.split("/") if part not in ("", ".")] or ["."]
    if ".." in (*above, last):
        raise OSError(errno.EXDEV, "it leads out of the folder", name)
    device = os.fstat(folder).st_dev
    here = os.dup(folder)
    try:
        for part in above:
            inner = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = inner
            _require_mount(here, device, name, may_enter_mounts)
        opened = os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        try:
            if stat.S_ISDIR(os.fstat(opened).st_mode):  # of files, an overlay names the device of their layer
                _require_mount(opened, device, name, may_enter_mounts)
        except OSError:
            os.close(opened)
            raise
        return opened
    finally:
        os.close(here)


def _require_mount(opened: int, device: int, name: str, may_enter_mounts: bool) -> None:
    if not may_enter_mounts and os.fstat(opened).st_dev != device:
        raise OSError(errno.EXDEV, "another file system is mounted there", name)
