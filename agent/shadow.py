"""What a plugin deletes the moment after reporting it, still there: a second name for every checkpoint file.

A line travels from the plugin to us in milliseconds, and a plugin may delete its folder in less. So the files
get a second name (a hard link: no bytes) before they can go. Watchdog reports each new file and it is linked at
once; only a plugin that writes, reports and deletes within about a millisecond can outrun that. Where we may
(`fanotify.py`), whoever opens a checkpoint folder waits until its files are linked as well, so that none can
outrun us that lists a folder to delete it; one that deletes by name does not.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from watchdog.events import DirCreatedEvent, DirMovedEvent, FileCreatedEvent, FileMovedEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from agent.fanotify import DirectoryOpenings

_MAX_FILES = 10_000  # of one folder; a checkpoint has a handful
_HALF = ".half"
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW  # an opening that asks nobody


@dataclass(slots=True)
class _Kept:
    """One folder's files under second names. The open descriptor keeps the folder's identity from being reused."""

    descriptor: int  # -1: the folder was deleted while no agent watched
    home: Path
    name: str

    @property
    def whole(self) -> Path:
        """Linked at one moment, when somebody opened the folder."""
        return self.home / "whole" / self.name

    @property
    def pieces(self) -> Path:
        """Linked file by file, as they appeared."""
        return self.home / "pieces" / self.name

    @property
    def best(self) -> Path:
        return self.whole if self.whole.exists() else self.pieces

    @property
    def is_deleted(self) -> bool:
        return self.descriptor < 0 or os.fstat(self.descriptor).st_nlink == 0

    def is_same(self, directory: int) -> bool:
        return self.descriptor >= 0 and os.path.samestat(os.fstat(self.descriptor), os.fstat(directory))

    def become_whole(self, half: Path) -> None:
        self.forget_whole()
        self.home.mkdir(exist_ok=True)
        half.rename(self.home / "whole")

    def forget_whole(self) -> None:
        shutil.rmtree(self.home / "whole", ignore_errors=True)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


class Shadow:
    """Second names for the files in the folders of `results`, below `keep`, which is on the same file system."""

    def __init__(self, results: Path, keep: Path) -> None:
        self._results = results
        self._keep = keep
        self._lock = threading.Lock()  # never held while a folder in results/ is opened: that waits for us
        self._numbers = count(1)
        self._directory = -1
        self._by_name: dict[str, list[_Kept]] = {}  # oldest first: a plugin may use one name again and again
        self._openings: DirectoryOpenings | None = None
        self._asked: threading.Thread | None = None
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        """Begin; call it before the plugin starts. Where neither way works nothing is watched.

        What an agent that died has left in `keep` is still known. Started again, it looks at `results` anew.
        """
        self.stop(forget=False)
        self._keep.mkdir(parents=True, exist_ok=True)
        self._find_kept()
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        self._directory = os.open(self._results, flags)  # opened before openings ask us
        try:
            self._openings = DirectoryOpenings(self._results)
        except OSError:  # the kernel or our rights forbid
            self._openings = None
        else:
            self._asked = threading.Thread(target=self._answer, name="shadow", daemon=True)
            self._asked.start()
        # Watchdog warns of a folder that was deleted and made anew before it looked; it then watches the new one.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        with suppress(OSError):  # the user's number of inotify instances is used up
            self._observer = Observer()
            self._observer.schedule(_NewFiles(self), str(self._results), recursive=True)
            self._observer.start()

    def stop(self, *, forget: bool = True) -> None:
        """End the watch; with `forget`, delete the second names."""
        if self._openings is not None and self._asked is not None:
            self._openings.close()
            self._asked.join()
            self._openings = None
        if self._observer is not None:
            self._observer.stop()
            if self._observer.is_alive():
                self._observer.join()
            self._observer = None
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1
        for kept in (kept for several in self._by_name.values() for kept in several):
            kept.close()
        self._by_name.clear()
        if forget:
            shutil.rmtree(self._keep, ignore_errors=True)

    def deleted(self, folder: Path) -> Path | None:
        """Where the files of a reported folder are, if it was deleted since; None when it is still whole.

        Call it for each report, in their order: it forgets the oldest deleted folder of that name.
        """
        name, *deeper = folder.relative_to(self._results).parts
        live = _inodes(folder)
        with self._lock:
            several = self._by_name.get(name)
            if not several:
                return None
            oldest = several[0]
            # Being deleted right now: what is left of it is only a part of what there was.
            if not oldest.is_deleted and not live < _inodes(oldest.whole):
                return None
            several.pop(0).close()
            return oldest.best / Path(*deeper)

    def _kept(self, name: str, directory: int) -> _Kept:
        """What is kept of this folder; call it with the lock, once there is something."""
        several = self._by_name.setdefault(name, [])
        found = next((kept for kept in several if kept.is_same(directory)), None)
        if found is None:
            found = _Kept(os.dup(directory), self._keep / str(next(self._numbers)), name)
            several.append(found)
        return found

    # ---------------------------------------------------------------- before a folder is opened

    def _answer(self) -> None:
        assert self._openings is not None
        for directory, process in self._openings:
            if process != os.getpid():
                with suppress(OSError):  # gone already, or no room for a link: the opener must pass in any case
                    self._link_now(directory)

    def _link_now(self, directory: int) -> None:
        """Link what the folder holds at this moment, instead of what it held when it was seen last."""
        inode = os.fstat(directory).st_ino
        with os.scandir(self._directory) as entries:
            name = next((entry.name for entry in entries if entry.inode() == inode), None)
        if name is None:
            return
        half = self._keep / f"{next(self._numbers)}{_HALF}"
        try:
            # None when its files were deleted by name before: then the pieces are all there is.
            if _link_tree(directory, self._results / name, half / name):
                with self._lock:
                    self._kept(name, directory).become_whole(half)
        finally:
            shutil.rmtree(half, ignore_errors=True)

    # ---------------------------------------------------------------- as files appear

    def link_new(self, file: Path) -> None:
        """Give one new file its second name."""
        name, *deeper = file.relative_to(self._results).parts
        if not deeper:
            return
        with self._lock, ExitStack() as opened:
            directory = parent = _open_folder(name, self._directory, opened)
            for part in deeper[:-1]:  # one by one: a link in between may lead anywhere
                parent = _open_folder(part, parent, opened)
            if not stat.S_ISREG(os.stat(deeper[-1], dir_fd=parent, follow_symlinks=False).st_mode):
                return
            half = self._keep / f"{next(self._numbers)}{_HALF}"
            os.link(deeper[-1], half, src_dir_fd=parent, follow_symlinks=False)  # fails once it is deleted
            kept = self._kept(name, directory)
            target = kept.pieces.joinpath(*deeper)
            target.parent.mkdir(parents=True, exist_ok=True)
            if half.stat().st_ino not in _inodes(kept.whole):
                kept.forget_whole()  # somebody opened the folder before it was complete
            target.unlink(missing_ok=True)
            half.rename(target)

    def forget_name(self, file: Path) -> None:
        """A file was renamed, as those are that are written under a temporary name."""
        name, *deeper = file.relative_to(self._results).parts
        with self._lock:
            several = self._by_name.get(name)
            if deeper and several and not several[-1].is_deleted:
                several[-1].pieces.joinpath(*deeper).unlink(missing_ok=True)

    def _find_kept(self) -> None:
        """Folders linked by an agent that died, and which of them are still there."""
        for half in self._keep.glob(f"*{_HALF}"):
            shutil.rmtree(half) if half.is_dir() else half.unlink()
        numbers = sorted(int(entry.name) for entry in self._keep.iterdir() if entry.name.isdigit())
        self._numbers = count(max(numbers, default=0) + 1)
        for number in numbers:
            names = {place.name for place in (self._keep / str(number)).glob("*/*")}
            for name in names:
                kept = _Kept(-1, self._keep / str(number), name)
                linked = _inodes(kept.best)
                if not linked:  # it died before the first link
                    continue
                if not linked.isdisjoint(_inodes(self._results / name)):
                    with suppress(OSError):  # deleted at this moment
                        kept.descriptor = os.open(self._results / name, _FOLDER)
                self._by_name.setdefault(name, []).append(kept)


class _NewFiles(FileSystemEventHandler):
    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow

    def on_created(self, event: FileCreatedEvent | DirCreatedEvent) -> None:
        self._link(Path(os.fsdecode(event.src_path)))

    def on_moved(self, event: FileMovedEvent | DirMovedEvent) -> None:
        if not event.is_directory:
            with suppress(OSError, ValueError):
                self._shadow.forget_name(Path(os.fsdecode(event.src_path)))
        self._link(Path(os.fsdecode(event.dest_path)))

    def _link(self, path: Path) -> None:
        with suppress(OSError, ValueError):
            for file in path.rglob("*") if path.is_dir() else (path,):
                if file.is_file() and not file.is_symlink():
                    self._shadow.link_new(file)


def _open_folder(name: str, parent: int, opened: ExitStack) -> int:
    folder = os.open(name, _FOLDER, dir_fd=parent)
    opened.callback(os.close, folder)
    return folder


def _link_tree(directory: int, folder: Path, place: Path) -> int:
    """Link the files of `folder`, deeper ones too, below `place`; give their number.

    `directory` is the folder, open: listing it through a path would ask ourselves. But links are made by path, for
    the descriptor belongs to the plugin's mount, and the kernel links within one mount only.
    """
    linked = 0
    place.mkdir(parents=True)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                deeper = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
                try:
                    linked += _link_tree(deeper, folder / entry.name, place / entry.name)
                finally:
                    os.close(deeper)
            elif entry.is_file(follow_symlinks=False) and linked < _MAX_FILES:
                os.link(folder / entry.name, place / entry.name, follow_symlinks=False)
                linked += 1
    return linked


def _inodes(folder: Path) -> set[int]:
    found: set[int] = set()
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                found.add((Path(place) / name).lstat().st_ino)
    return found
