"""Artifacts in a folder: `ab/cd/<sha256>`, read-only files, published by an atomic rename."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from agent.artifacts import Blob, PlaceHow, PlaceMethod, checked
from agent.artifacts.garbage import KeptBlob, collect, kept_blobs, locked, touch
from agent.artifacts.halves import LocalBatch, LocalWriter, Target, write_known
from agent.artifacts.place import Placer
from agent.errors import ArtifactsAway, BadInput, Damaged, NotFound, StorageFailed
from agent.fs.absence import is_away
from agent.fs.atomic import write_atomically
from agent.fs.disk import writing
from agent.fs.durable import make_folder, sync_file, sync_file_system, sync_folder
from agent.fs.half_made import HalfMade
from agent.fs.names import shown

if TYPE_CHECKING:
    from filelock import FileLock

_SMALL_BYTES = 8 << 20  # files up to this size are read once, into memory
_MODE = 0o444
USERS = "stores"  # a folder with the name of each store that has used these artifacts


class LocalArtifacts:
    """See `Artifacts`. Any number of threads and processes may use one folder."""

    def __init__(self, root: Path, half_made: HalfMade | None = None, *, is_flat: bool = False) -> None:
        """`is_flat`: the blobs lie in `ab/<sha256>`, which is quicker to fill; there are no millions of them."""
        self.root, self._is_flat = root, is_flat
        self.half_made = half_made or HalfMade(root / "half")
        self._placer = Placer()
        self._synced: set[Path] = set()  # folders whose names are on the disk, as far as this process knows
        with writing(f"the artifacts folder {root}"):
            make_folder(root)

    def put_file(self, path: Path) -> Blob:
        return self.file_to(path, Target(self.publish))

    def put_bytes(self, data: bytes) -> Blob:
        return self.bytes_to(data, Target(self.publish))

    def writer(
        self, size_bytes: int | None = None, *, what: str = "blob", may_use_reserve: bool = False
    ) -> LocalWriter:
        return self.writer_to(size_bytes or 0, Target(self.publish, what, may_use_reserve))

    def batch(self, *, may_use_reserve: bool = False) -> LocalBatch:
        return LocalBatch(
            self.half_made,
            self.root,
            put=self.file_to,
            publish=self.publish_all,
            may_use_reserve=may_use_reserve,
        )

    def file_to(self, path: Path, target: Target) -> Blob:
        try:
            with path.open("rb") as opened:
                size_bytes = os.fstat(opened.fileno()).st_size
                if size_bytes <= _SMALL_BYTES:
                    return self.bytes_to(opened.read(), target)
                sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise BadInput(f"Cannot read {shown(str(path))}: {error.strerror}.") from error
        if self._has(blob := Blob(sha256, size_bytes)):
            target.finish(None, blob)
            return blob
        with self.writer_to(0, target) as out:
            try:
                out.take_file(path)  # hashed again: the file may have changed
            except OSError as error:
                raise BadInput(f"Cannot read {shown(str(path))}: {error.strerror}.") from error
        return out.blob

    def bytes_to(self, data: bytes, target: Target) -> Blob:
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        if self._has(blob):
            target.finish(None, blob)
        else:
            write_known(data, blob, target, self.half_made, self.root)
        return blob

    def writer_to(self, size_bytes: int, target: Target) -> LocalWriter:
        return LocalWriter(self._placer, self.half_made, self.root, size_bytes, target)

    def exists(self, sha256: str) -> bool:
        place = self.place_of(checked(sha256))
        try:
            return touch(place)
        except PermissionError:
            return place.is_file()

    def size(self, sha256: str) -> int:
        try:
            return self.place_of(checked(sha256)).stat().st_size
        except FileNotFoundError:
            raise _missing(sha256) from None

    def sizes(self, hashes: Sequence[str]) -> list[int]:
        return [self.size(sha256) for sha256 in hashes]

    def open(self, sha256: str, *, verify: bool = False) -> BinaryIO:
        try:
            opened = _opened(self.place_of(checked(sha256)))
        except FileNotFoundError:
            raise _missing(sha256) from None
        except OSError as error:
            raise _unreadable(sha256, error) from error
        if verify:
            try:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
                opened.seek(0)
            except OSError as error:
                opened.close()
                raise _unreadable(sha256, error) from error
            if found != sha256:
                opened.close()
                raise Damaged(f"Blob {sha256} is damaged on disk. Delete it and put its content again.")
        return opened

    def path(self, sha256: str) -> Path | None:
        path = self.place_of(checked(sha256))
        return path if path.is_file() else None

    def place(self, sha256: str, dest: Path, how: PlaceHow) -> PlaceMethod:
        if how == "shared" and self._placer.link_more(self._name_of(checked(sha256)), str(dest)):
            return "hardlink"
        source = self.place_of(checked(sha256))
        if not source.is_file():
            raise _missing(sha256)
        try:
            with writing(str(dest)):
                return self._placer.place(
                    source,
                    dest,
                    may_link=how == "shared",
                    before_copy=lambda: self.half_made.require_space(dest.parent, source.stat().st_size, str(dest)),
                )
        except StorageFailed as error:
            if isinstance(error.__cause__, FileExistsError):
                raise error.__cause__ from None
            raise

    def bring(self, blobs: Iterable[Blob], keep_going: Callable[[], None] = lambda: None) -> None:
        pass  # they are on this machine

    def delete(self, sha256: str) -> None:
        with writing(f"blob {sha256}"):
            self.place_of(checked(sha256)).unlink(missing_ok=True)

    def used_by(self, store: str) -> frozenset[str]:
        folder = self.root / USERS
        mine = folder / hashlib.sha256(store.encode()).hexdigest()
        with writing("the list of stores that use these artifacts"):
            if not mine.exists():
                make_folder(folder)
                write_atomically(mine, store.encode())
            return frozenset(file.read_text() for file in folder.iterdir() if not file.name.startswith("."))

    def kept(self) -> Iterator[KeptBlob]:
        with writing("the list of artifacts"):
            yield from kept_blobs(self.root)

    def collect(self, sha256: str, idle_s: float) -> int:
        with writing(f"blob {sha256}"):
            return collect(self.place_of(checked(sha256)), idle_s)

    def lock(self, name: str) -> FileLock:
        from filelock import FileLock  # late: it loads asyncio, and reading needs no lock

        folder = self.root / "locks"
        with writing(f"the artifacts folder {self.root}"):
            folder.mkdir(exist_ok=True)
        return FileLock(folder / f"{name}.lock")

    def sweep(self) -> int:
        return 0  # half-made things are all there is

    def place_of(self, sha256: str) -> Path:
        return Path(self._name_of(sha256))

    def _name_of(self, sha256: str) -> str:
        """The same as a text: ten thousand are made for a task."""
        return f"{self.root}/{sha256[:2]}/{'' if self._is_flat else f'{sha256[2:4]}/'}{sha256}"

    def _has(self, blob: Blob) -> bool:
        """Whether the blob is here whole: the first release could leave an empty file in a power cut."""
        try:
            return touch(self.place_of(blob.sha256), blob.size_bytes)
        except PermissionError:  # another user's, which we cannot keep from being collected: put it anew
            return False

    def publish(self, half: Path | None, blob: Blob) -> None:
        """Give a half-written blob its name; without `half` it is here already. The blob is on the disk then."""
        place = self.place_of(blob.sha256)
        with writing("an artifact"):
            if half is not None and not self._has(blob):
                sync_file(half)
                self.rename(half, place)
            else:
                sync_file(place)  # its writer may not have come so far yet
            sync_folder(place.parent)
            for folder in (place.parent, place.parent.parent):  # another process may have made it a moment ago
                if folder not in self._synced:
                    sync_folder(folder.parent)
                    self._synced.add(folder)

    def publish_all(self, halves: Iterable[tuple[Path, Blob]]) -> None:
        """The same for many blobs: the disk is waited for once for their bytes, and once for their names."""
        with writing("artifacts"):
            sync_file_system(self.root)
            for half, blob in halves:
                self.rename(half, self.place_of(blob.sha256))
            sync_file_system(self.root)

    def rename(self, half: Path, place: Path) -> None:
        half.chmod(_MODE)
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.parent, fcntl.LOCK_SH):  # or the present file is collected in its place
            half.rename(place)


def _unreadable(sha256: str, error: OSError) -> StorageFailed:
    failure = ArtifactsAway if is_away(error) else StorageFailed
    return failure(f"Cannot read blob {sha256}: {error.strerror}.")


def _opened(file: Path) -> BufferedReader:
    """A plain file, for reading. OSError for anything else: a pipe in its place would be waited for."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file", str(file))
    return os.fdopen(descriptor, "rb")


def _missing(sha256: str) -> NotFound:
    return NotFound(f"There is no blob {sha256} in the artifacts.")
