"""Blobs on their way into a folder of artifacts: half-made files (`agent/fs/half_made.py`) until they have a name."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from agent.artifacts import Blob
from agent.artifacts.place import Placer
from agent.fs.disk import write_new, writing
from agent.fs.half_made import HalfMade, Making

_CHUNK_BYTES = 1 << 20
_LOOK_BYTES = 1 << 20  # written between two looks at the free space
_numbers = count()  # of half-written files, in folders of this process

Finish = Callable[[Path | None, Blob], None]  # takes the half-written file, or None: the artifacts have this content


@dataclass(frozen=True, slots=True)
class Target:
    """Where a blob goes: `finish` gives the written file its name."""

    finish: Finish
    what: str = "blob"  # a word for it while it is half made
    may_use_reserve: bool = False
    folder: Path | None = None  # of the batch it belongs to


class LocalWriter:
    """See `BlobWriter`. The target's `finish` is called when the block ends well."""

    def __init__(self, placer: Placer, half_made: HalfMade, root: Path, size_bytes: int, target: Target) -> None:
        """`root` is the folder of the artifacts."""
        self._placer, self._half_made, self._root = placer, half_made, root
        self._size_bytes, self._target = size_bytes, target
        self._making: Making | None = None
        self._half = Path()
        self._hash = hashlib.sha256()
        self._unlooked_bytes = 0
        self._blob: Blob | None = None
        self._out: BinaryIO | None = None
        self._is_discarded = False

    @property
    def blob(self) -> Blob:
        if self._blob is None:
            raise RuntimeError("the blob is known after the with block")
        return self._blob

    def write(self, data: bytes, /) -> int:
        self._unlooked_bytes += len(data)
        if self._unlooked_bytes >= _LOOK_BYTES:
            self._require_space(len(data))
            self._unlooked_bytes = 0
        with writing("an artifact"):
            self._opened.write(data)
        self._hash.update(data)
        return len(data)

    def take_file(self, path: Path) -> None:
        with path.open("rb") as source:
            if self._placer.share_blocks(source, self._opened):
                with self.written() as shared:
                    while chunk := shared.read(_CHUNK_BYTES):
                        self._hash.update(chunk)
                return
            self._require_space(os.fstat(source.fileno()).st_size)
            while chunk := source.read(_CHUNK_BYTES):
                self.write(chunk)

    def written(self) -> BinaryIO:
        with writing("an artifact"):
            self._opened.flush()
        return self._half.open("rb")

    def discard(self) -> None:
        self._is_discarded = True

    @property
    def _opened(self) -> BinaryIO:
        if self._out is None:
            raise RuntimeError("use it inside the with block")
        return self._out

    def _require_space(self, size_bytes: int) -> None:
        self._half_made.require_space(
            self._root, size_bytes, "an artifact", may_use_reserve=self._target.may_use_reserve
        )

    def __enter__(self) -> LocalWriter:
        self._require_space(self._size_bytes)
        folder = self._target.folder
        if folder is None:
            self._making = self._half_made.begin(self._target.what, self._root)
            folder = self._making.folder
        self._half = folder / uuid.uuid4().hex
        try:
            with writing("an artifact"):
                self._out = self._half.open("xb", buffering=_CHUNK_BYTES)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if self._out is not None:
                with writing("an artifact"):
                    self._out.close()
            if kind is None and not self._is_discarded:
                blob = Blob(self._hash.hexdigest(), self._half.stat().st_size)
                self._target.finish(self._half, blob)
                self._blob = blob
        finally:
            self._out = None
            self._end()

    def _end(self) -> None:
        self._half.unlink(missing_ok=True)
        if self._making is not None:
            self._making.end()


def write_known(data: bytes, blob: Blob, target: Target, half_made: HalfMade, root: Path) -> None:
    """Write a blob whose hash is known, at once: without the buffers and the second hash of a `LocalWriter`."""
    half_made.require_space(root, len(data), "an artifact", may_use_reserve=target.may_use_reserve)
    with ExitStack() as stack:
        folder = target.folder
        if folder is None:
            making = half_made.begin(target.what, root)
            stack.callback(making.end)
            folder = making.folder
        half = folder / f"{next(_numbers)}.part"
        try:
            with writing("an artifact"):
                write_new(half, data)
            target.finish(half, blob)
        except BaseException:
            half.unlink(missing_ok=True)
            raise


class LocalBatch:
    """See `Batch`. The files wait in a folder of their own, named by their hash."""

    def __init__(
        self,
        half_made: HalfMade,
        root: Path,
        *,
        put: Callable[[Path, Target], Blob],
        publish: Callable[[Iterable[tuple[Path, Blob]]], None],
        may_use_reserve: bool,
        present: Callable[[Blob], Path] | None = None,
    ) -> None:
        """`present`, where given, is the file of a blob that the artifacts have: such blobs are published, too."""
        self._half_made, self._root, self._put, self._publish = half_made, root, put, publish
        self._present = present
        self._may_use_reserve = may_use_reserve
        self._making: Making | None = None

    def put_file(self, path: Path) -> Blob:
        return self._put(path, Target(self._keep, may_use_reserve=self._may_use_reserve, folder=self._folder))

    @property
    def _folder(self) -> Path:
        if self._making is None:
            raise RuntimeError("use it inside the with block")
        return self._making.folder

    def _keep(self, half: Path | None, blob: Blob) -> None:
        with writing("an artifact"):
            if half is not None:
                half.replace(self._folder / blob.sha256)
            elif self._present is not None:
                with suppress(FileExistsError):
                    (self._folder / blob.sha256).hardlink_to(self._present(blob))

    def __enter__(self) -> LocalBatch:
        self._making = self._half_made.begin("import", self._root)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._publish([(half, Blob(half.name, half.stat().st_size)) for half in self._folder.iterdir()])
        finally:
            if self._making is not None:
                self._making.end()
