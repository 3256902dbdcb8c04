"""ZIP archives from strangers, unpacked within the limits and by the rules of `archive.py`.

Browsers, Windows and macOS pack folders so. `zipfile` does the reading; the members are judged as those of a tar are.
"""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from agent.errors import Invalid, Problem, StorageFailed
from agent.formats.archive import MAX_RATIO, RATIO_FROM_BYTES, Limits, unpacking
from agent.formats.archive_members import Member, Members
from agent.fs.half_made import HalfMade
from agent.fs.names import shown

_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # of an archive with members, and of an empty archive
_ENCRYPTED = 0x1
_MAX_LINK_BYTES = 4096
_AGAIN = "Copy or download it again."
_CHUNK_BYTES = 1 << 20


def is_zip(path: Path) -> bool:
    """Whether a file begins as a ZIP archive does. False for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _STARTS
    except OSError:
        return False


def unpack_zip(path: Path, folder: Path, limits: Limits, *, what: str, half_made: HalfMade | None = None) -> None:
    """Unpack into `folder`, which must be absent: everything, or nothing. See `unpack_archive` for `half_made`.

    Raises Invalid with every problem (before anything is written), DiskFull, StorageFailed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _judged(archive, limits, path.stat().st_size, what)
            size_bytes = sum(member.size_bytes for _, member in members)
            with unpacking(folder, size_bytes, what, half_made) as partial:
                for info, member in members:
                    _extract(archive, info, member, partial)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise Invalid(what, [_unreadable(error)]) from error
    except OSError as error:
        raise StorageFailed(f"Cannot read {shown(str(path))}: {error.strerror}.") from error


def _judged(
    archive: zipfile.ZipFile, limits: Limits, packed_bytes: int, what: str
) -> list[tuple[zipfile.ZipInfo, Member]]:
    """The members to unpack. Raises Invalid."""
    check = Members(limits.members, limits.size_bytes, limits.depth)
    accepted = []
    for info, entry in _entries(archive):
        if info.flag_bits & _ENCRYPTED:
            check.refuse(entry.name, "is encrypted.", "Make the archive without a password.")
        elif (member := check.add(entry)) is not None:
            accepted.append((info, member))
        if check.is_full:
            break
    size_bytes = sum(member.size_bytes for _, member in accepted)
    if size_bytes > max(RATIO_FROM_BYTES, MAX_RATIO * packed_bytes):
        check.refuse("", f"unpacks to more than {MAX_RATIO} times its size.", "Give it as a plain tar.")
    if problems := check.finish():
        raise Invalid(what, problems)
    return accepted


def _entries(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, tarfile.TarInfo]]:
    """Every member, and the same as a member of a tar. Old packers of Windows wrote `\\` between folders."""
    infos = archive.infolist()
    windows = any("\\" in info.filename for info in infos) and not any("/" in info.filename for info in infos)
    for info in infos:
        name = info.filename.replace("\\", "/") if windows else info.filename
        entry = tarfile.TarInfo(name.rstrip("/"))
        mode = info.external_attr >> 16
        if name.endswith("/"):
            entry.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(mode):
            entry.type = tarfile.SYMTYPE
            entry.linkname = archive.read(info)[:_MAX_LINK_BYTES].decode() if info.file_size <= _MAX_LINK_BYTES else "/"
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            entry.type = tarfile.FIFOTYPE
        else:
            entry.size = info.file_size
        yield info, entry


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, member: Member, folder: Path) -> None:
    target = folder / member.name
    if member.is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.link is not None:
        up = "../" * member.name.count("/")
        target.symlink_to(up + member.link)
        return
    with archive.open(info) as source, target.open("xb") as out:
        shutil.copyfileobj(source, out, _CHUNK_BYTES)


def _unreadable(error: Exception) -> Problem:
    if isinstance(error, NotImplementedError):
        return Problem("", "", "is packed by a method that is not read here.", "Give it as a tar.")
    return Problem("", "", f"is not a readable ZIP archive ({shown(str(error)) or type(error).__name__}).", _AGAIN)
