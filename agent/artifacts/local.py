"""Artifacts in a folder: `ab/cd/<sha256>`, read-only files, published by an atomic rename."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

from filelock import FileLock

from agent.artifacts import Blob, PlaceHow, PlaceMethod, checked
from agent.artifacts.collect import KeptBlob, collect, kept_blobs, locked, touch
from agent.artifacts.place import Placer
from agent.errors import BadInput, NotFound, StorageFailed
from agent.formats.disk import writing
from agent.formats.names import shown

_SMALL_BYTES = 8 << 20  # files up to this size are read once, into memory
_CHUNK_BYTES = 1 << 20
_STALE_S = 10.0  # a half-written blob that nobody holds locked for so long belongs to nobody any more
_MODE = 0o444


class LocalArtifacts:
    """See `Artifacts`. Any number of threads and processes may use one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._half = root / "half"  # on the same file system, so that a rename publishes
        self._placer = Placer()
        with writing(f"the artifacts folder {root}"):
            self._half.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def put_file(self, path: Path, *, durable: bool = True) -> Blob:
        try:
            with path.open("rb") as opened:
                size_bytes = os.fstat(opened.fileno()).st_size
                if size_bytes <= _SMALL_BYTES:
                    return self.put_bytes(opened.read(), durable=durable)
                sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise BadInput(f"Cannot read {shown(str(path))}: {error.strerror}.") from error
        if self._has(sha256, size_bytes):
            return Blob(sha256, size_bytes)
        half = self._half / uuid.uuid4().hex
        try:
            with writing("an artifact"):
                self._placer.place(path, half, may_link=False)
            with half.open("rb") as copied:  # hashed again: the file may have changed before it was copied
                _hold(copied)
                sha256 = hashlib.file_digest(copied, "sha256").hexdigest()
            return self._publish(half, sha256, durable=durable)
        finally:
            half.unlink(missing_ok=True)

    def put_bytes(self, data: bytes, *, durable: bool = True) -> Blob:
        sha256 = hashlib.sha256(data).hexdigest()
        if self._has(sha256, len(data)):
            return Blob(sha256, len(data))
        half = self._half / uuid.uuid4().hex
        try:
            with writing("an artifact"), half.open("xb") as out:
                _hold(out)
                out.write(data)
            return self._publish(half, sha256, durable=durable)
        finally:
            half.unlink(missing_ok=True)

    def writer(self) -> LocalWriter:
        return LocalWriter(self, self._half / uuid.uuid4().hex)

    def flush(self) -> None:
        with writing("artifacts"):
            folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _syncfs(folder)
            finally:
                os.close(folder)

    def exists(self, sha256: str) -> bool:
        place = self._place_of(checked(sha256))
        try:
            return touch(place)
        except PermissionError:
            return place.is_file()

    def size(self, sha256: str) -> int:
        try:
            return self._place_of(checked(sha256)).stat().st_size
        except FileNotFoundError:
            raise _missing(sha256) from None

    def open(self, sha256: str, *, verify: bool = False) -> BinaryIO:
        try:
            opened = self._place_of(checked(sha256)).open("rb")
        except FileNotFoundError:
            raise _missing(sha256) from None
        except OSError as error:
            raise StorageFailed(f"Cannot read blob {sha256}: {error.strerror}.") from error
        if verify:
            if hashlib.file_digest(opened, "sha256").hexdigest() != sha256:
                opened.close()
                raise StorageFailed(f"Blob {sha256} is damaged on disk. Delete it and put its content again.")
            opened.seek(0)
        return opened

    def path(self, sha256: str) -> Path | None:
        path = self._place_of(checked(sha256))
        return path if path.is_file() else None

    def place(self, sha256: str, dest: Path, how: PlaceHow) -> PlaceMethod:
        source = self._place_of(checked(sha256))
        if not source.is_file():
            raise _missing(sha256)
        try:
            with writing(str(dest)):
                return self._placer.place(source, dest, may_link=how == "shared")
        except StorageFailed as error:
            if isinstance(error.__cause__, FileExistsError):
                raise error.__cause__ from None
            raise

    def delete(self, sha256: str) -> None:
        with writing(f"blob {sha256}"):
            self._place_of(checked(sha256)).unlink(missing_ok=True)

    def used_by(self, store: str) -> frozenset[str]:
        folder = self.root / "stores"
        mine = folder / hashlib.sha256(store.encode()).hexdigest()
        with writing("the list of stores that use these artifacts"):
            if not mine.exists():
                folder.mkdir(exist_ok=True)
                half = self._half / uuid.uuid4().hex
                half.write_text(store)
                half.rename(mine)  # whole or not at all
            return frozenset(file.read_text() for file in folder.iterdir())

    def kept(self) -> Iterator[KeptBlob]:
        with writing("the list of artifacts"):
            yield from kept_blobs(self.root)

    def collect(self, sha256: str, idle_s: float) -> int:
        with writing(f"blob {sha256}"):
            return collect(self._place_of(checked(sha256)), idle_s)

    def lock(self, name: str) -> FileLock:
        return FileLock(self._half / f"{name}.lock")

    def _place_of(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def _has(self, sha256: str, size_bytes: int) -> bool:
        """Whether the blob is there whole: a power cut before `flush` may leave an empty file."""
        try:
            return touch(self._place_of(sha256), size_bytes)
        except PermissionError:  # another user's, which we cannot keep from being collected: put it anew
            return False

    def _publish(self, half: Path, sha256: str, *, durable: bool) -> Blob:
        size_bytes = half.stat().st_size
        place = self._place_of(sha256)
        if self._has(sha256, size_bytes):
            return Blob(sha256, size_bytes)
        with writing("an artifact"):
            half.chmod(_MODE)
            if durable:
                _fsync(half)
            place.parent.mkdir(parents=True, exist_ok=True)
            with locked(place.parent, fcntl.LOCK_SH):  # or what is there now is collected in its place
                half.rename(place)
            if durable:
                _fsync(place.parent)
        return Blob(sha256, size_bytes)

    def _sweep(self) -> None:
        """Remove what crashed writers left behind."""
        with suppress(OSError):
            for entry in self._half.iterdir():
                with suppress(OSError):
                    if entry.suffix != ".lock" and time.time() - entry.stat().st_ctime > _STALE_S:
                        with entry.open("rb") as half:
                            _hold(half)
                            entry.unlink()


class LocalWriter:
    """See `BlobWriter`."""

    def __init__(self, artifacts: LocalArtifacts, half: Path) -> None:
        self._artifacts, self._half = artifacts, half
        self._hash = hashlib.sha256()
        self._blob: Blob | None = None
        self._out: BinaryIO | None = None

    @property
    def blob(self) -> Blob:
        if self._blob is None:
            raise RuntimeError("the blob is known after the with block")
        return self._blob

    def write(self, data: bytes, /) -> int:
        if self._out is None:
            raise RuntimeError("write inside the with block")
        with writing("an artifact"):
            self._out.write(data)
        self._hash.update(data)
        return len(data)

    def __enter__(self) -> LocalWriter:
        with writing("an artifact"):
            self._out = self._half.open("xb", buffering=_CHUNK_BYTES)
            _hold(self._out)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if self._out is not None:
                with writing("an artifact"):
                    self._out.close()
            if kind is None:
                self._blob = self._artifacts._publish(self._half, self._hash.hexdigest(), durable=True)
        finally:
            self._out = None
            self._half.unlink(missing_ok=True)


def _hold(file: IO[bytes]) -> None:
    """Lock a half-written blob until it is closed, by death if need be. Raises BlockingIOError: its writer lives."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _syncfs(handle: int) -> None:
    """Flush one file system; the standard library can only flush all of them."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None:
        os.sync()
    elif call(handle) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _missing(sha256: str) -> NotFound:
    return NotFound(f"There is no blob {sha256} in the artifacts.")
