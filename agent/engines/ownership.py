"""Whatever a root container wrote belongs to the owner of the task folder afterwards."""

from __future__ import annotations

import os
from pathlib import Path


def has_foreign_files(folder: Path, uid: int) -> bool:
    """Whether anything at or below this folder belongs to somebody else, or cannot be looked at."""
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        for name in (".", *folders, *files):
            try:
                if os.lstat(os.path.join(parent, name)).st_uid != uid:  # noqa: PTH118  # a hot loop over strings
                    return True
            except FileNotFoundError:
                continue
            except OSError:
                return True
    return any(not isinstance(error, FileNotFoundError) for error in unreadable)


def give_to_owner(folder: Path) -> None:
    """Give everything below the folder to its owner. Only root may; links are not followed."""
    owner = folder.stat()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)  # noqa: PTH118  # a hot loop over strings
            entry = os.lstat(path)
            if (entry.st_uid, entry.st_gid) != (owner.st_uid, owner.st_gid):
                os.lchown(path, owner.st_uid, owner.st_gid)
