"""Which folders of `results/` have second names, and which of them a report means.

A plugin may use one name again and again, by deleting the folder or by renaming it, with a report for each or for some
of them. A report comes a moment later than it was printed. So a folder that went a moment ago is what the report means,
unless its files were taken over before; a folder that went long ago, without a report, is not.

The owner holds a lock during each call.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

from agent.checkpoints.second_names import HALF, SecondNames, Seen
from agent.fs.beneath import OpenFolder, open_beneath
from agent.fs.disk import entries_below, remove_tree
from agent.fs.names import read_number

MOST_OPEN = 64  # folders that exist and have second names; more are deleted at once by nobody
MOST_DELETED = 1024  # folders that were deleted and not reported yet
LATEST_S = 5.0  # a line is read within this time, unless no agent ran
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC  # an opening that asks nobody


class KeptFolders:
    """The second names below `keep`. `throw_away` gets the folders in it that are to be deleted."""

    def __init__(self, keep: Path, throw_away: Callable[[Path], object]) -> None:
        self._keep = keep
        self._delete = throw_away
        self._numbers = count(1)
        self._since = time.time()
        self._by_name: dict[str, list[SecondNames]] = {}  # oldest first
        self._existing: list[SecondNames] = []  # those with a descriptor, oldest first
        self._deleted: list[SecondNames] = []  # oldest first

    def new_place(self, suffix: str = "") -> Path:
        return self._keep / f"{next(self._numbers)}{suffix}"

    def known(self, name: str, directory: int) -> SecondNames | None:
        """The second names of an open folder, which has or had this name, and perhaps others."""
        status = os.fstat(directory)
        found = next((kept for kept in self._existing if kept.is_same(status)), None)
        if found is not None and name not in found.names:
            found.names.add(name)
            self._by_name.setdefault(name, []).append(found)
        return found

    def keep(self, name: str, directory: int) -> SecondNames:
        """The same, made if need be. Raises OSError."""
        if (found := self.known(name, directory)) is not None:
            return found
        self._make_room()
        made = SecondNames(os.dup(directory), self.new_place(), name)
        self._add(made)
        return made

    def meant(self, name: str, current: os.stat_result | None, present: frozenset[int]) -> SecondNames | None:
        """The second names that a report of this name means; None: it means the folder that has the name now.

        `current` is the status of that folder, `present` are the inodes of the files in it. What is given is known no
        more; nor is what went before it.
        """
        several = list(self._by_name.get(name, ()))
        here = next((kept for kept in several if kept.is_same(current)), None)
        gone = [kept for kept in several if kept is not here and not kept.is_empty]
        fresh = [kept for kept in gone if not kept.is_taken and not self._is_old(kept)]
        meant = None
        if fresh:
            meant = fresh[0]
        elif here is not None and here.holds_more(present):
            meant = here  # it is being deleted right now, or it has been and is being written again
        elif not present and gone:
            meant = gone[-1]
        for kept in several:
            if kept is meant:
                break
            if kept is not here:
                self._forget_name(kept, name)
        if meant is not None:
            self._forget(meant)
            meant.close()
        return meant

    def _is_old(self, kept: SecondNames) -> bool:
        """Whether a folder went so long ago that its report would have been read. Nobody read before we were there."""
        return self._since < kept.left_at() < time.time() - LATEST_S

    def take(self, name: str, directory: int, files: frozenset[Seen]) -> None:
        """The files of an open folder were taken over: its second names are needed no more, as long as it is so."""
        kept = self.keep(name, directory)
        self.throw_away(kept.home)
        kept.take(name, files, self.new_place())

    def throw_away(self, home: Path) -> None:
        """Renamed first, so that the next agent does not take it for a folder that is still to be reported."""
        gone = home.with_name(f"{home.name}{HALF}")
        with suppress(OSError):
            home.rename(gone)
            self._delete(gone)

    def last(self, name: str) -> SecondNames | None:
        """The newest folder of this name."""
        several = self._by_name.get(name)
        return several[-1] if several else None

    def close(self) -> None:
        """Let go of the folders."""
        for kept in self._existing:
            kept.close()

    def find(self, results: OpenFolder) -> None:
        """Know again the folders that an agent linked before it died, and which of them still exist."""
        for half in self._keep.glob(f"*{HALF}"):
            remove_tree(half)
        found = (read_number(entry.name) for entry in self._keep.iterdir())
        numbers = sorted(number for number in found if number is not None)
        self._numbers = count(max(numbers, default=0) + 1)
        known = [kept for number in numbers for kept in SecondNames.found(self._keep / str(number))]
        names = [kept.name for kept in known] + results.names()[: 4 * MOST_OPEN]  # one may have another name now
        existing = _existing(results, dict.fromkeys(names))
        for kept in known:
            with suppress(OSError):  # deleted at this moment
                name = next((name for name, inodes in existing.items() if kept.belongs_to(inodes)), None)
                if name is not None:
                    kept.opened(open_beneath(results.descriptor, name, FOLDER), name)
            if kept.descriptor >= 0 or not kept.is_taken:
                self._add(kept)
            else:
                shutil.rmtree(kept.home, ignore_errors=True)

    # ---------------------------------------------------------------- the lists

    def _add(self, kept: SecondNames) -> None:
        for name in kept.names:
            self._by_name.setdefault(name, []).append(kept)
        (self._existing if kept.descriptor >= 0 else self._deleted).append(kept)

    def _make_room(self) -> None:
        """Let go of a folder that was taken over, else of that which has existed for longest; of the first deleted."""
        if len(self._existing) >= MOST_OPEN:
            self._deleted += [kept for kept in self._existing if kept.is_deleted]
            self._existing = [kept for kept in self._existing if kept.descriptor >= 0]
        dispensable = sorted(self._existing, key=lambda kept: not kept.is_taken)
        given_up = dispensable[: max(0, len(self._existing) - MOST_OPEN + 1)]
        given_up += self._deleted[: max(0, len(self._deleted) - MOST_DELETED)]
        given_up += [kept for kept in self._deleted if kept.is_taken and kept not in given_up]
        for kept in given_up:
            self._remove(kept)

    def _remove(self, kept: SecondNames) -> None:
        self._forget(kept)
        kept.close()
        self.throw_away(kept.home)

    def _forget(self, kept: SecondNames) -> None:
        for name in list(kept.names):
            self._drop(kept, name)
        for group in (self._existing, self._deleted):
            if kept in group:
                group.remove(kept)

    def _forget_name(self, kept: SecondNames, name: str) -> None:
        """The folder does not have this name any more; without another name it is needed no more."""
        self._drop(kept, name)
        if not kept.names or kept.is_deleted:
            self._remove(kept)

    def _drop(self, kept: SecondNames, name: str) -> None:
        kept.names.discard(name)
        several = self._by_name[name]
        several.remove(kept)
        if not several:
            del self._by_name[name]


def _existing(results: OpenFolder, names: Iterable[str]) -> dict[str, tuple[int, frozenset[int]]]:
    """The inode of each folder that exists, and the inodes of its files."""
    found = {}
    for name in names:
        with suppress(OSError):
            status = os.stat(name, dir_fd=results.descriptor, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                below = entries_below(results.path / name)
                files = frozenset(status.st_ino for _, status in below if not stat.S_ISDIR(status.st_mode))
                found[name] = (status.st_ino, files)
    return found
