"""What a plugin deletes the moment after reporting it, still there: a second name for every checkpoint file.

A line travels from the plugin to us in milliseconds, and a plugin may delete its folder in less. So the files
get a second name (a hard link: no bytes) before they can go. Where we may (`fanotify.py`), whoever opens a
checkpoint folder waits until its files are linked, and nobody deletes a folder without opening it. Elsewhere
watchdog reports each new file and it is linked at once; only a plugin that writes, reports and deletes within
about a millisecond can outrun that.
"""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import DirCreatedEvent, DirMovedEvent, FileCreatedEvent, FileMovedEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from agent.fanotify import DirectoryOpenings

_MAX_FILES = 10_000  # of one folder; a checkpoint has a handful


@dataclass(frozen=True, slots=True)
class _Kept:
    """One folder's files under second names. The open descriptor keeps the folder's identity from being reused."""

    descriptor: int  # -1: the folder was deleted while no agent watched
    place: Path

    @property
    def is_deleted(self) -> bool:
        return self.descriptor < 0 or os.fstat(self.descriptor).st_nlink == 0

    def is_same(self, directory: int) -> bool:
        return self.descriptor >= 0 and os.path.samestat(os.fstat(self.descriptor), os.fstat(directory))

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


class Shadow:
    """Second names for the files in the folders of `results`, below `keep`, which is on the same file system."""

    def __init__(self, results: Path, keep: Path) -> None:
        self._results = results
        self._keep = keep
        self._lock = threading.Lock()  # never held while a folder in results/ is opened: that waits for us
        self._made = 0
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
        self._directory = os.open(self._results, os.O_RDONLY | os.O_DIRECTORY)  # opened before openings ask us
        try:
            self._openings = DirectoryOpenings(self._results)
        except OSError:
            with suppress(OSError):  # the user's number of inotify instances is used up
                self._observer = Observer()
                self._observer.schedule(_NewFiles(self), str(self._results), recursive=True)
                self._observer.start()
        else:
            self._asked = threading.Thread(target=self._answer, name="shadow", daemon=True)
            self._asked.start()

    def stop(self, *, forget: bool = True) -> None:
        """End the watch; with `forget`, delete the second names."""
        if self._openings is not None and self._asked is not None:
            self._openings.close()
            self._asked.join()
            self._openings = None
        elif self._observer is not None:
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
            linked = _inodes(oldest.place)
            # Being deleted right now: what is left of it is only a part of what there was.
            if not oldest.is_deleted and not (self._openings and live < linked):
                return None
            several.pop(0).close()
            return oldest.place / Path(*deeper)

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
        place = self._new_place(name)
        try:
            count = _link_tree(directory, self._results / name, place)
        except OSError:
            shutil.rmtree(place.parent, ignore_errors=True)
            raise
        with self._lock:
            several = self._by_name.setdefault(name, [])
            if several and several[-1].is_same(directory):
                before = several.pop()
                before.close()
                shutil.rmtree(before.place.parent, ignore_errors=True)
            if count:
                several.append(_Kept(os.dup(directory), place))

    # ---------------------------------------------------------------- as files appear

    def link_new(self, file: Path) -> None:
        """Give one new file its second name."""
        name, *deeper = file.relative_to(self._results).parts
        if not deeper or not file.resolve().is_relative_to(self._results.resolve()):
            return
        directory = os.open(self._results / name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        with self._lock:
            several = self._by_name.setdefault(name, [])
            if several and several[-1].is_same(directory):
                os.close(directory)
            else:
                several.append(_Kept(directory, self._new_place(name)))
            target = several[-1].place.joinpath(*deeper)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.link(file, target, follow_symlinks=False)

    def _new_place(self, name: str) -> Path:
        self._made += 1
        return self._keep / str(self._made) / name

    def _find_kept(self) -> None:
        """Folders linked by an agent that died, and which of them are still there."""
        numbers = sorted(int(entry.name) for entry in self._keep.iterdir() if entry.name.isdigit())
        self._made = max(numbers, default=0)
        for number in numbers:
            for place in (self._keep / str(number)).iterdir():
                descriptor = -1
                if not _inodes(place).isdisjoint(_inodes(self._results / place.name)):
                    with suppress(OSError):  # deleted at this moment
                        flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
                        descriptor = os.open(self._results / place.name, flags)
                self._by_name.setdefault(place.name, []).append(_Kept(descriptor, place))


class _NewFiles(FileSystemEventHandler):
    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow

    def on_created(self, event: FileCreatedEvent | DirCreatedEvent) -> None:
        self._link(Path(os.fsdecode(event.src_path)))

    def on_moved(self, event: FileMovedEvent | DirMovedEvent) -> None:
        self._link(Path(os.fsdecode(event.dest_path)))

    def _link(self, path: Path) -> None:
        with suppress(OSError, ValueError):
            for file in path.rglob("*") if path.is_dir() else (path,):
                if file.is_file() and not file.is_symlink():
                    self._shadow.link_new(file)


def _link_tree(directory: int, folder: Path, place: Path) -> int:
    """Link the files of `folder`, deeper ones too, below `place`; give their number.

    `directory` is the folder, open: listing it through a path would ask ourselves. But links are made by path, for
    the descriptor belongs to the plugin's mount, and the kernel links within one mount only.
    """
    count = 0
    place.mkdir(parents=True)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                deeper = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
                try:
                    count += _link_tree(deeper, folder / entry.name, place / entry.name)
                finally:
                    os.close(deeper)
            elif entry.is_file(follow_symlinks=False) and count < _MAX_FILES:
                os.link(folder / entry.name, place / entry.name, follow_symlinks=False)
                count += 1
    return count


def _inodes(folder: Path) -> set[int]:
    found: set[int] = set()
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                found.add((Path(place) / name).lstat().st_ino)
    return found
