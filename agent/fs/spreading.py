"""Folders that have nothing to do with each other, and the file systems that like to be told."""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602  # Linux: FS_IOC_GETFLAGS, FS_IOC_SETFLAGS
_TOP_FOLDER = 0x00020000  # FS_TOPDIR_FL, as `chattr +T`


def spread(folder: Path) -> None:
    """Let each folder that is made in this one begin at a place of its own on the disk, where that can be said.

    ext4 keeps a folder near the one above it, and gives no number of a file that was deleted in the last minute or five
    to a new one: it looks at each of them for every file that is made nearby. Ten thousand files after the deletion of
    as many take twenty times as long.
    """
    with suppress(OSError):  # another file system, or another user's folder
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            (flags,) = struct.unpack_from("i", fcntl.ioctl(opened, _GET_FLAGS, bytes(8)))
            if not flags & _TOP_FOLDER:
                fcntl.ioctl(opened, _SET_FLAGS, struct.pack("ii", flags | _TOP_FOLDER, 0))
        finally:
            os.close(opened)
