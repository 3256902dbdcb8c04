"""Half-made things: whatever takes time to write lies in one folder of the home until it is complete.

An upload, an import, an unpacked archive, a backup: each is written into a folder of its own, `<what>-<32 hex digits>`,
and renamed from there to its place. A file beside the folder, `….lock`, is locked by the process that makes the thing;
the kernel lets go of the lock when the process ends, however it ends. So a thing that nobody holds was left behind, and
anybody may sweep it up.

A rename does not cross file systems. What is made for a place on another file system lies beside that place, in a
hidden folder, and the lock file says where.
"""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.fs.atomic import publish
from agent.fs.disk import remove_tree, require_free_space, writing
from agent.fs.durable import sync_file, sync_folder
from agent.fs.spreading import spread

HALF = "half"  # the folder's name in a home
_NAME = re.compile(r"([a-z]+)-([0-9a-f]{32})(\.lock)?")
_ELSEWHERE = ".half-made-"  # then the 32 digits
_LONGEST_PATH = 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """A half-made thing. `is_left` says that the process that made it has ended."""

    what: str  # "upload", "backup", ...
    path: Path  # of its bytes
    since: datetime
    is_left: bool


class HalfMade:
    """The half-made things of an installation. Any number of threads and processes may use one folder."""

    def __init__(self, folder: Path, *, keep_free_bytes: int = 0, of: Sequence[Path] = ()) -> None:
        """`keep_free_bytes` stay free on the disks of `folder` and of the folders `of`: see `require_space`."""
        self.folder = folder
        self._keep_free_bytes = keep_free_bytes
        self._kept = (folder, *of)

    @contextmanager
    def making(self, what: str, near: Path | None = None) -> Iterator[Path]:
        """An empty folder to make a thing in, deleted with what is still in it when the block ends, in any way.

        With `near`, an existing folder, a rename from the one to the other is possible. `what` is one word. Raises
        DiskFull, StorageFailed; OSError where `near` is no folder.
        """
        thing = self.begin(what, near)
        try:
            yield thing.folder
        finally:
            thing.end()

    @contextmanager
    def atomic_path(self, path: Path, what: str, *, durable: bool = True, replace: bool = True) -> Iterator[Path]:
        """As `agent.fs.atomic.atomic_path`, but what is half made when this process dies is found and swept up."""
        with self.making(what, path.parent) as folder:
            partial = folder / path.name
            try:
                yield partial
                publish(partial, path, durable=durable, replace=replace)
            except OSError as error:
                if error.filename == str(partial):  # nobody knows that name
                    error.filename = str(path)
                raise

    def begin(self, what: str, near: Path | None = None) -> Making:
        """As `making`, for those whose work is no block: they call `end`."""
        with writing(f"the folder {self.folder}"):
            self.folder.parent.mkdir(0o700, parents=True, exist_ok=True)
            self.folder.mkdir(0o700, exist_ok=True)
            spread(self.folder)  # an import makes ten thousand files, maybe after as many were deleted
        is_elsewhere = near is not None and _mount(near) != _mount(self.folder)
        with writing(f"the folder {self.folder}"):
            name, held = self._hold_new(what)
            lock, folder = self._lock_of(name), self.folder / name
            try:
                if near is not None and is_elsewhere:
                    folder = near / f"{_ELSEWHERE}{name.rpartition('-')[2]}"
                    os.write(held, os.fsencode(folder.absolute()))
                    sync_file(lock)  # a power cut must not leave a folder of which nobody knows
                    sync_folder(self.folder)
                folder.mkdir(0o700)
            except BaseException:
                lock.unlink(missing_ok=True)
                os.close(held)
                raise
        return Making(folder, lock, held)

    def _hold_new(self, what: str) -> tuple[str, int]:
        """The name of a new thing, and its lock. Another process that looks at it in the first moment gets it."""
        while True:
            name = f"{what}-{uuid.uuid4().hex}"
            lock = self._lock_of(name)
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if _take(held, lock):
                return name, held
            lock.unlink(missing_ok=True)
            os.close(held)

    def _lock_of(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def found(self) -> list[Found]:
        """Every half-made thing, the oldest first. A lock that may not be asked counts as held."""
        things = []
        for name in self._names():
            lock = self._lock_of(name)
            try:
                with _asked(lock) as is_left:
                    since = datetime.fromtimestamp(lock.stat().st_mtime, UTC)
                    things.append(Found(name.rpartition("-")[0], self._place(name), since, is_left))
            except FileNotFoundError:
                folder = self.folder / name
                with suppress(OSError):  # complete in this moment; else its lock was lost in a power cut
                    since = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
                    things.append(Found(name.rpartition("-")[0], folder, since, is_left=True))
        return sorted(things, key=lambda thing: thing.since)

    def sweep(self) -> list[Path]:
        """Delete what was left behind; give the paths that could not be deleted. Never raises."""
        left = []
        for name in self._names():
            lock = self._lock_of(name)
            with suppress(OSError):
                if not lock.exists():
                    left += remove_tree(self.folder / name)
                    continue
                with _asked(lock) as is_left:
                    if is_left:
                        rest = [*remove_tree(self._place(name)), *remove_tree(self.folder / name)]
                        left += rest
                        if not rest:
                            lock.unlink()
        return left

    def inside(self, folder: Path) -> HalfMade:
        """For the parts of a thing that is made in `folder`: they are found and swept up with it."""
        return HalfMade(folder, keep_free_bytes=self._keep_free_bytes, of=self._kept)

    def require_space(self, folder: Path, size_bytes: int, what: str, *, may_use_reserve: bool = False) -> None:
        """Raise DiskFull when `size_bytes` more below `folder` would not leave what is kept free.

        `may_use_reserve` is for what tasks have saved: where less is free already, the rest is there for it.
        """
        keep = self._keep_free_bytes if self._keeps(folder) else 0
        require_free_space(folder, size_bytes, what, keep_free_bytes=keep, may_use_reserve=may_use_reserve)

    def _keeps(self, folder: Path) -> bool:
        """Whether tasks end when the disk of this folder is full. Others, such as that of a backup, may be filled."""
        if not self._keep_free_bytes:
            return False
        device = folder.stat().st_dev
        for kept in self._kept:
            with suppress(OSError):
                if kept.stat().st_dev == device:
                    return True
        return False

    def _names(self) -> list[str]:
        try:
            entries = [entry.name for entry in self.folder.iterdir()]
        except OSError:
            return []
        return sorted({entry.removesuffix(".lock") for entry in entries if _NAME.fullmatch(entry)})

    def _place(self, name: str) -> Path:
        """Where the bytes of a thing are. Of other folders only those are named that have the thing's own name."""
        with suppress(OSError), self._lock_of(name).open("rb") as opened:
            elsewhere = Path(os.fsdecode(opened.read(_LONGEST_PATH)))
            if elsewhere.is_absolute() and elsewhere.name == f"{_ELSEWHERE}{name.rpartition('-')[2]}":
                return elsewhere
        return self.folder / name


@dataclass(slots=True)
class Making:
    """A thing that this process makes in `folder`."""

    folder: Path
    _lock: Path
    _held: int

    def end(self) -> None:
        """Delete what is left in the folder and let go; a second call does nothing."""
        held, self._held = self._held, -1
        if held < 0:
            return
        try:
            if not remove_tree(self.folder):  # else the next sweep tries again
                self._lock.unlink(missing_ok=True)
        finally:
            os.close(held)


@contextmanager
def _asked(lock: Path) -> Iterator[bool]:
    """Whether nobody holds the lock; then it is held while the block runs. Raises FileNotFoundError, OSError."""
    try:
        held = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:  # another user's
        yield False
        return
    try:
        yield _take(held, lock)
    finally:
        os.close(held)


def _take(held: int, lock: Path) -> bool:
    """Lock an open file until it is closed. False when another holds it, or when the name is another file's by now."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(held), lock.stat())
    return False


def _mount(folder: Path) -> tuple[int, str]:
    """Equal for folders between which a rename is possible: the device, and on Linux the mount."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        device = os.fstat(descriptor).st_dev
        with suppress(OSError):
            for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines():
                if line.startswith("mnt_id:"):
                    return device, line
        return device, ""
    finally:
        os.close(descriptor)
