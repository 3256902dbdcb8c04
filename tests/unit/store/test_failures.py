"""What a database driver's error means: whether asking again later may help, or somebody has to mend something."""

from __future__ import annotations

import pytest

from agent.errors import AgentError, DiskFull, NotFound, StorageFailed, StoreAway, StoreBusy
from agent.store.failures import describe_error


class OperationalError(Exception):
    def __init__(self, words: str, sqlstate: str | None = None) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


class InterfaceError(OperationalError):
    pass


class ConnectionTimeout(OperationalError):
    """As the driver has it: below the error that it is."""


class DatabaseError(Exception):
    sqlstate: str | None = None


class InternalError(DatabaseError):
    def __init__(self, words: str, sqlstate: str | None = None) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


class ProgrammingError(DatabaseError):
    def __init__(self, words: str, sqlstate: str | None = None) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


def meaning(error: Exception) -> AgentError | None:
    return describe_error(error, "postgresql://host/name", 10)


@pytest.mark.parametrize(
    "state",
    ["08000", "08001", "08003", "08004", "08006", "57P01", "57P02", "57P03", "57P05", "53300", "25P03", "25P04"],
)
def test_a_server_that_ends_starts_or_has_no_connection_left_is_away(state: str) -> None:
    said = meaning(OperationalError("terminating connection due to administrator command", state))
    assert type(said) is StoreAway
    assert str(said).startswith("The database postgresql://host/name does not answer (terminating connection")


@pytest.mark.parametrize(
    "words",
    [
        "connection failed: Connection refused\n\tIs the server running on that host?",
        "connection is bad: connection to server on socket failed: No such file or directory",
        "consuming input failed: server closed the connection unexpectedly",
        "the connection is closed",
        "the connection is lost",
        "received 2 results from command 'BEGIN'",
        "failed to resolve host 'db': [Errno -2] Name or service not known",
        "connection timeout expired",
        "connection failed: FATAL:  the database system is starting up",
        "connection failed: FATAL:  sorry, too many clients already",
        "Verbindung fehlgeschlagen",
        "",
    ],
)
@pytest.mark.parametrize("kind", [OperationalError, InterfaceError, ConnectionTimeout, DatabaseError, InternalError])
def test_a_connection_that_was_not_made_or_was_cut_is_an_absence(kind: type[Exception], words: str) -> None:
    assert type(meaning(kind(words))) is StoreAway


@pytest.mark.parametrize(
    "words",
    [
        'connection failed: FATAL:  password authentication failed for user "pw"',
        "connection failed: fe_sendauth: no password supplied",
        'connection failed: FATAL:  database "nodb" does not exist',
        'connection failed: FATAL:  role "nobody" does not exist',
        'connection failed: FATAL:  pg_hba.conf rejects connection for host "[local]", user "tt"',
        "connection failed: server does not support SSL, but SSL was required",
        'connection is bad: invalid port number: "99999999"',
    ],
)
def test_a_login_that_can_never_succeed_is_refused(words: str) -> None:
    said = meaning(OperationalError(words))
    assert type(said) is StorageFailed
    assert "refused" in str(said)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("55P03", StoreBusy), ("40P01", StoreBusy), ("40001", StoreBusy), ("57014", StoreBusy), ("53100", DiskFull),
        ("25006", StorageFailed), ("28P01", StorageFailed), ("3D000", StorageFailed), ("53200", StorageFailed),
        ("22003", NotFound),
    ],
)  # fmt: skip
def test_other_states_keep_their_meaning(state: str, kind: type[AgentError]) -> None:
    assert type(meaning(OperationalError("words", state))) is kind


def test_a_mistake_of_ours_has_no_sentence() -> None:
    assert meaning(ProgrammingError("syntax error", "42601")) is None
    assert meaning(ProgrammingError("relation does not exist", "42P01")) is None


@pytest.mark.parametrize("state", ["58030", "58P01", "XX000", "XX001"])
def test_a_fault_of_the_server_itself_is_told_and_no_mistake_of_ours(state: str) -> None:
    said = meaning(InternalError("could not read block 7", state))
    assert type(said) is StorageFailed
    assert "could not read block 7" in str(said)
