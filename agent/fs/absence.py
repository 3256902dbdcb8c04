"""Whether a failure says that a server or a shared folder cannot be reached now, or that it refuses. Pure.

Drivers of object stores raise errors of their own kinds and wrap each other's: the whole chain of causes is looked at.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

# Of a network file system whose server does not answer. EIO is left out: a local disk says it when it fails.
_ERRNOS = frozenset(
    {
        errno.ESTALE,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EREMOTEIO,
    }
)
# Of botocore, aiohttp, requests, azure-core, fsspec and paramiko; these packages need not be installed.
_ABSENT = frozenset(
    {
        "ClientConnectionError",
        "ConnectTimeout",
        "ConnectionClosedError",
        "ConnectionError",
        "EndpointConnectionError",
        "FSTimeoutError",
        "HTTPClientError",
        "IncompleteRead",
        "ReadTimeoutError",
        "SSHException",
        "ServerTimeoutError",
        "ServiceRequestError",
        "ServiceResponseError",
        "Timeout",
    }
)
_REFUSING = frozenset({"AuthenticationException", "BadHostKeyException", "SSLError", "ClientConnectorCertificateError"})
_LATER = frozenset({408, 425, 429})  # and every 5xx but these:
_NEVER = frozenset({501, 505, 507})
_CODES = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling"})


def is_away(error: BaseException) -> bool:
    """Whether asking again later may help: no connection, no answer in time, or a server that is not ready."""
    causes = list(_causes(error))
    if any(_names(cause) & _REFUSING for cause in causes):
        return False
    return any(_says_so(cause) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    left: BaseException | None = error
    while left is not None and id(left) not in seen:
        seen.add(id(left))
        yield left
        left = left.__cause__ or left.__context__


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _says_so(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror | EOFError):
        return True
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return True
    status, code = _status(error)
    if status in _LATER or (status >= 500 and status not in _NEVER) or code in _CODES:
        return True
    return bool(_names(error) & _ABSENT)


def _status(error: BaseException) -> tuple[int, str]:
    """The HTTP status that an answer had, and the code of an S3 error; 0 and "" without them."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore's
        about = answer.get("ResponseMetadata") or {}
        code = str((answer.get("Error") or {}).get("Code", ""))
        return int(about.get("HTTPStatusCode") or 0), code
    for holder in (error, answer):
        for name in ("status_code", "status", "code"):
            if isinstance(value := getattr(holder, name, None), int) and 100 <= value < 600:
                return value, ""
    return 0, ""
