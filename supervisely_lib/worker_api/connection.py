"""POST requests to the server of the private protocol (contract: agent_rpc.md 1).

Of Python's own library, because the images of plugins need no HTTP client otherwise. A connection whose answer was read
to its end is kept for the next request; proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple, Union
from urllib.parse import urlsplit

_PIECE = 256 << 10  # bytes that are read at a time
_GATHERED = 64 << 10  # bytes of a request that are sent at once
_KEPT = 8  # connections that wait for a request
_KEPT_S = 4.0  # many servers close a connection that was silent for five seconds
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


class _Gathers:
    """A connection that sends head and body of a short request at once: the server is woken once, not three times."""

    _unsent: list[bytes] | None = None  # None: everything is sent as it comes

    def request_at_once(self, method: str, url: str, body: Body, headers: dict[str, str]) -> None:
        self._unsent = []
        try:
            self.request(method, url, body, headers)  # type: ignore[attr-defined]
            self._flush()
        finally:
            self._unsent = None

    def send(self, data: Any) -> None:
        if self._unsent is None or not isinstance(data, bytes):
            super().send(data)  # type: ignore[misc]
            return
        self._unsent.append(data)
        if sum(map(len, self._unsent)) > _GATHERED:
            self._flush()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent or [], []
        if unsent:
            super().send(b"".join(unsent))  # type: ignore[misc]


class _Plain(_Gathers, HTTPConnection):
    pass


class _Tls(_Gathers, HTTPSConnection):
    pass


_Connection = Union[_Plain, _Tls]
_BROKEN = (OSError, HTTPException)


class Server:
    """The server at an address: a host with an optional port, or a URL with an optional path.

    Threads may share it. A connection that the server has closed meanwhile is replaced without a word.
    """

    def __init__(self, address: str) -> None:
        self.address = f"{address if '://' in address else f'http://{address}'}".rstrip("/") + "/agent"
        self._url = urlsplit(self.address)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ValueError(f"The server's address {address!r} is neither a host nor a URL of http or https.")
        self._kind = _Tls if self._url.scheme == "https" else _Plain
        self._port = self._url.port or self._kind.default_port
        self._kept: deque[tuple[_Connection, float]] = deque()  # the last one used is the last one

    def __del__(self) -> None:
        for connection, _ in getattr(self, "_kept", ()):
            connection.close()

    @contextlib.contextmanager
    def post(
        self, method: str, headers: Mapping[str, str], body: Body, timeouts: Timeouts
    ) -> Iterator[Iterator[bytes]]:
        """The body of the answer, in pieces that come as they are sent.

        `body` is bytes, or parts that are sent one after the other. Raises ConnectionFailed, ServerSilent,
        RequestRefused.
        """
        asked, answer = self._asked(method, headers, body, timeouts)
        connection: _Connection | None = asked
        try:
            if not 200 <= answer.status < 300:
                raise _refusal(method, answer)
            yield _pieces(answer)
            if answer.length == 0:
                answer.read()  # closes it, where the body was empty
            if answer.isclosed() and not answer.will_close:  # read to its end
                self._keep(asked)
                connection = None
        except ConnectionFailed:
            raise
        except _BROKEN as error:
            raise _said(method, timeouts, error) from error
        finally:
            if connection is not None:
                connection.close()

    def _asked(
        self, method: str, headers: Mapping[str, str], body: Body, timeouts: Timeouts
    ) -> tuple[_Connection, HTTPResponse]:
        """The connection with the head of its answer."""
        kept = self._take_kept()
        while True:
            connection = kept or self._connected(timeouts)
            try:
                connection.sock.settimeout(timeouts.read_s)
                # A server that refuses a long body may close before it has read all of it. Its answer says why.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.request_at_once("POST", f"{self._url.path}/{method}", body, dict(headers))
                return connection, connection.getresponse()
            except BaseException as error:
                connection.close()
                if kept is not None and isinstance(error, ConnectionError):  # the server had closed it by then
                    kept = None
                    continue
                if isinstance(error, _BROKEN):
                    raise _said(method, timeouts, error) from error
                raise

    def _keep(self, connection: _Connection) -> None:
        if len(self._kept) >= _KEPT:
            with contextlib.suppress(IndexError):
                self._kept.popleft()[0].close()
        self._kept.append((connection, time.monotonic()))

    def _take_kept(self) -> _Connection | None:
        """A connection that is open still, as far as can be seen. Those that are not are closed."""
        with contextlib.suppress(IndexError):  # there is none
            while True:
                connection, since = self._kept.pop()
                # Nothing was asked, so whatever can be read is the end of the connection.
                if time.monotonic() - since < _KEPT_S and not _can_be_read(connection.sock):
                    return connection
                connection.close()
        return None

    def _connected(self, timeouts: Timeouts) -> _Connection:
        connection = self._kind(self._url.hostname or "", self._port, timeout=timeouts.connect_s)
        try:
            connection.connect()
        except (OSError, HTTPException) as error:
            connection.close()
            raise ConnectionFailed(f"No connection to {connection.host}:{connection.port}: {error}") from error
        return connection


def _can_be_read(sock: socket.socket) -> bool:
    poll = select.poll()  # not select(), which knows no descriptor above 1023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _said(method: str, timeouts: Timeouts, error: BaseException) -> OSError:
    if isinstance(error, socket.timeout):  # a name of TimeoutError since Python 3.10
        return ServerSilent(f"{method}: nothing came from the server for {timeouts.read_s:g} s.")
    return ConnectionFailed(f"{method}: the connection to the server broke: {error!r}")


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
