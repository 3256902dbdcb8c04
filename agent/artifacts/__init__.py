"""The artifacts: bytes by their sha256, in a folder or behind a URL.

Nothing is ever changed in place: a blob appears complete, under its hash, or not at all. Putting the same
bytes twice, or from two processes at once, is one blob.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Protocol
from urllib.parse import unquote, urlsplit

from agent.artifacts.garbage import KeptBlob
from agent.errors import AgentError, NotFound
from agent.fs.half_made import HalfMade
from agent.fs.names import shown

PlaceHow = Literal["private", "shared"]
PlaceMethod = Literal["reflink", "hardlink", "copy"]
CACHE_BYTES = 20 << 30  # as AGENT_CACHE_SIZE
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NO_BLOB = "0" * 64  # the hash of nothing


@dataclass(frozen=True, slots=True)
class Blob:
    sha256: str
    size_bytes: int


class BlobWriter(Protocol):
    """Bytes on their way to be a blob, written once and hashed on the way.

    Open with `with`: the blob exists when the block ends well; nothing is left when it raises or after `discard`.
    """

    @property
    def blob(self) -> Blob:
        """The blob that was written. Known after the block."""

    def write(self, data: bytes, /) -> int: ...

    def take_file(self, path: Path) -> None:
        """Write the content of a file, which must be the first; blocks are shared where the file system can.

        Raises OSError when the file cannot be read.
        """

    def written(self) -> BinaryIO:
        """The bytes so far, seekable, to be read inside the block; the caller closes it."""

    def discard(self) -> None:
        """Keep nothing, although the block ends well."""

    def __enter__(self) -> BlobWriter: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Batch(Protocol):
    """Open with `with`: the blobs exist when the block ends well; none of the new ones is left when it raises."""

    def put_file(self, path: Path) -> Blob:
        """Keep a copy of a file. From any thread."""

    def __enter__(self) -> Batch: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Artifacts(Protocol):
    """Raises NotFound for unknown blobs, DiskFull and StorageFailed when the place of the bytes refuses, ArtifactsAway
    when it cannot be reached now.

    A blob gets its name when its bytes are on the disk, and a blob that was put survives a power cut.
    """

    def put_file(self, path: Path) -> Blob:
        """Keep a copy of a file."""

    def put_bytes(self, data: bytes) -> Blob: ...

    @property
    def half_made(self) -> HalfMade:
        """Where things are made on their way into the artifacts and out of them."""

    def writer(self, size_bytes: int | None = None, *, what: str = "blob", may_use_reserve: bool = False) -> BlobWriter:
        """For bytes that come piece by piece. DiskFull at the `with` where `size_bytes`, if known, cannot fit.

        `what` names it while it is half made. `may_use_reserve`: see `HalfMade.require_space`.
        """

    def batch(self, *, may_use_reserve: bool = False) -> Batch:
        """For many files: the disk is waited for once, not for each file."""

    def exists(self, sha256: str) -> bool:
        """Whether it is there; asking keeps it from being collected for a while."""

    def size(self, sha256: str) -> int: ...

    def sizes(self, hashes: Sequence[str]) -> list[int]:
        """Of many, in their order, asked for at once."""

    def open(self, sha256: str, *, verify: bool = False) -> BinaryIO:
        """Seekable, for reading. `verify` hashes the bytes first: StorageFailed when they are not what was put."""

    def path(self, sha256: str) -> Path | None:
        """A read-only file with the blob's bytes on this machine; None when there is none here. Never write to it."""

    def place(self, sha256: str, dest: Path, how: PlaceHow) -> PlaceMethod:
        """Make the new file `dest` hold the blob. `private`: it may be written to. `shared`: it may be a hard
        link to the blob itself, so nobody may write to it. FileExistsError when there is something."""

    def bring(self, blobs: Iterable[Blob], keep_going: Callable[[], None] = lambda: None) -> None:
        """Have these blobs on this machine, many at once, so that placing and opening them waits for no network.

        `keep_going` is called now and then; what it raises ends the transfers. One after the other is brought as they
        are used, anyway: this is for speed.
        """

    def delete(self, sha256: str) -> None:
        """Idempotent. Files placed before stay as they are."""

    def used_by(self, store: str) -> frozenset[str]:
        """Note that this store, by its name, names blobs here; all stores that ever did."""

    def kept(self) -> Iterator[KeptBlob]:
        """Every blob that `collect` could delete: none behind a URL, where nothing tells what is being used."""

    def collect(self, sha256: str, idle_s: float) -> int:
        """Delete the blob unless somebody put it, put it again or asked for it within `idle_s`; the bytes freed."""

    def lock(self, name: str) -> AbstractContextManager[object]:
        """Held by one process of this machine at a time."""

    def sweep(self) -> int:
        """Delete what uploads of killed processes have left behind a URL; their number. May take a while."""


def refusal(artifacts: Artifacts) -> str:
    """Why the artifacts take no bytes at present; empty when they do. Nothing stays of the attempt."""
    try:
        with artifacts.writer() as writer:
            writer.write(b"ready?")
            writer.discard()
        artifacts.exists(_NO_BLOB)  # what is written goes through a cache on this machine
    except (AgentError, OSError) as error:
        return str(error)
    return ""


def open_artifacts(
    url_or_path: str,
    *,
    cache_dir: Path | None = None,
    half_made: HalfMade | None = None,
    cache_bytes: int = CACHE_BYTES,
    endpoint: str = "",
) -> Artifacts:
    """Artifacts in a folder (a path or file:// URL), or behind a URL of S3 or whatever fsspec knows, through a cache.

    `cache_dir` is where blobs of a remote store are kept on this machine, about `cache_bytes` of them; by default
    beside the installation's other files. `half_made` is the installation's; without it the folder of artifacts has a
    place of its own. `endpoint` is the URL of a server that speaks S3. Raises StorageFailed when the place cannot be
    used.
    """
    parts = urlsplit(url_or_path)
    if parts.scheme in ("", "file") or "://" not in url_or_path:
        from agent.artifacts.local import LocalArtifacts

        path = unquote(parts.path) if parts.scheme == "file" else url_or_path
        return LocalArtifacts(Path(path).expanduser().absolute(), half_made)
    # Late, because fsspec and its drivers take a moment to import
    from agent.artifacts.remote import RemoteArtifacts
    from agent.settings import home_folder

    folder = cache_dir or home_folder() / "artifacts-cache"
    return RemoteArtifacts(url_or_path, folder, half_made, cache_bytes=cache_bytes, endpoint=endpoint)


def checked(sha256: str) -> str:
    """The hash itself; NotFound for text that is none, so that it can be part of a path."""
    if not _SHA256.fullmatch(sha256):
        raise NotFound(f"{shown(sha256[:80])!r} is not a sha256, so there is no such blob.")
    return sha256
