"""The blobs of a remote that are on this machine: shared by all tasks and processes, the least used deleted first.

They lie in a folder as artifacts do (`local.py`), so files in task folders share their bytes and outlive them here.
Each was hashed on its way in. Small ones are hashed again whenever they are used, which costs less than asking the
remote; so they need not wait for the disk when they come. Of large ones the size is compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.artifacts import Blob
from agent.artifacts.garbage import collect, touch
from agent.artifacts.halves import Target
from agent.artifacts.local import LocalArtifacts
from agent.errors import Damaged, DiskFull
from agent.fs.disk import writing
from agent.fs.half_made import HalfMade

HASHED_BYTES = 1 << 20  # blobs up to this size are hashed at every use
_IN_USE_S = 60.0  # a blob that was asked for may be about to be used
_TRIMMED = 0.9  # of the limit is left by a trim, so that not every blob needs one
_SHARE_LEFT = 0.5  # of the cache when the disk is full
_ROOM_ATTEMPTS = 3  # to write a blob where the disk was full
_TRIM_S = 60.0  # for another process to make room
_LOOK_SHARE = 0.02  # of the limit may come in between two looks at the whole folder


class Cache:
    """Any number of threads and processes may use one folder. What a killed one leaves are half-made things."""

    def __init__(self, folder: Path, half_made: HalfMade | None, limit_bytes: int) -> None:
        self.local = LocalArtifacts(folder, half_made, is_flat=True)
        self._limit_bytes = limit_bytes
        self.idle_s = _IN_USE_S
        self._came_bytes = limit_bytes  # since the last look: the first blob makes one

    def has(self, sha256: str, size_bytes: int | None = None) -> bool:
        """Whether the blob is here and, as far as that is seen cheaply, whole. It stays for a while."""
        path = self.local.place_of(sha256)
        try:
            if not touch(path, size_bytes):
                return False
            if (size_bytes or path.stat().st_size) > HASHED_BYTES:
                return True
            with path.open("rb") as opened:
                return hashlib.file_digest(opened, "sha256").hexdigest() == sha256
        except OSError:  # deleted in this moment, another user's, unreadable: it is fetched again
            return False

    @contextmanager
    def filling(self) -> Iterator[Path]:
        """A folder for blobs that are on their way, which `take` wants."""
        with self.local.half_made.making("download", self.local.root) as folder:
            yield folder

    def take(self, sha256: str, pieces: Callable[[], Iterable[bytes]], folder: Path) -> None:
        """Keep the blob of which `pieces` gives the bytes. It may be called twice, where room has to be made first.

        Raises Damaged, DiskFull, StorageFailed and what `pieces` raises.
        """
        for attempt in range(_ROOM_ATTEMPTS):
            try:
                size_bytes = self._write(sha256, pieces(), folder)
            except DiskFull:
                if attempt == _ROOM_ATTEMPTS - 1 or not self._make_room():
                    raise
            else:
                self.came(size_bytes)
                return

    def _write(self, sha256: str, pieces: Iterable[bytes], folder: Path) -> int:
        def finish(half: Path | None, blob: Blob) -> None:
            if blob.sha256 != sha256:
                raise Damaged(f"blob {sha256} came with other bytes")
            self.keep(half, blob)

        with self.local.writer_to(0, Target(finish, folder=folder)) as out:
            for piece in pieces:
                out.write(piece)
        return out.blob.size_bytes

    def keep(self, half: Path | None, blob: Blob) -> None:
        """Give a written file of the blob's bytes its name here; without a file it has it."""
        if blob.size_bytes > HASHED_BYTES:
            self.local.publish(half, blob)
        elif half is not None:
            with writing("an artifact"):
                self.local.rename(half, self.local.place_of(blob.sha256))

    def came(self, size_bytes: int) -> None:
        """Count new bytes; now and then delete what is too much."""
        self._came_bytes += size_bytes
        if self._came_bytes > self._limit_bytes * _LOOK_SHARE:
            self._came_bytes = 0
            self.trim()

    def _make_room(self) -> bool:
        """Whether room was made on a full disk: of all threads and processes that find it full, one makes it."""
        from filelock import Timeout  # late, as in `local.py`

        if self.trim(to_share=_SHARE_LEFT):
            return True
        try:
            with self.local.lock("trim").acquire(timeout=_TRIM_S) as lock:
                return lock is not None
        except Timeout:
            return False

    def trim(self, to_share: float = 1) -> int:
        """Delete the blobs that were not used for longest until no more than the limit, and than this share of what is
        here, is left; the bytes of what was deleted.

        One process at a time; for the others it is 0. Blobs that were used a moment ago stay, so more may be left.
        """
        from filelock import Timeout  # late, as in `local.py`

        try:
            with self.local.lock("trim").acquire(blocking=False):
                return self._trim(to_share)
        except Timeout:
            return 0

    def _trim(self, to_share: float) -> int:
        blobs = sorted(self.local.kept(), key=lambda blob: -blob.idle_s)
        total = sum(blob.size_bytes for blob in blobs)
        if total <= self._limit_bytes and to_share == 1:
            return 0
        to_bytes = min(self._limit_bytes * _TRIMMED, total * to_share)
        freed = 0
        for blob in blobs:
            if total <= to_bytes or blob.idle_s < self.idle_s:
                break
            freed += self.local.collect(blob.sha256, self.idle_s)
            freed += collect(old_place(self.local.root, blob.sha256), self.idle_s)
            total -= blob.size_bytes
        return freed


def old_place(root: Path, sha256: str) -> Path:
    """Where the first releases kept a blob: nobody looks there any more, so it goes as what is not used."""
    return root / sha256[:2] / sha256[2:4] / sha256
