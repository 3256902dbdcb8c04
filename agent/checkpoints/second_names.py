"""The second names of the files in one folder of `results/`: hard links, out of the plugin's reach."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from agent.formats.archive import DEFAULT_LIMITS
from agent.fs.beneath import link_file, open_beneath
from agent.fs.disk import entries_below

MOST_FILES = 10_000  # of one folder; a checkpoint has a handful
_ALWAYS_LOOKED_AT = 256  # a folder of so many files is looked at for every opening, a larger one not so often
_PAUSE = 20.0  # times the duration of the last look
_PROBE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
HALF, WHOLE, _PIECES, _TAKEN = ".half", "whole", "pieces", "taken"


class Seen(NamedTuple):
    """A file as it was at one moment; a name is no part of it, so that a renamed file is known again."""

    inode: int
    size_bytes: int
    mtime_ns: int


@dataclass(slots=True, eq=False)
class SecondNames:
    """The open descriptor keeps the folder's identity from being used again; a deleted folder needs none."""

    descriptor: int  # -1: the folder was deleted
    home: Path
    name: str
    whole_files: dict[str, int] = field(default_factory=dict)  # below `whole`: names and inodes
    pieces_count: int = 0
    is_behind: bool = False  # files have appeared since the last look
    names: set[str] = field(default_factory=set)  # that the folder has or had; `name` is the first
    is_taken: bool = False  # its files were taken over as they are, and have no second names
    taken: frozenset[Seen] = frozenset()  # all that were ever taken over
    _inode: int = 0
    _next_look: float = 0.0

    def __post_init__(self) -> None:
        self.names.add(self.name)
        self._inode = os.fstat(self.descriptor).st_ino if self.descriptor >= 0 else 0

    @property
    def whole(self) -> Path:
        """The files as they were at one moment, when a process opened the folder."""
        return self.home / WHOLE / self.name

    @property
    def pieces(self) -> Path:
        """The files one by one, as they appeared."""
        return self.home / _PIECES / self.name

    @property
    def whole_inodes(self) -> frozenset[int]:
        return frozenset(self.whole_files.values())

    @property
    def is_empty(self) -> bool:
        """Whether its files were deleted before the first could be linked."""
        return not self.whole_files and not self.pieces_count

    @property
    def is_deleted(self) -> bool:
        if self.descriptor >= 0 and os.fstat(self.descriptor).st_nlink == 0:
            self.close()
        return self.descriptor < 0

    def is_same(self, folder: os.stat_result | None) -> bool:
        return self.descriptor >= 0 and folder is not None and os.path.samestat(os.fstat(self.descriptor), folder)

    def holds_more(self, present: frozenset[int]) -> bool:
        """Whether more files have second names than are in the folder now."""
        return present < self.whole_inodes or (not present and not self.is_empty)

    def left_at(self) -> float:
        """When the folder was renamed, or its last file was deleted, in seconds since 1970."""
        if not self.is_deleted:
            return os.fstat(self.descriptor).st_ctime
        return max((status.st_ctime for _, status in entries_below(self.home)), default=0.0)

    def take(self, name: str, files: frozenset[Seen], home: Path) -> None:
        """The files were taken over. `home` is a new place, for the next agent's knowledge of that. Raises OSError."""
        self.home, self.name = home, name
        self.whole_files, self.pieces_count, self.is_behind = {}, 0, False
        self.is_taken, self.taken = True, self.taken | files
        home.mkdir()
        said = {"name": self.name, "inode": self._inode, "files": sorted(self.taken)}
        (home / _TAKEN).write_text(json.dumps(said), encoding="ascii")

    def is_as_taken(self, present: frozenset[Seen]) -> bool:
        """Whether nothing is in the folder but what was taken over. If not so, second names are needed again."""
        self.taken &= present
        if self.is_taken and present != self.taken:
            self.is_taken = False
            (self.home / _TAKEN).unlink(missing_ok=True)
        return self.is_taken

    @classmethod
    def found(cls, home: Path) -> list[Self]:
        """What an agent linked there, or noted, before it died; which folders exist is not known."""
        found = []
        for name in {place.name for place in home.glob("*/*")}:
            kept = cls(-1, home, name)
            kept._find_files()
            if not kept.is_empty:  # it died before the first link
                found.append(kept)
        if not found:
            with suppress(OSError, ValueError, KeyError, TypeError):
                said = json.loads((home / _TAKEN).read_bytes())
                taken = frozenset(Seen(*file) for file in said["files"])
                kept = cls(-1, home, said["name"], is_taken=True, taken=taken)
                kept._inode = said["inode"]
                found.append(kept)
        return found

    def belongs_to(self, inodes: tuple[int, frozenset[int]]) -> bool:
        """Whether it is about a folder of this inode, with files of these inodes."""
        folder, files = inodes
        if self.is_taken:
            return folder == self._inode
        return not files.isdisjoint(self.whole_inodes | self._piece_inodes())

    def opened(self, directory: int, name: str) -> None:
        """The folder exists, and has this name now."""
        self.descriptor = directory
        self.names.add(name)
        self._inode = os.fstat(directory).st_ino

    def best(self) -> Path:
        """The folder to take the files from: those of the last look, and those that appeared since."""
        if not self.whole.exists():
            return self.pieces
        if self.is_behind:
            for piece, status in entries_below(self.pieces):
                place = self.whole / piece.relative_to(self.pieces)
                with suppress(OSError):
                    if stat.S_ISREG(status.st_mode) and not place.exists():
                        place.parent.mkdir(parents=True, exist_ok=True)
                        place.hardlink_to(piece)
        return self.whole

    def is_due(self) -> bool:
        """Whether the folder is to be looked at for an opening: a large folder is not looked at each time."""
        if len(self.whole_files) <= _ALWAYS_LOOKED_AT or time.monotonic() >= self._next_look:
            return True
        self.is_behind = True
        return False

    def take_whole(self, present: dict[str, int], directory: int, half: Path, took_s: float) -> None:
        """Make `whole` hold the files that the folder holds now. Only the difference is linked."""
        started = time.monotonic()
        if not self.whole_files:
            shutil.rmtree(self.home / WHOLE, ignore_errors=True)
            linked = {name: inode for name, inode in present.items() if _link(directory, name, inode, half / self.name)}
            if not linked:
                return
            self.home.mkdir(exist_ok=True)
            half.rename(self.home / WHOLE)
            self.whole_files = linked
        else:
            for name in [name for name, inode in self.whole_files.items() if present.get(name) != inode]:
                (self.whole / name).unlink(missing_ok=True)
                del self.whole_files[name]
            for name, inode in present.items():
                if name not in self.whole_files and _link(directory, name, inode, self.whole):
                    self.whole_files[name] = inode
        self.is_behind = False
        self._next_look = time.monotonic() + _PAUSE * (took_s + time.monotonic() - started)

    def take_piece(self, name: str, directory: int) -> None:
        """Link a file that has appeared. Raises OSError once it is deleted."""
        inode = 0
        with suppress(OSError):
            inode = (self.pieces / name).lstat().st_ino
        found = open_beneath(directory, name, _PROBE)
        try:
            status = os.fstat(found)
            if not stat.S_ISREG(status.st_mode) or status.st_ino == inode:
                return
            if status.st_ino not in self.whole_files.values():
                self.is_behind = True
            if self.pieces_count >= MOST_FILES:
                return
            target = self.pieces / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            link_file(found, target)
            self.pieces_count += 1
        finally:
            os.close(found)

    def forget_name(self, name: str) -> None:
        """Forget the old name of a renamed file: many writers begin with a temporary name."""
        (self.pieces / name).unlink(missing_ok=True)
        if self.whole_files.pop(name, None) is not None:
            (self.whole / name).unlink(missing_ok=True)

    def _find_files(self) -> None:
        self.whole_files = {
            str(path.relative_to(self.whole)): status.st_ino
            for path, status in entries_below(self.whole)
            if not stat.S_ISDIR(status.st_mode)
        }
        self.pieces_count = len(self._piece_inodes())
        self.is_behind = True  # perhaps

    def _piece_inodes(self) -> frozenset[int]:
        return frozenset(status.st_ino for _, status in entries_below(self.pieces) if not stat.S_ISDIR(status.st_mode))

    def close(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def files_in(directory: int, prefix: str = "", depth: int = DEFAULT_LIMITS.depth) -> dict[str, int]:
    """Names and inodes of the files in a folder that is open for listing, deeper files too; at most `MOST_FILES`."""
    found: dict[str, int] = {}
    with os.scandir(directory) as entries:
        folders = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False) and len(found) < MOST_FILES:
                found[prefix + entry.name] = entry.inode()
    for name in folders if depth else ():  # deeper is too deep for a model state, and some time for the stack
        with suppress(OSError):  # deleted at this moment
            deeper = open_beneath(directory, name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                found |= files_in(deeper, f"{prefix}{name}/", depth - 1)
            finally:
                os.close(deeper)
        if len(found) >= MOST_FILES:
            break
    return found


def seen_in(directory: int, names: Iterable[str]) -> frozenset[Seen]:
    """How files below an open folder are now; those that are gone are left out."""
    found = set()
    for name in names:
        with suppress(OSError):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            found.add(Seen(status.st_ino, status.st_size, status.st_mtime_ns))
    return frozenset(found)


def _link(directory: int, name: str, inode: int, place: Path) -> bool:
    """Link the file of this name and inode below an open folder. Whether it was still there."""
    try:
        found = open_beneath(directory, name, _PROBE)
    except OSError:
        return False
    try:
        status = os.fstat(found)
        if status.st_ino != inode or not stat.S_ISREG(status.st_mode):
            return False
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        link_file(found, target)
    except OSError:
        return False
    finally:
        os.close(found)
    return True
