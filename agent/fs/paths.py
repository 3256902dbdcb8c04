"""Paths that people type."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

from agent.errors import BadInput, NotFound
from agent.fs.names import brief

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def given_path(path: Path | str) -> Path:
    """A path that somebody typed, with `~` made whole; whether something is there can be asked without surprises.

    Raises NotFound for what cannot be a path, BadInput for one that may not be looked at.
    """
    said = brief(str(path))
    try:
        whole = Path(path).expanduser()
        whole.stat()
    except RuntimeError:
        raise NotFound(f"{said!r} is in the home of a user who is not there. Write the path without `~`.") from None
    except ValueError:
        raise NotFound(f"{said!r} is no path: it has characters that no file system takes.") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise NotFound(f"{said!r} is no path: it is longer than any can be.") from None
        if error.errno not in _ABSENT:
            raise BadInput(f"Cannot look at {said!r}: {error.strerror}.") from error
    return whole


def others_reach(folder: Path) -> bool:
    """Whether another user of this machine may enter the folder: each folder on the way lets others through.

    Raises OSError.
    """
    whole = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (whole, *whole.parents))
