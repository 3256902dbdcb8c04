"""Linux's fanotify, as little of it as we need: be asked before a directory is opened.

Whoever deletes a folder lists it first, and listing means opening: the kernel lets the opener wait until we
answer. Needs CAP_SYS_ADMIN and a kernel with access permissions (fanotify(7)); works across containers, for
what is marked is the directory itself, not a path.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_CLASS_CONTENT, _CLOEXEC = 0x04, 0x01
_MARK_ADD = 0x01
_OPEN_PERM, _EVENT_ON_CHILD, _ONDIR = 0x00010000, 0x08000000, 0x40000000
_AT_FDCWD = -100
_ALLOW = 1
_EVENT = struct.Struct("=IBBHQii")  # length, version, reserved, header length, mask, descriptor, process
_ANSWER = struct.Struct("=iI")


class DirectoryOpenings:
    """Openings of the directories directly in `folder`. Raises OSError where the kernel or our rights forbid."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]
        self._fd = libc.fanotify_init(_CLASS_CONTENT | _CLOEXEC, os.O_RDONLY | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "fanotify_init")
        mask = _OPEN_PERM | _EVENT_ON_CHILD | _ONDIR
        if libc.fanotify_mark(self._fd, _MARK_ADD, mask, _AT_FDCWD, os.fsencode(folder)) != 0:
            error = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(error, "fanotify_mark")
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (descriptor, process) of each directory about to be opened; its opener waits until the next step.

        The descriptor is closed then. Ends when `close` is called. Reading the directory through the
        descriptor asks nobody; opening it again, in this process too, would wait for ourselves.
        """
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        waiting.register(self._closing, select.POLLIN)
        while all(fd != self._closing for fd, _ in waiting.poll()):
            data = os.read(self._fd, 4096)
            place = 0
            while place < len(data):
                length, _, _, _, _, directory, process = _EVENT.unpack_from(data, place)
                place += length
                if directory < 0:  # the queue overflowed
                    continue
                try:
                    yield directory, process
                finally:
                    with suppress(OSError):
                        os.write(self._fd, _ANSWER.pack(directory, _ALLOW))
                    os.close(directory)

        os.close(self._fd)  # whoever waits still is let through by the kernel
        os.close(self._closing)

    def close(self) -> None:
        """End the iteration; everybody passes from then on. Call it once."""
        os.eventfd_write(self._closing, 1)
