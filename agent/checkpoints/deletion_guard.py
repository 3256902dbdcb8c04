"""Keeps the files of a checkpoint that a plugin deletes the moment after reporting it: each gets a second name.

A line takes milliseconds from the plugin to us, and a plugin may delete its folder in less. So each file gets a second
name, a hard link, which costs no bytes, before it can go. Inotify reports a new file, and it is linked at once; a
plugin that writes, reports and deletes within about a millisecond is faster than that. Where the kernel and our rights
allow it (`fanotify.py`), a process that opens a checkpoint folder waits until the files in it are linked. Then a plugin
that lists its folder to delete it is never faster; a plugin that deletes file by file, by name, still may be.

Whatever the plugin does, the guard takes a bounded number of descriptors, watches and folders and a bounded share of
the processor, and nobody waits for it for more than `PATIENCE_S`: where it is slower or dies, the kernel lets everybody
pass, and the plugin goes on without a guard.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

from agent.checkpoints.fanotify import DirectoryOpenings
from agent.checkpoints.inotify import Change, NewNames
from agent.checkpoints.kept_folders import FOLDER, KeptFolders
from agent.checkpoints.second_names import HALF, WHOLE, Seen, files_in, seen_in
from agent.formats.archive import DEFAULT_LIMITS
from agent.formats.survey import Survey
from agent.fs.beneath import OpenFolder, open_beneath, open_folder, same_file, walk
from agent.fs.disk import entries_below

PATIENCE_S = 2.0  # how long a process that opens a folder may wait for us
MOST_WATCHES = 256
_SHARE, _BURST_S = 0.25, 2.0  # of a processor, for each of the two threads
_STOP_S = 5.0

log = logging.getLogger("agent")


class DeletionGuard:
    """Gives the files in the folders of `results` second names below `keep`, which is on the same file system."""

    def __init__(self, results: Path, keep: Path) -> None:
        self._results = results
        self._keep = keep
        self._lock = threading.Lock()  # never held while a folder in results/ is opened: that waits for us
        self._folder: OpenFolder | None = None
        self._homes: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._kept = KeptFolders(keep, self._homes.put)
        self._openings: DirectoryOpenings | None = None
        self._new_names: NewNames | None = None
        self._watches: OrderedDict[int, str] = OrderedDict()  # places below results/
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin; call it before the plugin starts. Where neither way works, nothing is watched.

        Files that an agent kept before it died are known again. A second start begins from `results` as it is then.
        """
        self.stop(forget=False)
        self._ended = threading.Event()
        self._homes = queue.SimpleQueue()
        self._kept = KeptFolders(self._keep, self._homes.put)
        self._keep.mkdir(parents=True, exist_ok=True)
        self._folder = open_folder(self._results)  # opened before openings ask us
        self._kept.find(self._folder)
        # Not waited for at the end: what it has not deleted by then goes with the rest, or when the next agent starts.
        threading.Thread(target=self._tidy, args=(self._homes,), name="deletion-guard-tidy", daemon=True).start()
        with suppress(OSError):  # the user's inotify instances are used up
            self._new_names = NewNames()
            self._watch_existing(self._new_names, self._folder)
            self._begin("new-files", self._link_new_files, self._new_names, self._folder)
        with suppress(OSError):  # the kernel or our rights forbid
            self._openings = DirectoryOpenings(self._folder.descriptor)
            self._begin("openings", self._answer, self._openings, self._folder)
            self._begin("patience", self._watch_over, self._openings, self._ended)

    def _begin(self, name: str, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name=f"deletion-guard-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, *, forget: bool = True) -> None:
        """End the watch within seconds, whatever hangs; with `forget`, delete the second names."""
        self._ended.set()
        self._homes.put(None)
        for source in (self._openings, self._new_names):
            if source is not None:
                source.close()
        until = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if self._openings is not None:
            self._openings.release()
        if hung := [thread.name for thread in self._threads if thread.is_alive()]:
            log.warning("%s of %s did not end; its folders stay open", ", ".join(hung), self._results)
        else:
            if self._folder is not None:
                self._folder.close()
            self._kept.close()
        self._openings = self._new_names = self._folder = None
        self._threads = []
        self._kept = KeptFolders(self._keep, self._homes.put)
        self._watches = OrderedDict()
        if forget:
            shutil.rmtree(self._keep, ignore_errors=True)

    def deleted(self, folder: Path, present: frozenset[int] | None = None) -> Path | None:
        """The folder that holds the files of a reported folder, if that has gone since; None when it is still whole.

        `present` are the inodes of the files that are in the folder now, for a caller who has looked. Call it for each
        report, in their order: it forgets what it gives. `settle` deletes that.
        """
        name, *deeper = folder.relative_to(self._results).parts
        if present is None:
            present = _inodes(folder)
        with ExitStack() as opened:
            directory = self._open_now(name, opened)
            current = None if directory is None else os.fstat(directory)
            with self._lock:
                meant = self._kept.meant(name, current, present)
        return None if meant is None else meant.best() / Path(*deeper)

    def is_whole(self, rescued: Path) -> bool:
        """Whether a folder that `deleted` gave holds all files that were there at one moment."""
        return rescued.relative_to(self._keep).parts[1] == WHOLE

    def settle(self, folder: Path, rescued: Path | None, taken: Survey | None = None) -> None:
        """A reported folder has been taken over: its second names, or those that `deleted` gave, are needed no more.

        `taken`: what was taken. As long as nothing else is in the folder, no report will mean it again.
        """
        if rescued is not None:
            with self._lock:
                self._kept.throw_away(self._keep / rescued.relative_to(self._keep).parts[0])
            return
        files = () if taken is None else (file for file in taken.files if not file.is_folder)
        seen = frozenset(Seen(file.inode, file.size_bytes, file.mtime_ns) for file in files)
        with ExitStack() as opened, suppress(OSError):  # no room for a note of it
            name = folder.relative_to(self._results).parts[0]
            if (directory := self._open_now(name, opened)) is not None:
                with self._lock:
                    self._kept.take(name, directory, seen)

    def _open_now(self, name: str, opened: ExitStack) -> int | None:
        """The folder that has this name now; None where nothing is watched, or no folder has it."""
        with suppress(OSError):
            return None if self._folder is None else _open_folder(self._folder.descriptor, name, opened)
        return None

    def _tidy(self, homes: queue.SimpleQueue[Path | None]) -> None:
        """Delete second names that are needed no more: beside the others, because nobody is to wait for that."""
        while (home := homes.get()) is not None:
            shutil.rmtree(home, ignore_errors=True)

    # ---------------------------------------------------------------- before a folder is opened

    def _answer(self, openings: DirectoryOpenings, results: OpenFolder) -> None:
        budget = _Budget()
        with ExitStack() as at_the_end:
            at_the_end.callback(openings.release)  # whatever ends this thread: nobody waits for an answer any more
            try:
                for directory, process in openings:
                    if process != os.getpid() and budget.has_time():
                        with suppress(OSError):  # gone already, or no room for a link: the process must go on
                            self._link_now(directory, results)
            except Exception:  # a fault of ours or of the kernel is no reason to stop a plugin
                log.exception("the folders of %s are no longer guarded against being deleted at once", self._results)

    def _watch_over(self, openings: DirectoryOpenings, ended: threading.Event) -> None:
        """Let the plugin go on when an answer takes too long, as on a disk that hangs."""
        while not ended.wait(PATIENCE_S / 4):
            if openings.waiting_s > PATIENCE_S:
                openings.release()
                log.warning("linking in %s took too long; its folders are no longer guarded", self._results)
                return

    def _link_now(self, directory: int, results: OpenFolder) -> None:
        """Link the files that the folder holds at this moment, instead of those it held when it was seen last.

        It is listed by the plugin's descriptor, because opening it again would ask ourselves; its files are linked by
        ours, because the kernel links only within one mount.
        """
        name = Path(same_file(directory)).readlink().name
        with ExitStack() as opened:
            own = _open_folder(results.descriptor, name, opened)
            if not os.path.samestat(os.fstat(own), os.fstat(directory)):
                return
            with self._lock:
                known = self._kept.known(name, own)
                if known is not None and not known.is_due():
                    return
            started = time.monotonic()
            present = files_in(directory)
            if not present:  # its files were deleted by name before: then only the pieces are left
                return
            with self._lock:
                if known is not None and known.is_taken and known.is_as_taken(seen_in(own, present)):
                    return
                half = self._kept.new_place(HALF)
            try:
                with self._lock:
                    self._kept.keep(name, own).take_whole(present, own, half, time.monotonic() - started)
            finally:
                shutil.rmtree(half, ignore_errors=True)

    # ---------------------------------------------------------------- as files appear

    def _link_new_files(self, new_names: NewNames, results: OpenFolder) -> None:
        budget = _Budget()
        try:
            for change in new_names:
                while not budget.has_time() and not self._ended.wait(0.05):
                    pass
                with suppress(OSError, ValueError):  # gone already
                    self._take_change(change, new_names, results)
        except Exception:
            log.exception("new files in %s are no longer linked", self._results)

    def _take_change(self, change: Change, new_names: NewNames, results: OpenFolder) -> None:
        if not change.name:
            self._watches.pop(change.watch, None)
            return
        above = self._watches.get(change.watch)
        if above is None:
            return
        place = f"{above}/{change.name}" if above else change.name
        if change.has_left:
            if not change.is_folder:
                self.forget_name(place)
        elif change.is_folder:
            self._watch(place, new_names, results)
            with results.folder(place) as folder:
                for entry in islice(walk(folder), MOST_WATCHES):  # with the first file, all files are linked
                    if isinstance(entry.status, OSError):
                        continue
                    with suppress(OSError):
                        if stat.S_ISDIR(entry.status.st_mode):
                            self._watch(f"{place}/{entry.place}", new_names, results)
                        else:
                            self.link_new(f"{place}/{entry.place}", results)
        else:
            self.link_new(place, results)

    def _watch(self, place: str, new_names: NewNames, results: OpenFolder) -> None:
        if place.count("/") >= DEFAULT_LIMITS.depth:
            return
        with ExitStack() as opened:
            number = new_names.watch(_open_folder(results.descriptor, place, opened))
        self._watches[number] = place
        self._watches.move_to_end(number)
        while len(self._watches) > MOST_WATCHES:
            oldest = next(number for number, place in self._watches.items() if place)
            new_names.unwatch(oldest)
            del self._watches[oldest]

    def _watch_existing(self, new_names: NewNames, results: OpenFolder) -> None:
        self._watches[new_names.watch(results.descriptor)] = ""
        for entry in walk(results):
            if len(self._watches) >= MOST_WATCHES:
                return
            if not isinstance(entry.status, OSError) and stat.S_ISDIR(entry.status.st_mode):
                with suppress(OSError):
                    self._watch(entry.place, new_names, results)

    def link_new(self, place: str, results: OpenFolder) -> None:
        """Give a new file its second name; with the first file of a folder, all files in it. Raises OSError."""
        name, _, deeper = place.partition("/")
        if not deeper or deeper.count("/") > DEFAULT_LIMITS.depth:
            return
        with ExitStack() as opened:
            own = _open_folder(results.descriptor, name, opened)
            with self._lock:
                known = self._kept.known(name, own)
            others = {}
            if known is None or known.is_taken:
                with results.folder(name) as folder:
                    others = files_in(folder.descriptor)
            with self._lock:
                if known is not None and known.is_taken and known.is_as_taken(seen_in(own, others)):
                    return
                kept = self._kept.keep(name, own)
                kept.take_piece(deeper, own)
                for other in others:
                    with suppress(OSError):
                        kept.take_piece(other, own)

    def forget_name(self, place: str) -> None:
        """Forget the old name of a renamed file."""
        name, _, deeper = place.partition("/")
        with self._lock:
            kept = self._kept.last(name)
            if deeper and kept is not None and not kept.is_deleted:
                kept.forget_name(deeper)


class _Budget:
    """A thread's share of a processor: so much at once, and so much in the long run."""

    def __init__(self) -> None:
        self._left_s = _BURST_S
        self._at, self._used = time.monotonic(), time.thread_time()

    def has_time(self) -> bool:
        """Whether the thread may go on working now. Call it in the thread itself."""
        at, used = time.monotonic(), time.thread_time()
        self._left_s = min(_BURST_S, self._left_s + _SHARE * (at - self._at)) - (used - self._used)
        self._at, self._used = at, used
        return self._left_s > 0


def _open_folder(folder: int, name: str, opened: ExitStack) -> int:
    descriptor = open_beneath(folder, name, FOLDER)
    opened.callback(os.close, descriptor)
    return descriptor


def _inodes(folder: Path) -> frozenset[int]:
    return frozenset(status.st_ino for _, status in entries_below(folder) if not stat.S_ISDIR(status.st_mode))
