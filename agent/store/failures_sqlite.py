"""The errors of SQLite as sentences for a person. Pure."""

from __future__ import annotations

import sqlite3

from agent.errors import DiskFull, StorageFailed, StoreBusy
from agent.store.failures import busy_sentence

# A disk that has no room for the index of the write-ahead log, which every reader needs.
_FULL = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP})


def describe_sqlite_error(error: object, name: str, waited_s: float) -> StorageFailed | None:  # noqa: PLR0911  a table
    """The failure to raise for an error of the module sqlite3; None when it is a mistake of ours."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _FULL:
        code = sqlite3.SQLITE_FULL
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy(busy_sentence(name, waited_s))
        case sqlite3.SQLITE_FULL:
            return DiskFull(f"The disk that holds the database {name} is full. Free some space and try again.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StorageFailed(
                f"The database {name} cannot be written to. "
                "Give this user the right to write the file and its folder, or choose another AGENT_STORE_URL."
            )
        case sqlite3.SQLITE_CANTOPEN:
            return StorageFailed(
                f"The database {name} cannot be opened. Check that its folder exists and may be written to."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StorageFailed(
                f"The file {name} is damaged or is no SQLite database. "
                "Restore it from a copy, or move it away to start with an empty one."
            )
        case sqlite3.SQLITE_IOERR:
            return StorageFailed(
                f"The disk that holds the database {name} failed ({error}). "
                "Check the disk and its free space; the database must lie on a local file system."
            )
    return None
