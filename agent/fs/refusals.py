"""The system's refusals of files and resources: the remedy for a person, by the number of the error. Pure."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

_RIGHTS = "Give this user the right to it, or choose another folder."
_READ_ONLY = "Its disk is read-only: mount it for writing, or choose a folder on another disk."
_QUOTA = "This user's quota is used up: free some space, or choose a folder on another disk."
_FULL = "Its disk is full: free some space (`df -h`, `df -i`), or choose a folder on another disk."
_NO_FOLDER = "Something on this path is a file: remove it, or choose another folder."
_AWAY = "Its disk is on another machine, which does not answer as before: mount it again."

_REMEDIES: Mapping[int, str] = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.ENAMETOOLONG: "Choose a shorter path.",
    errno.ELOOP: "Its links lead in a circle: correct them.",
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.EISDIR: "A folder is in the place of a file: move it away.",
    errno.ENOENT: "Check the path, and that the folder you work in still exists.",
    errno.EIO: "The disk fails: check it.",
    errno.ESTALE: _AWAY,
    errno.ENOTCONN: _AWAY,
    errno.EMFILE: "Allow this user more open files (`ulimit -n`).",
    errno.ENFILE: "The machine has too many open files: end some programs.",
    errno.ENOMEM: "The machine has no memory left: end some programs.",
    errno.EAGAIN: "This user has too many processes and threads (`ulimit -u`): end some.",
}


def remedy_for(error: OSError) -> str:
    """What to do about an error of the system's; empty for an error that only a mistake of ours brings."""
    return _REMEDIES.get(error.errno or 0, "")


def reason_of(error: OSError) -> str:
    """What the system says about it, without numbers and paths."""
    return os.strerror(error.errno) if error.errno else str(error)
