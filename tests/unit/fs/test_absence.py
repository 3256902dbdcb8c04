"""Whether a failure of a driver says that its server cannot be reached now, or that it refuses."""

from __future__ import annotations

import errno
import socket

import pytest

from agent.fs.absence import is_away


class Answered(Exception):
    def __init__(self, **said: object) -> None:
        super().__init__("said so")
        self.__dict__.update(said)


class EndpointConnectionError(Exception):  # botocore's
    pass


class SSHException(Exception):  # paramiko's
    pass


class AuthenticationException(SSHException):
    pass


class SSLError(OSError):
    pass


def wrapped(inner: Exception) -> Exception:
    try:
        try:
            raise inner
        except Exception as error:
            raise OSError("a driver's own words") from error
    except OSError as outer:
        return outer


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "refused"),
        ConnectionResetError(),
        TimeoutError(),
        socket.gaierror(-2, "Name or service not known"),
        EOFError(),
        OSError(errno.ESTALE, "Stale file handle"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        EndpointConnectionError(),
        SSHException(),
        Answered(status=503),
        Answered(status_code=500),
        Answered(code=429),
        Answered(response={"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {"Code": "SlowDown"}}),
        Answered(response={"ResponseMetadata": {"HTTPStatusCode": 400}, "Error": {"Code": "RequestTimeout"}}),
        Answered(response=Answered(status_code=502)),
    ],
    ids=repr,
)
def test_what_may_be_better_later_is_an_absence(error: Exception) -> None:
    assert is_away(error)
    assert is_away(wrapped(error))


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied"),
        FileNotFoundError(errno.ENOENT, "no such bucket"),
        OSError(errno.EIO, "a failing disk"),
        OSError(errno.ENOSPC, "No space left on device"),
        AuthenticationException(),
        SSLError("certificate verify failed"),
        ValueError("a mistake"),
        Answered(status=403),
        Answered(status=507),
        Answered(response={"ResponseMetadata": {"HTTPStatusCode": 403}, "Error": {"Code": "AccessDenied"}}),
        Answered(code="ENOENT", response=None),
    ],
    ids=repr,
)
def test_a_refusal_is_none(error: Exception) -> None:
    assert not is_away(error)
    assert not is_away(wrapped(error))
