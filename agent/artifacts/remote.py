"""Artifacts behind a URL: S3, Google Cloud, Azure, SFTP, ... whatever fsspec has a driver for.

Every blob passes through a local cache, which is what is hashed, opened and placed; the remote holds the same
files under the same names. The cache may be deleted while nothing runs.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import fsspec
from filelock import FileLock

from agent.artifacts import Blob, PlaceHow, PlaceMethod, checked
from agent.artifacts.garbage import KeptBlob
from agent.artifacts.halves import LocalBatch, LocalWriter
from agent.artifacts.local import LocalArtifacts
from agent.errors import AgentError, ArtifactsAway, NotFound, StorageFailed
from agent.fs.absence import is_away
from agent.fs.half_made import HalfMade

# An object appears when its upload is complete; elsewhere a rename makes it so.
_ATOMIC_UPLOADS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "obs"})


class RemoteArtifacts:
    """See `Artifacts`."""

    def __init__(self, url: str, cache_dir: Path, half_made: HalfMade | None = None) -> None:
        parts = urlsplit(url)
        self._shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"  # without user, password and options
        self._cache = LocalArtifacts(cache_dir, half_made)
        self.half_made = self._cache.half_made
        with self._asking("opening"):
            self._remote, root = fsspec.core.url_to_fs(url)
        self._root = str(root).rstrip("/")
        self._atomic = parts.scheme in _ATOMIC_UPLOADS

    def put_file(self, path: Path) -> Blob:
        return self._upload(self._cache.put_file(path))

    def put_bytes(self, data: bytes) -> Blob:
        return self._upload(self._cache.put_bytes(data))

    def writer(
        self, size_bytes: int | None = None, *, what: str = "blob", may_use_reserve: bool = False
    ) -> RemoteWriter:
        return RemoteWriter(self, self._cache.writer(size_bytes, what=what, may_use_reserve=may_use_reserve))

    def batch(self, *, may_use_reserve: bool = False) -> RemoteBatch:
        return RemoteBatch(self, self._cache.batch(may_use_reserve=may_use_reserve))

    def exists(self, sha256: str) -> bool:
        with self._asking("looking for a blob"):
            return bool(self._remote.exists(self._place_of(checked(sha256))))

    def size(self, sha256: str) -> int:
        with self._asking("looking for a blob"):
            try:
                return int(self._remote.size(self._place_of(checked(sha256))))
            except FileNotFoundError:
                raise self._missing(sha256) from None

    def open(self, sha256: str, *, verify: bool = False) -> BinaryIO:
        self._fetch(checked(sha256))
        return self._cache.open(sha256, verify=verify)

    def path(self, sha256: str) -> Path | None:
        return self._cache.path(sha256)

    def place(self, sha256: str, dest: Path, how: PlaceHow) -> PlaceMethod:
        self._fetch(checked(sha256))
        return self._cache.place(sha256, dest, how)

    def delete(self, sha256: str) -> None:
        with self._asking("deleting a blob"), suppress(FileNotFoundError):
            self._remote.rm_file(self._place_of(checked(sha256)))
        self._cache.delete(sha256)

    def used_by(self, store: str) -> frozenset[str]:
        return frozenset({store})

    def kept(self) -> Iterator[KeptBlob]:
        return iter(())

    def collect(self, sha256: str, idle_s: float) -> int:  # noqa: ARG002
        return 0

    def lock(self, name: str) -> FileLock:
        return self._cache.lock(name)

    def _upload(self, blob: Blob) -> Blob:
        place = self._place_of(blob.sha256)
        local = self._cache.path(blob.sha256)
        with self._asking("uploading a blob"):
            if self._remote.exists(place) and self._remote.size(place) == blob.size_bytes:
                return blob
            self._remote.makedirs(posixpath.dirname(place), exist_ok=True)
            if self._atomic:
                self._remote.put_file(str(local), place)
            else:
                half = f"{self._root}/half/{uuid.uuid4().hex}"
                self._remote.makedirs(posixpath.dirname(half), exist_ok=True)
                self._remote.put_file(str(local), half)
                self._remote.mv(half, place)
        return blob

    def _fetch(self, sha256: str) -> None:
        if self._cache.exists(sha256):
            return
        with self._cache.writer() as out, self._asking("downloading a blob"):
            try:
                with self._remote.open(self._place_of(sha256), "rb") as remote:
                    while chunk := remote.read(1 << 20):
                        out.write(chunk)
            except FileNotFoundError:
                raise self._missing(sha256) from None
        if out.blob.sha256 != sha256:
            self._cache.delete(out.blob.sha256)
            raise StorageFailed(f"Blob {sha256} is damaged in {self._shown}. Delete it and put its content again.")

    def _place_of(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256[2:4]}/{sha256}"

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
        except Exception as error:
            failure = ArtifactsAway if is_away(error) else StorageFailed
            raise failure(f"Artifacts at {self._shown}: {doing} failed: {type(error).__name__}: {error}.") from error


class RemoteWriter:
    """See `BlobWriter`: written to the cache, uploaded at the end of the block."""

    def __init__(self, artifacts: RemoteArtifacts, local: LocalWriter) -> None:
        self._artifacts, self._local = artifacts, local
        self._is_discarded = False

    @property
    def blob(self) -> Blob:
        return self._local.blob

    def write(self, data: bytes, /) -> int:
        return self._local.write(data)

    def take_file(self, path: Path) -> None:
        self._local.take_file(path)

    def written(self) -> BinaryIO:
        return self._local.written()

    def discard(self) -> None:
        self._is_discarded = True
        self._local.discard()

    def __enter__(self) -> RemoteWriter:
        self._local.__enter__()
        return self

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._local.__exit__(kind, *rest)
        if kind is None and not self._is_discarded:
            self._artifacts._upload(self._local.blob)


class RemoteBatch:
    """See `Batch`: put into the cache, uploaded at the end of the block."""

    def __init__(self, artifacts: RemoteArtifacts, local: LocalBatch) -> None:
        self._artifacts, self._local = artifacts, local
        self._blobs: dict[str, Blob] = {}

    def put_file(self, path: Path) -> Blob:
        blob = self._local.put_file(path)
        self._blobs[blob.sha256] = blob
        return blob

    def __enter__(self) -> RemoteBatch:
        self._local.__enter__()
        return self

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._local.__exit__(kind, *rest)
        if kind is None:
            for blob in self._blobs.values():
                self._artifacts._upload(blob)
