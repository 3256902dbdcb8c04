"""A folder becomes a tar: deterministic, streaming, and sure that nothing changed meanwhile.

The same files give the same bytes, so that a checkpoint published twice is stored once.
"""

from __future__ import annotations

import os
import stat
import tarfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from agent.errors import Invalid, NotFound, Problem
from agent.formats.archive import DEFAULT_LIMITS
from agent.formats.archive_members import path_problem
from agent.formats.disk import remove_tree, writing
from agent.formats.names import shown

_FIRST = "config.json"  # a reader in a hurry finds it in the first block
_CHUNK_BYTES = 1 << 20


class Sink(Protocol):
    """Where packed bytes go: an open file, a blob writer, a pipe."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class StateFile:
    """A file as it was when surveyed."""

    name: str  # relative to the state's folder; a folder's ends with a slash
    size_bytes: int
    mtime_ns: int
    inode: int

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


Survey = tuple[StateFile, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    files: int
    size_bytes: int  # of the files; the tar adds headers and padding


def survey(folder: Path) -> Survey:
    """The files of a state's folder as they are now, sorted by name. Raises Invalid, NotFound.

    A link to a file in the folder counts as that file, so that the archive stands for itself.
    """
    if not folder.is_dir() or folder.is_symlink():
        raise NotFound(f"There is no folder {shown(str(folder))}.")
    root = folder.resolve()
    files: list[StateFile] = []
    problems: list[Problem] = []

    def unreadable(error: OSError) -> None:
        name = os.path.relpath(error.filename or root, root)
        problems.append(Problem(shown(name), "", f"cannot be read: {error.strerror}."))

    for parent, folders, names in os.walk(root, onerror=unreadable):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        if parent != str(root):
            files.append(StateFile(f"{os.path.relpath(parent, root)}/", 0, 0, 0))
        for name in (*names, *links):
            path = Path(parent, name)
            shown_name = shown(path.relative_to(root).as_posix())
            try:
                status = path.stat()
            except OSError as error:
                problems.append(Problem(shown_name, "", f"cannot be read: {error.strerror}."))
                continue
            if not path.resolve().is_relative_to(root):
                problems.append(Problem(shown_name, "", "is a link that leaves the folder.", "Copy the file."))
            elif not stat.S_ISREG(status.st_mode):
                problems.append(Problem(shown_name, "", "is not a regular file."))
            elif sentence := path_problem(list(path.relative_to(root).parts), DEFAULT_LIMITS.depth):
                problems.append(Problem(shown_name, "", sentence, "Rename it."))
            else:
                relative = path.relative_to(root).as_posix()
                files.append(StateFile(relative, status.st_size, status.st_mtime_ns, status.st_ino))
    if not problems and (sentence := _too_much(files)):
        problems.append(Problem("", "", sentence))
    if problems:
        raise Invalid(f"Folder {shown(str(folder))}", problems)
    return tuple(sorted(files, key=lambda file: file.name))


def _too_much(files: list[StateFile]) -> str | None:
    """Why these files could not be unpacked again."""
    if len(files) > DEFAULT_LIMITS.members:
        return f"has more than {DEFAULT_LIMITS.members:,} files and folders."
    if sum(file.size_bytes for file in files) > DEFAULT_LIMITS.size_bytes:
        return f"is larger than the limit of {DEFAULT_LIMITS.size_bytes:,} bytes."
    return None


def pack(folder: Path, out: Sink, *, since: Survey | None = None, allow_empty: bool = False) -> Packed:
    """Write the folder as a model state tar to `out`, streaming.

    Only names and bytes of files count; owners, times and modes do not. Raises Invalid when the folder is
    empty (unless allowed), holds what a state cannot, or when a file changed since `since` or during the
    packing (reason `changed_while_packing`); DiskFull, StorageFailed. After a raise `out` holds half an archive:
    throw it away.
    """
    files = survey(folder)
    what = f"Folder {shown(str(folder))}"
    if all(file.is_folder for file in files) and not allow_empty:
        raise Invalid(what, [Problem("", "", "has no files.", "Write config.json and weights.")], reason="empty")
    if since is not None and since != files:
        raise _changed(what, since, files)
    tar = tarfile.TarFile(
        mode="w",
        fileobj=cast(BinaryIO, _AsFile(out)),
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
        copybufsize=_CHUNK_BYTES,
    )
    with tar:
        for file in sorted(files, key=lambda file: (file.name != _FIRST, file.name)):
            _add(tar, folder, file, what)
    after = survey(folder)
    if after != files:
        raise _changed(what, files, after)
    return Packed(sum(not file.is_folder for file in files), sum(file.size_bytes for file in files))


def pack_file(folder: Path, tar: Path) -> Packed:
    """Pack a folder into the file `tar`, which appears complete or not at all. Raises as `pack`, DiskFull."""
    partial = tar.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with writing(shown(str(tar))), partial.open("xb") as out:
            packed = pack(folder, out, allow_empty=True)
            out.flush()
            os.fsync(out.fileno())
        with writing(shown(str(tar))):
            partial.rename(tar)
    finally:
        remove_tree(partial)
    return packed


class _AsFile:
    """The sink as `tarfile` needs it: it asks once where it is."""

    def __init__(self, out: Sink) -> None:
        self._out = out

    def write(self, data: bytes) -> int:
        with writing("the archive"):
            self._out.write(data)
        return len(data)

    def tell(self) -> int:
        return 0


def _entry(file: StateFile) -> tarfile.TarInfo:
    """A header that depends on name and size alone."""
    entry = tarfile.TarInfo(file.name.rstrip("/"))
    entry.size, entry.mode = file.size_bytes, 0o644
    if file.is_folder:
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    return entry


def _add(tar: tarfile.TarFile, folder: Path, file: StateFile, what: str) -> None:
    if file.is_folder:
        tar.addfile(_entry(file))
        return
    try:
        opened = (folder / file.name).open("rb")
    except OSError as error:
        problem = Problem(shown(file.name), "", f"cannot be read any more: {error.strerror}.")
        raise Invalid(what, [problem], reason="changed_while_packing") from error
    with opened:
        status = os.fstat(opened.fileno())
        if (status.st_size, status.st_ino) != (file.size_bytes, file.inode):
            raise _changed(what, (file,), ())
        try:
            tar.addfile(_entry(file), opened)
        except OSError as error:
            if "unexpected end of data" in str(error):
                raise _changed(what, (file,), ()) from error
            raise


def _changed(what: str, before: Survey, after: Survey) -> Invalid:
    names = sorted({file.name for file in set(before) ^ set(after)})
    remedy = "Report a checkpoint after its last file is closed."
    problems = [Problem(shown(name), "", "changed while it was being packed.", remedy) for name in names]
    return Invalid(what, problems, reason="changed_while_packing")
