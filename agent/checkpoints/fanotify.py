"""Linux's fanotify, as little of it as we need: be asked before a directory is opened.

Whoever deletes a folder lists it first, and listing means opening: the kernel lets the opener wait until we
answer. Needs CAP_SYS_ADMIN and a kernel with access permissions (fanotify(7)); works across containers, for
what is marked is the directory itself, not a path.

An opener waits for as long as we hold the kernel's queue and do not answer. So the queue is closed whatever ends the
iteration, and by `release` where an answer takes too long; the kernel lets every opener pass then.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

_CLASS_CONTENT, _CLOEXEC = 0x04, 0x01
_MARK_ADD = 0x01
_OPEN_PERM, _EVENT_ON_CHILD, _ONDIR = 0x00010000, 0x08000000, 0x40000000
_ALLOW = 1
_EVENT = struct.Struct("=IBBHQii")  # length, version, reserved, header length, mask, descriptor, process
_ANSWER = struct.Struct("=iI")


class DirectoryOpenings:
    """Openings of the directories directly in an open folder. Raises OSError where the kernel or our rights forbid."""

    def __init__(self, folder: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]
        self._lock = threading.Lock()  # of the descriptors, whose numbers may be used again once they are closed
        self._asked_at: float | None = None
        self._queue = libc.fanotify_init(_CLASS_CONTENT | _CLOEXEC, os.O_RDONLY | os.O_CLOEXEC)
        if self._queue < 0:
            raise OSError(ctypes.get_errno(), "fanotify_init")
        mask = _OPEN_PERM | _EVENT_ON_CHILD | _ONDIR
        try:
            if libc.fanotify_mark(self._queue, _MARK_ADD, mask, folder, None) != 0:
                raise OSError(ctypes.get_errno(), "fanotify_mark")
            self._closing = os.eventfd(0, os.EFD_CLOEXEC)
        except OSError:
            os.close(self._queue)
            raise
        self._spare = -1
        self._reserve()

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (descriptor, process) of each directory about to be opened; its opener waits until the next step.

        The descriptor is closed then. Ends when `close` is called. Reading the directory through the
        descriptor asks nobody; opening it again, in this process too, would wait for ourselves. Raises OSError.
        """
        waiting = select.poll()
        waiting.register(self._queue, select.POLLIN)
        waiting.register(self._closing, select.POLLIN)
        try:
            while all(fd != self._closing for fd, _ in waiting.poll()):
                if self._spare >= 0:
                    os.close(self._spare)
                    self._spare = -1
                # One at a time: each event comes with a descriptor of its own.
                _, _, _, _, _, directory, process = _EVENT.unpack(os.read(self._queue, _EVENT.size))
                if directory >= 0:  # else the queue overflowed
                    self._asked_at = time.monotonic()
                    try:
                        yield directory, process
                    finally:
                        self._asked_at = None
                        self._allow(directory)
                        os.close(directory)
                self._reserve()
        finally:
            self.release()
            with self._lock:
                for descriptor in (self._closing, self._spare):
                    if descriptor >= 0:
                        os.close(descriptor)
                self._closing = self._spare = -1

    @property
    def waiting_s(self) -> float:
        """For how long the opener of the directory that was yielded last has been waiting."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else time.monotonic() - asked_at

    def close(self) -> None:
        """End the iteration; everybody passes from then on."""
        with self._lock:
            if self._closing >= 0:
                os.eventfd_write(self._closing, 1)

    def release(self) -> None:
        """Let every opener pass, at once and from now on. For any thread, while the iteration's own is busy or over."""
        with self._lock:
            queue, self._queue = self._queue, -1
            if queue >= 0:
                os.close(queue)

    def _reserve(self) -> None:
        """Hold a descriptor's place for the kernel: an opening for which it has no descriptor is refused."""
        with suppress(OSError):
            self._spare = os.dup(self._closing)

    def _allow(self, directory: int) -> None:
        with self._lock, suppress(OSError):
            if self._queue >= 0:
                os.write(self._queue, _ANSWER.pack(directory, _ALLOW))
