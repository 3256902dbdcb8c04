"""POST requests to the server of the private protocol (contract: agent_rpc.md 1).

Of Python's own library, because the images of plugins need no HTTP client otherwise. Each request has a connection of
its own, as in the official SDK; proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import json
import socket
import zlib
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple, Union
from urllib.parse import urlsplit

_PIECE = 256 << 10  # bytes that are read at a time
_MAX_ERROR = 64 << 10  # bytes that are read of the body of an error
_PING_FIRST = "Agent should call AgentConnected or AgentPing before attempting any other request"

Body = Union[bytes, "Iterable[bytes]"]  # in quotes, because Python 3.8 cannot evaluate it


class ConnectionFailed(ConnectionError):
    """The server cannot be reached, or the connection broke."""


class ServerSilent(OSError):
    """The server is connected, but sends nothing for too long."""


class RequestRefused(RuntimeError):
    """The server answered with an error."""

    def __init__(self, method: str, status: int, reason: str) -> None:
        super().__init__(f"The server refused {method} with status {status}: {reason}")
        self.status = status


class AgentNotConnected(RequestRefused):
    """The server has lost the agent of this task, and takes requests again after the agent's next ping."""


class Timeouts(NamedTuple):
    """Seconds until a connection is made, and until the next bytes come."""

    connect_s: float
    read_s: float


class Server:
    """The server at an address: a host with an optional port, or a URL with an optional path."""

    def __init__(self, address: str) -> None:
        self.address = f"{address if '://' in address else f'http://{address}'}".rstrip("/") + "/agent"
        self._url = urlsplit(self.address)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ValueError(f"The server's address {address!r} is neither a host nor a URL of http or https.")
        self._kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        self._port = self._url.port or self._kind.default_port

    @contextlib.contextmanager
    def post(
        self, method: str, headers: Mapping[str, str], body: Body, timeouts: Timeouts
    ) -> Iterator[Iterator[bytes]]:
        """The body of the answer, in pieces that come as they are sent.

        `body` is bytes, or parts that are sent one after the other. Raises ConnectionFailed, ServerSilent,
        RequestRefused.
        """
        connection = self._kind(self._url.hostname or "", self._port, timeout=timeouts.connect_s)
        try:
            _connect(connection)
            connection.sock.settimeout(timeouts.read_s)
            # A server that refuses a long body may close before it has read all of it. Its answer says why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", f"{self._url.path}/{method}", body, dict(headers))
            answer = connection.getresponse()
            if not 200 <= answer.status < 300:
                raise _refusal(method, answer)
            yield _pieces(answer)
        except ConnectionFailed:
            raise
        except socket.timeout as error:  # a name of TimeoutError since Python 3.10
            raise ServerSilent(f"{method}: nothing came from the server for {timeouts.read_s:g} s.") from error
        except (OSError, HTTPException) as error:
            raise ConnectionFailed(f"{method}: the connection to the server broke: {error!r}") from error
        finally:
            connection.close()


def _connect(connection: HTTPConnection) -> None:
    try:
        connection.connect()
    except (OSError, HTTPException) as error:
        raise ConnectionFailed(f"No connection to {connection.host}:{connection.port}: {error}") from error


def _pieces(answer: HTTPResponse) -> Iterator[bytes]:
    """ConnectionFailed if the body ends before its end: http.client does not always say so."""
    inflated = zlib.decompressobj() if answer.getheader("Content-Encoding") == "deflate" else None
    left = answer.length  # None if the body has chunks, or ends with the connection
    while left != 0:
        piece = answer.read1(_PIECE) if left is None else answer.read(min(_PIECE, left))
        if not piece:
            if left:
                raise ConnectionFailed(f"The connection to the server broke, {left} bytes before the end.")
            break
        left = None if left is None else left - len(piece)
        yield inflated.decompress(piece) if inflated else piece


def _refusal(method: str, answer: HTTPResponse) -> RequestRefused:
    text = answer.read(_MAX_ERROR).decode("utf-8", "replace")
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    reason = content.get("error") if isinstance(content, dict) else None
    kind = AgentNotConnected if answer.status == 400 and reason == _PING_FIRST else RequestRefused
    return kind(method, answer.status, str(reason or text or answer.reason))
