"""What the artifacts need of an object store, and the stores that fsspec has a driver for.

A key is the path of an object below the address: `ab/cd/<sha256>`. Drivers raise what they like; FileNotFoundError
alone has a meaning, and `Refused` and `Unanswered` say in words of ours what went wrong.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

# An object appears when its upload is complete; elsewhere a rename makes it so.
_ATOMIC_UPLOADS = frozenset({"gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "obs"})
_PIECE_BYTES = 1 << 20
S3 = ("s3", "s3a")


class Refused(Exception):
    """The store says no, in a sentence without a full stop and without secrets. `status` is of HTTP; 0 for none."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class Unanswered(ConnectionError):
    """The store could not be reached, or did not answer, however often it was asked. A sentence as in `Refused`."""


class Objects(Protocol):
    """From any thread. Every call may raise what a driver raises."""

    def size(self, key: str) -> int | None:
        """In bytes; None where there is no such object."""

    def read(self, key: str) -> Iterator[bytes]:
        """The object from its first byte to the last, in pieces. Raises FileNotFoundError, at the first piece."""

    def put(self, path: Path, key: str, sha256: str) -> None:
        """Make the object of the file: complete, or not at all. Raises OSError when the file has another hash."""

    def delete(self, key: str) -> None:
        """Idempotent."""

    def sweep(self, idle_s: float) -> int:
        """Delete what uploads have left that were begun `idle_s` ago or earlier and never ended; their number."""


def open_objects(url: str, endpoint: str) -> Objects:
    """Raises ImportError without the driver, and what the driver raises."""
    if urlsplit(url).scheme in S3:
        from agent.artifacts.s3 import S3Objects  # late: needs the extra `s3`

        return S3Objects(url, endpoint)
    return FsspecObjects(url)


class FsspecObjects:
    """See `Objects`."""

    def __init__(self, url: str) -> None:
        import fsspec  # late: it loads its drivers

        self._remote, root = fsspec.core.url_to_fs(url)
        self._root = str(root).rstrip("/")
        self._atomic = urlsplit(url).scheme in _ATOMIC_UPLOADS

    def size(self, key: str) -> int | None:
        try:
            return int(self._remote.size(self._place(key)))
        except FileNotFoundError:
            return None

    def read(self, key: str) -> Iterator[bytes]:
        with self._remote.open(self._place(key), "rb") as opened:
            while piece := opened.read(_PIECE_BYTES):
                yield piece

    def put(self, path: Path, key: str, sha256: str) -> None:  # noqa: ARG002
        place = self._place(key)
        self._remote.makedirs(posixpath.dirname(place), exist_ok=True)
        if self._atomic:
            self._remote.put_file(str(path), place)
            return
        half = f"{self._root}/half/{uuid.uuid4().hex}"
        self._remote.makedirs(posixpath.dirname(half), exist_ok=True)
        self._remote.put_file(str(path), half)
        self._remote.mv(half, place)

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._remote.rm_file(self._place(key))

    def sweep(self, idle_s: float) -> int:  # noqa: ARG002
        return 0

    def _place(self, key: str) -> str:
        return f"{self._root}/{key}"
