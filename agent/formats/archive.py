"""Tar archives from strangers: listed with every problem, unpacked only when there is none.

`tarfile` and its `data` filter do the reading. Around them stand limits of our own, because the filter knows
nothing of sizes and counts, drops a leading slash silently, and headers may ask for any amount of memory and time.
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from agent.errors import Invalid, NotFound, Problem, StorageFailed
from agent.formats.archive_members import Member, Members
from agent.formats.xz import MEMORY_BYTES, NeedsTooMuchMemory, XzReader
from agent.fs.atomic import atomic_path
from agent.fs.disk import writing
from agent.fs.half_made import HalfMade
from agent.fs.names import shown

_CHUNK_BYTES = 1 << 20
_MAX_READ_BYTES = 4 << 20
_MAX_HEADER_BYTES = 1 << 20  # of one member; those of honest archives have a few hundred
_MAX_GLOBAL_BYTES = 64 << 10  # what headers say of all members: `git archive` says one commit's name
_HEADERS_BYTES = 16 << 20, 2 << 10  # long headers of an archive: so many at once, so many more for each member
_LONG_NUMBER = re.compile(rb"\d{100}")  # over these, Pythons before 3.11.10 look for the end of a header in O(n²)
MAX_RATIO, RATIO_FROM_BYTES = 200, 1 << 30  # bombs unpack to a thousand times their size; weights hardly shrink
_COMPRESSED: dict[bytes, tuple[str, Callable[[BinaryIO], BinaryIO]]] = {
    b"\x1f\x8b": ("gzip", lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file))),
    b"BZh": ("bzip2", lambda file: cast(BinaryIO, bz2.BZ2File(file))),
    b"\xfd7zXZ\x00": ("xz", lambda file: cast(BinaryIO, io.BufferedReader(XzReader(file)))),
}
_NOT_TAR = {
    b"PK\x03\x04": "a ZIP archive (PyTorch's .pt files are such)",
    b"PK\x05\x06": "a ZIP archive",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x89HDF": "an HDF5 file",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold."""

    members: int = 100_000
    size_bytes: int = 64 << 30  # of all files together, unpacked
    depth: int = 32  # folders in one path


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Listing:
    """What an archive says it holds. `compression` is gzip, bzip2, xz or None."""

    members: tuple[Member, ...]
    compression: str | None
    problems: tuple[Problem, ...]
    kept: dict[str, bytes] = field(default_factory=dict)  # content of the small files asked for

    @property
    def size_bytes(self) -> int:
        return sum(member.size_bytes for member in self.members)


class _Refused(Exception):
    """Reading on would break a limit. Its arguments are sentence and remedy."""


class _Bounded:
    """The archive as `tarfile` sees it: reads of sane size, no more bytes in all than allowed."""

    def __init__(self, file: BinaryIO, end: int, *beyond: str) -> None:
        self._file, self._end, self._beyond = file, end, beyond
        self.last = b""  # the last block read, where reading stopped
        self._header_left: int | None = None  # bytes the header being read may still take; None in a file's content
        self._headers_left, self._more_headers = _HEADERS_BYTES

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_READ_BYTES:
            raise _Refused("has a header of absurd size.")
        self.last = self._file.read(size)
        if self._file.tell() > self._end:
            raise _Refused(*self._beyond)
        if self._header_left is not None:
            self._header_left -= size
            self._headers_left -= size if size > tarfile.BLOCKSIZE else 0
            too_long = size > tarfile.BLOCKSIZE and _LONG_NUMBER.search(self.last)
            if self._header_left < 0 or self._headers_left < 0 or too_long:
                raise _Refused("has a header of absurd size.")
        return self.last

    def as_tar(self) -> tarfile.TarFile:
        """The archive, opened: its first header is read."""
        self._header_left = _MAX_HEADER_BYTES
        return tarfile.TarFile(fileobj=cast(BinaryIO, self), mode="r", encoding="utf-8")

    def entries(self, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        """The members of the archive, which `tar` reads from here, with a limit on what each header takes."""
        position = -1
        members = iter(tar)
        while True:
            self._header_left = _MAX_HEADER_BYTES
            entry = next(members, None)
            self._header_left = None
            if entry is None:
                return
            if tar.offset <= position:  # or the reader would go round for ever
                raise _Refused("has a member of negative size.")
            if sum(len(key) + len(value) for key, value in tar.pax_headers.items()) > _MAX_GLOBAL_BYTES:
                raise _Refused("has a header of absurd size.")
            position = tar.offset
            self._headers_left += self._more_headers
            yield entry
            tar.members.clear()  # type: ignore[attr-defined]  # the reader would keep them all

    def finish(self) -> None:
        """Read to the end of the archive. Raises what the decompressor finds wrong."""
        self._header_left = None
        while self.read(_CHUNK_BYTES):
            pass

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET or position < 0:
            raise _Refused("has a member of negative size.")
        if position > self._end:
            raise _Refused(*self._beyond)
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


def list_archive(source: Path | BinaryIO, limits: Limits = DEFAULT_LIMITS, *, keep: str = "") -> Listing:
    """List an archive. Bad archives give problems; only an unreadable file raises, StorageFailed or NotFound.

    The content of the file named `keep` comes along, so that a compressed archive is read once.
    """
    members = Members(limits.members, limits.size_bytes, limits.depth)
    compression = None
    kept: dict[str, bytes] = {}
    try:
        with _opened(source, limits) as (bounded, compression):
            with bounded.as_tar() as tar:
                _list(tar, bounded, members, keep, kept)
            if members.is_full:
                pass
            elif not bounded.last or (len(bounded.last) < tarfile.BLOCKSIZE and bounded.last.strip(b"\0")):
                members.refuse("", "has no end mark: it was cut off.", "Copy or download it again.")
            elif bounded.last.strip(b"\0"):
                members.refuse("", "is damaged after its first members.", "Make it again.")
            elif compression is not None:
                bounded.finish()  # the checksums of a compressed archive come last
    except _Refused as refused:
        members.refuse("", *refused.args)
    except (StorageFailed, NotFound):
        raise
    except Exception as error:  # noqa: BLE001 - tarfile and the decompressors let a dozen types escape
        members.refuse("", *_unreadable(source, error))
    problems = members.finish()
    return Listing(tuple(members.accepted), compression, tuple(problems), kept)


def unpack_archive(
    source: Path | BinaryIO,
    folder: Path,
    limits: Limits = DEFAULT_LIMITS,
    *,
    what: str = "",
    half_made: HalfMade | None = None,
) -> Listing:
    """Unpack into `folder`, which must be absent or empty: everything, or nothing.

    `half_made` is where it is made, and says what stays free; without it, it is made beside `folder`. Raises Invalid
    with every problem (before anything is written), DiskFull, StorageFailed.
    """
    what = what or (f"Archive {shown(source.name)}" if isinstance(source, Path) else "The archive")
    listing = list_archive(source, limits)
    if listing.problems:
        raise Invalid(what, listing.problems)
    try:
        with unpacking(folder, listing.size_bytes, what, half_made) as partial:
            _extract(source, partial, limits)
    except (tarfile.TarError, EOFError, _Refused) as error:
        raise StorageFailed(f"{what} changed while it was being unpacked. Try again.") from error
    return listing


@contextmanager
def unpacking(folder: Path, size_bytes: int, what: str, half_made: HalfMade | None) -> Iterator[Path]:
    """A new folder for the content of an archive; it becomes `folder` at the end of the block. As `unpack_archive`."""
    with writing(f"the content of {what}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        (half_made or HalfMade(folder)).require_space(folder.parent, size_bytes, f"the content of {what}")
        if half_made is None:
            made = atomic_path(folder, durable=False)
        else:
            made = half_made.atomic_path(folder, "unpacking", durable=False)
        with made as partial:
            partial.mkdir()
            yield partial


def decompressed(source: Path | BinaryIO, limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """The plain tar inside a compressed one, in chunks. List it first: this trusts the archive."""
    with _opened(source, limits) as (bounded, _):
        while chunk := bounded.read(_CHUNK_BYTES):
            yield chunk


@contextmanager
def _opened(source: Path | BinaryIO, limits: Limits) -> Iterator[tuple[_Bounded, str | None]]:
    try:
        raw = source.open("rb") if isinstance(source, Path) else source
    except FileNotFoundError:
        raise NotFound(f"There is no file {shown(str(source))}.") from None
    except OSError as error:
        raise StorageFailed(f"Cannot read {shown(str(source))}: {error.strerror}.") from error
    try:
        raw.seek(0)
        magic = raw.read(8)
        size_bytes = raw.seek(0, os.SEEK_END)
        raw.seek(0)
        for start, (name, open_compressed) in _COMPRESSED.items():
            if magic.startswith(start):
                # Headers and padding take at most 4 KiB for each member.
                end, *beyond = limits.size_bytes + limits.members * 4096, "unpacks to more bytes than is allowed."
                if end > (likely := max(RATIO_FROM_BYTES, MAX_RATIO * size_bytes)):
                    end, *beyond = (
                        likely,
                        f"unpacks to more than {MAX_RATIO} times its size.",
                        "Give it as a plain tar.",
                    )
                yield _Bounded(open_compressed(raw), end, *beyond), name
                return
        yield _Bounded(raw, size_bytes, "is cut off: a member claims more bytes than are left."), None
    finally:
        if isinstance(source, Path):
            raw.close()


def _list(tar: tarfile.TarFile, bounded: _Bounded, members: Members, keep: str, kept: dict[str, bytes]) -> None:
    for entry in bounded.entries(tar):
        member = members.add(entry)
        if member and keep and member.name == keep and member.size_bytes <= _MAX_READ_BYTES:
            content = tar.extractfile(entry) if entry.isfile() else None
            kept[keep] = content.read() if content else b""
        if members.is_full:
            return


def _extract(source: Path | BinaryIO, folder: Path, limits: Limits) -> None:
    def ours(entry: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        return tarfile.data_filter(entry, path).replace(mtime=None, deep=False)  # type: ignore[arg-type]

    # Debian 12's Python 3.11.2 has no filters yet. `Members` has refused all that the filter would refuse; without
    # `set_attrs` no owner, mode or time of the archive is taken over either.
    options: dict[str, Any] = {"filter": ours} if hasattr(tarfile, "data_filter") else {"set_attrs": False}
    check = Members(limits.members, limits.size_bytes, limits.depth)
    with _opened(source, limits) as (bounded, _), bounded.as_tar() as tar:
        tar.copybufsize = _CHUNK_BYTES  # type: ignore[attr-defined]
        tar.errorlevel = 2
        for entry in bounded.entries(tar):
            member = check.add(entry)
            if check.problems:
                raise _Refused(str(check.problems[0]))
            if member is None:
                continue
            entry.name = member.name
            if member.link is not None and entry.islnk():
                entry.linkname = member.link
            tar.extract(entry, folder, **options)


def _unreadable(source: Path | BinaryIO, error: Exception) -> tuple[str, str]:
    """What to say about a file that tarfile cannot read."""
    again = "Copy or download it again."
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                magic = file.read(8)
        else:
            source.seek(0)
            magic = source.read(8)
    except OSError:
        magic = b""
    if not magic:
        return "is empty.", again
    for start, kind in _NOT_TAR.items():
        if magic.startswith(start):
            return f"is {kind}, not a tar.", "Unpack it, and pack its content as a tar: tar -cf NEW.tar -C FOLDER ."
    if isinstance(error, NeedsTooMuchMemory):
        return f"needs more than {MEMORY_BYTES >> 20} MiB of memory to be unpacked.", "Give it as a plain tar."
    text = str(error).lower()
    if isinstance(error, EOFError) or "unexpected end" in text or "truncated" in text or "end-of-stream" in text:
        return "is cut off in the middle.", again
    return f"is not a readable tar archive ({shown(str(error)) or type(error).__name__}).", again
