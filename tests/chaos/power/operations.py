"""Recording a run: every change that its processes make below one folder, in the order the file system saw them.

`record.c`, preloaded into each process, writes the log; it is compiled here, once per content.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SOURCE = Path(__file__).with_name("record.c")
_HEAD = struct.Struct("=IIQqIIII")  # kind, pid, inode, offset, sizes of path, other path and data, unused


class Kind(StrEnum):
    CREATE = "C"
    FOLDER = "D"
    SYMLINK = "S"  # `other` is what it points to
    LINK = "L"  # `other` is the new name
    RENAME = "R"  # `other` is the new name; `offset` holds the flags of renameat2
    UNLINK = "U"  # of a file, link or folder
    WRITE = "W"
    TRUNCATE = "T"  # `offset` is the new size
    SYNC = "F"  # fsync or fdatasync, of a file or of a folder
    SYNC_ALL = "Y"
    SAID = "M"  # no change: output of a process, or an answer of a server; from here on it is acknowledged


@dataclass(frozen=True, slots=True)
class Operation:
    kind: Kind
    inode: int = 0
    path: str = ""  # absolute
    other: str = ""
    offset: int = 0
    data: bytes = b""


def missing_tool() -> str:
    """Why nothing can be recorded here; empty when it can."""
    return "" if shutil.which("gcc") else "the recorder of file operations is compiled with gcc, and there is none"


class Recorder:
    """A log of what processes with its environment do below `root`."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root.resolve()
        self.log = log
        log.touch()

    def environment(self, alias: Mapping[str, Path] | None = None) -> dict[str, str]:
        """For the processes to record. `alias`: a plugin sees the folder, which is below the root, under that name."""
        said = {"LD_PRELOAD": str(_library()), "POWER_LOG": str(self.log), "POWER_ROOT": str(self.root)}
        for name, folder in (alias or {}).items():
            said["POWER_ALIAS"] = f"{name}={folder}"
        return said

    def say(self, text: str) -> None:
        """Note something that a process acknowledged otherwise than by output: by its exit code."""
        data = text.encode()
        with self.log.open("ab", buffering=0) as log:  # one write: whole, wherever others write to
            log.write(_HEAD.pack(ord(Kind.SAID), 0, 0, 0, 0, 0, len(data), 0) + data)


def operations(log: Path) -> list[Operation]:
    """What was recorded, in order. The lines of marks may be in pieces, as they were written."""
    return list(_parsed(log.read_bytes()))


def _parsed(recorded: bytes) -> Iterator[Operation]:
    place = 0
    while place < len(recorded):
        kind, _, inode, offset, path_size, other_size, data_size, _ = _HEAD.unpack_from(recorded, place)
        path_end = place + _HEAD.size + path_size
        data_at = path_end + other_size
        path, other = recorded[place + _HEAD.size : path_end], recorded[path_end:data_at]
        data = recorded[data_at : data_at + data_size]
        yield Operation(Kind(chr(kind)), inode, os.fsdecode(path), os.fsdecode(other), offset, data)
        place = data_at + data_size


def _library() -> Path:
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    library = Path(tempfile.gettempdir(), f"power-record-{os.getuid()}-{digest}.so")
    if not library.exists():
        half = library.with_name(f"{library.name}.{uuid.uuid4().hex}")  # scenarios are recorded side by side
        flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-ldl", "-lpthread"]
        command = ["gcc", str(_SOURCE), *flags, "-o", str(half)]
        subprocess.run(command, check=True)
        half.rename(library)
    return library
