"""How many files this process may have open."""

from __future__ import annotations

import resource
from contextlib import suppress


def raise_open_files_limit() -> None:
    """Use the whole limit that the system allows: the soft limit of 1,024 is for programs that call select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS refuses "unlimited"; the old limit then stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
