"""The errors of a database driver as sentences for a person. Pure."""

from __future__ import annotations

import re

from agent.errors import AgentError, DiskFull, NotFound, StorageFailed, StoreAway, StoreBusy, TakenOver

TOO_LARGE = "Nothing in the store has a number that large."


def busy_sentence(name: str, waited_s: float) -> str:
    return (
        f"Another process has held the database {name} for more than {waited_s:g} s. "
        "Try again; if it lasts, end that process."
    )


def taken_over(task_id: int) -> TakenOver:
    return TakenOver(f"Task {task_id} was taken over by another agent, which goes on with it.")


def damaged(what: str) -> StorageFailed:
    """For bytes in the database that none of ours can be. `what` begins a sentence: `Lines of a log`."""
    return StorageFailed(
        f"{what} cannot be read: the database is damaged, or was written by a newer version of this program. "
        "Restore it from a backup."
    )


def describe_error(error: BaseException | None, name: str, waited_s: float) -> AgentError | None:
    """The failure to raise for a driver's error; None when it is a mistake of ours. `name` names the database."""
    if any(kind.__module__ == "sqlite3" for kind in type(error).__mro__):
        from agent.store.failures_sqlite import describe_sqlite_error  # late: an agent of a server loads no SQLite

        return describe_sqlite_error(error, name, waited_s)
    return _postgres(error, name)


def _postgres(error: BaseException | None, name: str) -> AgentError | None:  # noqa: PLR0911  a table
    state = getattr(error, "sqlstate", None)
    words = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if state == "22003":
        return NotFound(TOO_LARGE)
    if state in _BUSY:
        return StoreBusy(f"Another process holds what is needed in the database {name}. Try again.")
    if state == "53100":
        return DiskFull(f"The disk of the database {name} is full. Free some space and try again.")
    if state == "25006":
        return StorageFailed(f"The database {name} is read-only. Choose another AGENT_STORE_URL.")
    if state is None and _is_of_the_connection(error):
        if _REFUSALS.search(str(error)):
            return StorageFailed(f"The database {name} refused ({words}). Check the URL and the server's rules.")
        return StoreAway(f"The database {name} does not answer ({words}). Check that it runs and the URL.")
    if state and (state[:2] == "08" or state in _AWAY):
        return StoreAway(f"The database {name} does not answer ({words}). Try again when it runs.")
    if state and state[:2] in ("28", "3D", "53", "57", "58", "XX"):  # login, no such database, resources, its own fault
        return StorageFailed(f"The database {name} refused ({words}). Check that it runs and the URL.")
    return None


def _is_of_the_connection(error: BaseException | None) -> bool:
    """Of an error without an SQLSTATE, which no server has said: the client has lost the server, or never found it.

    The driver has classes below these for some of them, as ConnectionTimeout. One that is no more than a DatabaseError
    is an answer without a word, of a connection that was cut. An InternalError that no server has said is the driver's
    own, about an answer that it did not expect: of a server that ended, which says so beside the answer.
    """
    names = [kind.__name__ for kind in type(error).__mro__]
    return names[0] in _ODD_ANSWERS or not {"OperationalError", "InterfaceError"}.isdisjoint(names)


_ODD_ANSWERS = frozenset({"DatabaseError", "InternalError"})
# Lock not available, deadlock, serialization; a query that somebody or a limit of time cancelled.
_BUSY = frozenset({"55P03", "40P01", "40001", "57014"})
# The server ends, crashed, starts; has no connection left; ended a connection that was idle for its limit of time.
_AWAY = frozenset({"57P01", "57P02", "57P03", "53300", "57P05", "25P03", "25P04"})
# What a server, or the client on its own, says of a login that can never succeed. A failed login has no SQLSTATE in
# psycopg. In another language than English it is taken for an absence, and the sentence says what the server said.
_REFUSALS = re.compile(
    "authentication failed|no password supplied|does not exist|pg_hba|not permitted to log in|permission denied"
    "|SSL was required|does not support SSL|certificate|invalid port|invalid integer|invalid sslmode",
    re.IGNORECASE,
)
