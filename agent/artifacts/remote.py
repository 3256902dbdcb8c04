"""Artifacts behind a URL: S3, Google Cloud, Azure, SFTP, ... whatever there is a driver for (`objects.py`).

Every blob passes through a cache on this machine (`cache.py`), which is what is hashed, opened and placed; the remote
holds the same files under the same names. The cache may be deleted while nothing runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

from filelock import FileLock

from agent.artifacts import Blob, PlaceHow, PlaceMethod, checked
from agent.artifacts.cache import Cache
from agent.artifacts.garbage import KeptBlob
from agent.artifacts.halves import LocalBatch, LocalWriter, Target
from agent.artifacts.objects import Refused, Unanswered, open_objects
from agent.artifacts.parallel import in_parallel
from agent.errors import AgentError, ArtifactsAway, Damaged, NotFound, StorageFailed
from agent.fs.absence import is_away
from agent.fs.half_made import HalfMade

_ATTEMPTS = 3  # another process may delete what was fetched, when the cache is full, before it is used
_MOST_BROUGHT = 10_000  # blobs of which it is known that they are here
_LEFT_S = 24 * 3600.0  # an upload that was begun so long ago has no process any more

Used = TypeVar("Used")


class RemoteArtifacts:
    """See `Artifacts`."""

    def __init__(
        self, url: str, cache_dir: Path, half_made: HalfMade | None, *, cache_bytes: int, endpoint: str
    ) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._shown = f"{parts.scheme}://{host}{parts.path}"  # without user, password and options
        self._cache = Cache(cache_dir, half_made, cache_bytes)
        self._local = self._cache.local
        self.half_made = self._local.half_made
        self._brought: set[str] = set()  # a moment ago, and looked at then: not looked at again for one use
        with self._asking("opening"):
            self._objects = open_objects(url, endpoint)

    def put_file(self, path: Path) -> Blob:
        return self._put(lambda: self._local.file_to(path, Target(self._take)))

    def put_bytes(self, data: bytes) -> Blob:
        return self._put(lambda: self._local.bytes_to(data, Target(self._take)))

    def writer(
        self, size_bytes: int | None = None, *, what: str = "blob", may_use_reserve: bool = False
    ) -> LocalWriter:
        """Uploaded at the end of the block."""
        return self._local.writer_to(size_bytes or 0, Target(self._take, what, may_use_reserve))

    def batch(self, *, may_use_reserve: bool = False) -> LocalBatch:
        """Uploaded at the end of the block, many at once."""
        return LocalBatch(
            self.half_made,
            self._local.root,
            put=self._local.file_to,
            publish=self._take_all,
            may_use_reserve=may_use_reserve,
            present=lambda blob: self._local.place_of(blob.sha256),
        )

    def exists(self, sha256: str) -> bool:
        with self._asking("looking for a blob"):
            return self._objects.size(_key(checked(sha256))) is not None

    def size(self, sha256: str) -> int:
        """Of one that is here without asking the remote: the blob of a hash has one size."""
        if self._cache.has(checked(sha256)):
            with suppress(NotFound):  # deleted in this moment, by another process
                return self._local.size(sha256)
        with self._asking("looking for a blob"):
            size_bytes = self._objects.size(_key(sha256))
        if size_bytes is None:
            raise self._missing(sha256)
        return size_bytes

    def sizes(self, hashes: Sequence[str]) -> list[int]:
        found: dict[str, int] = {}
        in_parallel(lambda sha256: found.__setitem__(sha256, self.size(sha256)), dict.fromkeys(hashes))
        return [found[sha256] for sha256 in hashes]

    def open(self, sha256: str, *, verify: bool = False) -> BinaryIO:
        """With `verify`, a file that is damaged here is fetched again."""
        try:
            return self._use(sha256, lambda: self._local.open(sha256, verify=verify))
        except StorageFailed:
            if not verify or not self._cache.has(sha256):
                raise
        self._local.delete(sha256)
        return self._use(sha256, lambda: self._local.open(sha256, verify=True))

    def path(self, sha256: str) -> Path | None:
        return self._local.path(sha256)

    def place(self, sha256: str, dest: Path, how: PlaceHow) -> PlaceMethod:
        return self._use(sha256, lambda: self._local.place(sha256, dest, how))

    def bring(self, blobs: Iterable[Blob], keep_going: Callable[[], None] = lambda: None) -> None:
        wanted = {checked(blob.sha256): blob.size_bytes for blob in blobs}
        missing = [sha256 for sha256, size_bytes in wanted.items() if not self._cache.has(sha256, size_bytes)]
        if missing:
            with self._cache.filling() as folder:
                in_parallel(lambda sha256: self._download(sha256, folder), missing, keep_going)
        if len(self._brought) > _MOST_BROUGHT:
            self._brought.clear()
        self._brought.update(wanted)

    def delete(self, sha256: str) -> None:
        with self._asking("deleting a blob"):
            self._objects.delete(_key(checked(sha256)))
        self._local.delete(sha256)

    def used_by(self, store: str) -> frozenset[str]:
        return frozenset({store})

    def kept(self) -> Iterator[KeptBlob]:
        return iter(())

    def collect(self, sha256: str, idle_s: float) -> int:  # noqa: ARG002
        return 0

    def lock(self, name: str) -> FileLock:
        return self._local.lock(name)

    def sweep(self) -> int:
        with self._asking("sweeping up uploads"):
            return self._objects.sweep(_LEFT_S)

    def _put(self, put: Callable[[], Blob]) -> Blob:
        try:
            return put()
        except Damaged:  # here, where it was already: it is gone now
            return put()

    def _take(self, half: Path | None, blob: Blob) -> None:
        """Upload a written file, then keep it here. Without `half` it is here already."""
        self._upload(half or self._local.place_of(blob.sha256), blob)
        self._cache.keep(half, blob)
        self._cache.came(blob.size_bytes if half else 0)

    def _take_all(self, halves: Iterable[tuple[Path, Blob]]) -> None:
        taken = list(halves)
        in_parallel(lambda one: self._upload(*one), taken)
        for half, blob in taken:
            self._cache.keep(half, blob)
        self._cache.came(sum(blob.size_bytes for _, blob in taken))

    def _upload(self, file: Path, blob: Blob) -> None:
        with self._asking("uploading a blob"):
            if self._objects.size(_key(blob.sha256)) == blob.size_bytes:
                return
            # A name of its own is that of a file which was hashed as it was written; others are the cache's.
            if file.stat().st_nlink > 1 or file == self._local.place_of(blob.sha256):
                self._require_whole(file, blob)
            self._objects.put(file, _key(blob.sha256), blob.sha256)

    def _require_whole(self, file: Path, blob: Blob) -> None:
        """Raises Damaged, and deletes a file of the cache that is not what its name says."""
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != blob.sha256:
                self._local.delete(blob.sha256)
                raise Damaged(f"Blob {blob.sha256} was damaged in the cache {self._local.root}. Put its content again.")

    def _use(self, sha256: str, use: Callable[[], Used]) -> Used:
        """What `use` gives with the blob on this machine."""
        for _ in range(_ATTEMPTS - 1):
            self._fetch(sha256)
            try:
                return use()
            except NotFound:
                continue
            except StorageFailed:
                if self._local.exists(sha256):
                    raise  # else it was deleted while it was linked or copied: the cache was full
        self._fetch(sha256)
        return use()

    def _fetch(self, sha256: str) -> None:
        if sha256 in self._brought:
            self._brought.discard(sha256)
        elif not self._cache.has(checked(sha256)):
            with self._cache.filling() as folder:
                self._download(sha256, folder)

    def _download(self, sha256: str, folder: Path) -> None:
        with self._asking("downloading a blob"):
            try:
                self._cache.take(sha256, lambda: self._objects.read(_key(sha256)), folder)
            except FileNotFoundError:
                raise self._missing(sha256) from None
            except Damaged:
                raise Damaged(
                    f"Blob {sha256} is damaged in {self._shown}. Delete it and put its content again."
                ) from None

    def _missing(self, sha256: str) -> NotFound:
        return NotFound(f"There is no blob {sha256} in {self._shown}.")

    @contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        """Drivers raise what they like: all of it becomes StorageFailed with the address, without secrets.

        ArtifactsAway where asking again later may help.
        """
        try:
            yield
        except AgentError:
            raise
        except ImportError as error:
            raise StorageFailed(f"Cannot use {self._shown}: {error}.") from error
        except (Refused, Unanswered) as error:
            failure = ArtifactsAway if is_away(error) else StorageFailed
            raise failure(f"Artifacts at {self._shown}: {doing} failed: {error}.") from error
        except Exception as error:
            failure = ArtifactsAway if is_away(error) else StorageFailed
            raise failure(f"Artifacts at {self._shown}: {doing} failed: {type(error).__name__}: {error}.") from error


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
