"""Linux's inotify, as little of it as we need: hear of names that appear in folders.

Watchdog watches every folder below another by its path, without a bound, and all observers of a process share a queue.
Here each queue has folders of its own, watched by their descriptors, and its owner decides how many.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from typing import NamedTuple

from agent.fs.beneath import same_file

_MOVED_FROM, _MOVED_TO, _CREATE, _IGNORED = 0x40, 0x80, 0x100, 0x8000
_ONLYDIR, _ISDIR = 0x01000000, 0x40000000
_HEADER = struct.Struct("=iIII")  # watch, mask, cookie, length of the name


class Change(NamedTuple):
    """A name that came into a watched folder, or left it under another; an empty name: the watch has ended."""

    watch: int
    name: str
    is_folder: bool
    has_left: bool


class NewNames:
    """Names that appear in the folders it watches. Raises OSError where the user's inotify instances are used up."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._queue = self._libc.inotify_init1(os.O_CLOEXEC)
        if self._queue < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._lock = threading.Lock()  # of the next descriptor, whose number may be used again once it is closed
        try:
            self._closing = os.eventfd(0, os.EFD_CLOEXEC)
        except OSError:
            os.close(self._queue)
            raise

    def watch(self, folder: int) -> int:
        """Watch an open folder; gives the number of the watch, the same for the same folder. Raises OSError."""
        mask = ctypes.c_uint32(_CREATE | _MOVED_TO | _MOVED_FROM | _ONLYDIR)
        number: int = self._libc.inotify_add_watch(self._queue, same_file(folder).encode(), mask)
        if number < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        return number

    def unwatch(self, number: int) -> None:
        """End a watch, if it has not ended by itself."""
        self._libc.inotify_rm_watch(self._queue, number)

    def __iter__(self) -> Iterator[Change]:
        """Yield changes in their order; some are missing when there were too many. Ends when `close` is called."""
        waiting = select.poll()
        waiting.register(self._queue, select.POLLIN)
        waiting.register(self._closing, select.POLLIN)
        try:
            while all(fd != self._closing for fd, _ in waiting.poll()):
                data = os.read(self._queue, 1 << 16)
                place = 0
                while place < len(data):
                    watch, mask, _, length = _HEADER.unpack_from(data, place)
                    place += _HEADER.size
                    name = os.fsdecode(data[place : place + length].rstrip(b"\0"))
                    place += length
                    if watch >= 0 and (name or mask & _IGNORED):
                        yield Change(watch, name, bool(mask & _ISDIR), bool(mask & _MOVED_FROM))
        finally:
            os.close(self._queue)
            with self._lock:
                os.close(self._closing)
                self._closing = -1

    def close(self) -> None:
        """End the iteration."""
        with self._lock:
            if self._closing >= 0:
                os.eventfd_write(self._closing, 1)
