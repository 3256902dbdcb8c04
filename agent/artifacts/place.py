"""Make a file appear elsewhere with as little copying as the file system allows."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from agent.artifacts import PlaceMethod

_FICLONE = 0x40049409  # Linux: share all blocks, copy on write (btrfs, XFS, bcachefs, some overlays)
_REFLINK_REFUSED = frozenset({errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM})
_LINK_REFUSED = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES, errno.ENOSYS})


class Placer:
    """Places files and remembers which pairs of file systems cannot share blocks."""

    def __init__(self) -> None:
        self._no_reflink: set[tuple[int, int]] = set()
        self._linked_into = ""  # the folder into which the last file was linked

    def place(
        self, source: Path, dest: Path, *, may_link: bool, before_copy: Callable[[], object] = lambda: None
    ) -> PlaceMethod:
        """reflink, else hardlink where allowed, else copy. A copy can be written to by its owner.

        `before_copy` is called when the bytes have to be written again. Raises what it raises, OSError,
        FileExistsError among them; then `dest` is as it was.
        """
        if self._reflink(source, dest):
            return "reflink"
        if may_link and _hardlink(source, dest):
            self._linked_into = str(dest.parent)
            return "hardlink"
        before_copy()
        _copy(source, dest)
        return "copy"

    def link_more(self, source: str, dest: str) -> bool:
        """Link a further file into the folder into which the last one was linked; False: `place` has to see to it.

        Of ten thousand files only the first is worth a question what the file system can do. Raises FileExistsError.
        """
        if dest.rpartition("/")[0] != self._linked_into:
            return False
        try:
            os.link(source, dest)
        except FileExistsError:
            raise
        except OSError:
            return False
        return True

    def share_blocks(self, source: BinaryIO, target: BinaryIO) -> bool:
        """Give the empty open file `target` the content of `source` without a copy, where the file system can."""
        pair = (os.fstat(source.fileno()).st_dev, os.fstat(target.fileno()).st_dev)
        if pair in self._no_reflink:
            return False
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError as error:
            if error.errno in _REFLINK_REFUSED:
                self._no_reflink.add(pair)
            return False  # whatever it was, a copy will tell
        return True

    def _reflink(self, source: Path, dest: Path) -> bool:
        if (source.stat().st_dev, dest.parent.stat().st_dev) in self._no_reflink:
            return False
        with source.open("rb") as opened:
            descriptor = os.open(dest, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with os.fdopen(descriptor, "wb") as target:
                if self.share_blocks(opened, target):
                    return True
            dest.unlink()
        return False


def _hardlink(source: Path, dest: Path) -> bool:
    try:
        dest.hardlink_to(source)
    except OSError as error:
        if error.errno in _LINK_REFUSED:
            return False
        raise
    return True


def _copy(source: Path, dest: Path) -> None:
    with source.open("rb") as opened, dest.open("xb") as out:
        try:
            shutil.copyfileobj(opened, out, 1 << 20)
        except BaseException:
            dest.unlink()
            raise
