"""Following a container's log: the bytes as the engine sends them, over the fastest way there is.

Only `logs` is used, never `attach`: attach passes raw writes on, so halves of lines of both streams may mix,
while the log driver keeps whole lines per stream (up to 16 KiB), and can be read again from the first byte.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import unquote

import requests

if TYPE_CHECKING:
    from docker import APIClient

_RECEIVE_BYTES = 1 << 20
_FEW_BYTES = 32 << 10  # a burst is received in pieces of about this size
_GATHER_S = 0.0005
_HEADER_LIMIT_BYTES = 64 << 10
_CONNECT_S = 10.0


class LogGone(Exception):
    """The engine has no such container."""


class LogDropped(Exception):
    """The connection ended before the log did, or could not be made."""


def read_log(api: APIClient, host: str, container_id: str, *, follow: bool) -> Iterator[bytes]:
    """Yield the multiplexed log from its first byte, as it arrives, until it ends. Raises LogGone, LogDropped.

    An end does not prove that this was all. An engine that is stopped closes its connections in good order,
    and Docker 20.10 may close a followed log before its last lines (moby 41820): see `end_of_log`.
    """
    path = _path(api, container_id, f"follow={int(follow)}")
    if host.startswith("unix://"):
        return _over_unix_socket(unquote(host.removeprefix("unix://")), path)
    return _over_client(api, path)


def end_of_log(api: APIClient, container_id: str, lines: int) -> bytes:
    """The last lines of an ended container's log, multiplexed: complete, or it raises LogDropped.

    Through the SDK, whose HTTP/1.1 tells an end from a broken connection.
    """
    return b"".join(_over_client(api, _path(api, container_id, f"tail={lines}")))


def _path(api: APIClient, container_id: str, query: str) -> str:
    return f"/v{api.api_version}/containers/{container_id}/logs?stdout=1&stderr=1&{query}"


def _over_unix_socket(socket_path: str, path: str) -> Iterator[bytes]:
    """HTTP/1.0, so the body comes unchunked and may be read in large pieces.

    The engine writes every line on its own. Whoever is there for each of them receives fifty thousand pieces in a
    burst of two hundred thousand lines; looking away for half a millisecond makes it a thousand.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_CONNECT_S)
            connection.connect(socket_path)
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            body = _after_header(connection)
            connection.settimeout(None)  # a plugin may be silent for hours
            while body:
                yield body
                if len(body) < _FEW_BYTES:
                    time.sleep(_GATHER_S)
                body = connection.recv(_RECEIVE_BYTES)
    except OSError as error:
        raise LogDropped(str(error)) from error


def _after_header(connection: socket.socket) -> bytes:
    """The first piece of the body, at least a byte of it unless it is empty; checks the status line."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(_RECEIVE_BYTES)
        if not more or len(received) > _HEADER_LIMIT_BYTES:
            raise LogDropped("the engine closed the connection before it answered")
        received += more
        connection.settimeout(None)  # the header's rest comes with the first output, which may take its time
    header, _, body = received.partition(b"\r\n\r\n")
    status = header.split(b" ", 2)[1:2]
    if status == [b"404"]:
        raise LogGone
    if status != [b"200"]:
        raise LogDropped(f"the engine answered {header.splitlines()[0].decode(errors='replace')}: {body[:300]!r}")
    return body or connection.recv(_RECEIVE_BYTES)


def _over_client(api: APIClient, path: str) -> Iterator[bytes]:
    """TCP, TLS and ssh through the docker SDK's own session, which knows the certificates."""
    try:
        with closing(api.get(f"{api.base_url}{path}", stream=True, timeout=(_CONNECT_S, None))) as answer:
            if answer.status_code == 404:
                raise LogGone
            if answer.status_code != 200:
                raise LogDropped(f"the engine answered {answer.status_code}: {answer.text[:300]}")
            yield from answer.iter_content(chunk_size=None)
    except (requests.RequestException, OSError) as error:
        raise LogDropped(str(error)) from error
