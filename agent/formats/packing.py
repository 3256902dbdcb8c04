"""A folder becomes a tar, as a stream. The same files give the same bytes, and a change meanwhile is noticed.

So a checkpoint that is published twice is stored once.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from agent.errors import Invalid, Problem
from agent.formats.survey import StateFile, Survey, survey
from agent.fs.beneath import OpenFolder, open_folder
from agent.fs.disk import writing
from agent.fs.half_made import HalfMade
from agent.fs.names import shown

_FIRST = "config.json"  # a reader in a hurry finds it in the first block
_CHUNK_BYTES = 1 << 20


class Sink(Protocol):
    """Takes the packed bytes: an open file, a blob writer, a pipe."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Packed:
    files: int
    size_bytes: int  # of the files; the tar adds headers and padding


def pack(
    folder: Path, out: Sink, *, since: Survey | None = None, is_ours: bool = False, allow_empty: bool = False
) -> Packed:
    """Write the folder as a model state tar to `out`, streaming.

    Only names and bytes of files count; owners, times and modes do not. `since` is the survey to pack, by default of
    this moment. Each file is compared with it while it is packed, and again at the end. With `is_ours` nobody else
    makes files in the folder, as in a snapshot; without, it is surveyed again at the end, to find added files.

    Raises Invalid when the folder is empty (unless allowed), holds entries that a state cannot hold, or changed since
    the survey (reason `changed_while_packing`); DiskFull, StorageFailed. After a raise `out` holds half an archive:
    throw it away.
    """
    try:
        opened = open_folder(folder, may_enter_mounts=True)
    except OSError:
        survey(folder).require_good(folder)  # says why
        raise
    with opened:
        return _pack(opened, out, since, is_ours=is_ours, allow_empty=allow_empty)


def _pack(folder: OpenFolder, out: Sink, since: Survey | None, *, is_ours: bool, allow_empty: bool) -> Packed:
    files = survey(folder) if since is None else since
    files.require_good(folder.path)
    what = f"Folder {shown(str(folder.path))}"
    if files.is_empty and not allow_empty:
        raise Invalid(what, [Problem("", "", "has no files.", "Write config.json and weights.")], reason="empty")
    tar = tarfile.TarFile(
        mode="w",
        fileobj=cast(BinaryIO, _AsFile(out)),
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
        copybufsize=_CHUNK_BYTES,
    )
    with tar:
        for file in sorted(files.files, key=lambda file: (file.name != _FIRST, file.name)):
            _add(tar, folder, file, what)
    if is_ours:
        changed = set(files.changed(folder))
    else:
        changed = {file.name for file in set(survey(folder).files) ^ set(files.files)}
    if changed:
        raise _changed(what, changed)
    return Packed(sum(not file.is_folder for file in files.files), files.size_bytes)


def pack_file(folder: Path, tar: Path, half_made: HalfMade, *, replace: bool = True) -> Packed:
    """Pack a folder into the file `tar`, which appears complete or not at all. Raises as `pack`, DiskFull."""
    with (
        writing(shown(str(tar))),
        half_made.atomic_path(tar, "export", replace=replace) as partial,
        partial.open("xb") as out,
    ):
        return pack(folder, out, allow_empty=True)


class _AsFile:
    """The sink with the methods that `tarfile` calls: it asks once for the position."""

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


def _add(tar: tarfile.TarFile, folder: OpenFolder, file: StateFile, what: str) -> None:
    if file.is_folder:
        tar.addfile(_entry(file))
        return
    try:
        opened = folder.file(folder.resolve(file.name))
    except OSError as error:
        problem = Problem(shown(file.name), "", f"cannot be read any more: {error.strerror}.")
        raise Invalid(what, [problem], reason="changed_while_packing") from error
    with opened:
        if not file.is_unchanged(os.fstat(opened.fileno())):
            raise _changed(what, {file.name})
        try:
            tar.addfile(_entry(file), opened)
        except OSError as error:
            if "unexpected end of data" in str(error):
                raise _changed(what, {file.name}) from error
            raise


def _changed(what: str, names: set[str]) -> Invalid:
    remedy = "Report a checkpoint after its last file is closed."
    problems = [Problem(shown(name), "", "changed while it was being packed.", remedy) for name in sorted(names)]
    return Invalid(what, problems, reason="changed_while_packing")
