"""Files that a container's root wrote into a task folder: finding them, and giving them to the folder's owner."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from agent.fs.beneath import open_folder, walk


def has_foreign_files(folder: Path, uid: int) -> bool:
    """Whether any file at or below this folder belongs to another user, runs as its owner, or cannot be examined."""
    try:
        opened = open_folder(folder)
    except OSError as error:
        return not isinstance(error, FileNotFoundError)
    with opened:
        if os.fstat(opened.descriptor).st_uid != uid:
            return True
        return any(
            not isinstance(entry.status, FileNotFoundError)
            if isinstance(entry.status, OSError)
            else entry.status.st_uid != uid or _runs_as_owner(entry.status)
            for entry in walk(opened)
        )


def restore_ownership_as_root(folder: Path) -> None:
    """Give every file below the folder to the folder's owner. Only root may. Links are not followed.

    Programs lose the right to run as their owner (set-user-id), or any user of this machine could start them as such.
    """
    with open_folder(folder) as opened:
        owner = os.fstat(opened.descriptor)
        for entry in walk(opened):
            status = entry.status
            if isinstance(status, OSError):
                continue
            if _runs_as_owner(status) or (status.st_uid, status.st_gid) != (owner.st_uid, owner.st_gid):
                with suppress(FileNotFoundError):  # the kernel takes the bits away on every change of the owner
                    os.chown(
                        entry.name, owner.st_uid, owner.st_gid, dir_fd=entry.folder.descriptor, follow_symlinks=False
                    )


def _runs_as_owner(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & (stat.S_ISUID | stat.S_ISGID))
