"""Following a container's log: the bytes as the engine sends them, over the fastest connection.

Only `logs` is used, never `attach`: attach passes raw writes on, so halves of lines of both streams may mix. The
log driver keeps whole lines per stream (up to 16 KiB), and its log can be read again from the first byte.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote

import requests

if TYPE_CHECKING:
    from docker import APIClient

_RECEIVE_BYTES = 1 << 20
_MANY_BYTES = 128 << 10  # a burst is handed on in pieces of about this size,
_BURST_S = 0.005  # or as often: pieces that follow each other so soon are a burst
_PAUSE_S = 0.0005  # in it, before more is received; the socket holds two hundred lines, which take the engine longer
_HEADER_LIMIT_BYTES = 64 << 10
_CONNECT_S = 10.0
_SILENCE_S = 1.0  # without output: then the reader is given an empty piece


class LogGone(Exception):
    """The engine has no such container."""


class LogDropped(Exception):
    """The connection ended before the log did, or could not be made."""


def read_log(api: APIClient, host: str, container_id: str, *, follow: bool) -> Iterator[bytes]:
    """Yield the multiplexed log from its first byte, as it arrives, until it ends. Raises LogGone, LogDropped.

    An empty piece comes after every second of silence.

    The end of the stream does not prove that the log is complete. An engine that is stopped closes its connections
    in good order, and Docker 20.10 may close a followed log before its last lines (moby 41820): see `end_of_log`.
    """
    path = _path(api, container_id, f"follow={int(follow)}")
    if host.startswith("unix://"):
        return _over_unix_socket(unquote(host.removeprefix("unix://")), path)
    return _with_silence(_over_client(api, path))


def end_of_log(api: APIClient, container_id: str, lines: int) -> bytes:
    """The last `lines` lines of an ended container's log, multiplexed and complete. Raises LogDropped.

    Read through the SDK, whose HTTP/1.1 tells the end from a broken connection.
    """
    return b"".join(_over_client(api, _path(api, container_id, f"tail={lines}")))


def _path(api: APIClient, container_id: str, query: str) -> str:
    return f"/v{api.api_version}/containers/{container_id}/logs?stdout=1&stderr=1&{query}"


def _over_unix_socket(socket_path: str, path: str) -> Iterator[bytes]:
    """Read over HTTP/1.0, whose body comes unchunked and can be read in large pieces.

    The engine writes every line by itself. A reader that receives at once gets fifty thousand pieces in a burst of
    two hundred thousand lines. Each that is handed on costs as much of the processor as thirty lines, so the pieces of
    a burst are gathered.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_CONNECT_S)
            connection.connect(socket_path)
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            connection.settimeout(_SILENCE_S)
            yield from _body(connection)
    except OSError as error:
        raise LogDropped(str(error)) from error


def _body(connection: socket.socket) -> Iterator[bytes]:
    """The body of the answer, in pieces; checks the status line. The header comes with the first output, or later."""
    header = b""
    for piece in _pieces(connection):
        if not piece:
            yield piece
            continue
        header += piece
        if b"\r\n\r\n" in header:
            break
        if len(header) > _HEADER_LIMIT_BYTES:
            raise LogDropped("the engine's answer is no log")
    else:
        raise LogDropped("the engine closed the connection before it answered")
    header, _, start = header.partition(b"\r\n\r\n")
    status = header.split(b" ", 2)[1:2]
    if status == [b"404"]:
        raise LogGone
    if status != [b"200"]:
        raise LogDropped(f"the engine answered {header.splitlines()[0].decode(errors='replace')}: {start[:300]!r}")
    if start:
        yield start
    handed_on = 0.0
    for piece in _pieces(connection):
        is_burst = piece and time.monotonic() - handed_on < _BURST_S
        yield _with_more(connection, piece) if is_burst else piece
        handed_on = time.monotonic()


def _with_more(connection: socket.socket, piece: bytes) -> bytes:
    """The piece, and what follows it at once."""
    gathered, size, until = [piece], len(piece), time.monotonic() + _BURST_S
    connection.settimeout(0)
    try:
        while size < _MANY_BYTES and time.monotonic() < until:
            time.sleep(_PAUSE_S)
            more = connection.recv(_RECEIVE_BYTES)
            if not more:  # closed: the next call says so again
                break
            gathered.append(more)
            size += len(more)
    except BlockingIOError:
        pass
    finally:
        connection.settimeout(_SILENCE_S)
    return b"".join(gathered)


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    """The bytes that arrive, until the connection is closed; an empty piece after every second of silence."""
    while True:
        try:
            piece = connection.recv(_RECEIVE_BYTES)
        except TimeoutError:
            yield b""
            continue
        if not piece:
            return
        yield piece


def _with_silence(log: Iterator[bytes]) -> Iterator[bytes]:
    """The same log, with an empty piece after every second of silence: the SDK cannot stop waiting and wait on later.

    A thread reads the log. Once nobody takes its pieces any more, it ends with the next piece.
    """
    arrived: queue.Queue[bytes | Exception | None] = queue.Queue(maxsize=16)
    is_wanted = threading.Event()
    is_wanted.set()

    def receive() -> None:
        end: Exception | None = None
        try:
            for piece in log:
                arrived.put(piece)
                if not is_wanted.is_set():
                    return
        except (LogGone, LogDropped) as error:
            end = error
        arrived.put(end)

    threading.Thread(target=receive, name="docker-log", daemon=True).start()
    try:
        while True:
            try:
                piece = arrived.get(timeout=_SILENCE_S)
            except queue.Empty:
                yield b""
                continue
            if piece is None:
                return
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        is_wanted.clear()
        with suppress(queue.Empty):
            while True:
                arrived.get_nowait()


def _over_client(api: APIClient, path: str) -> Iterator[bytes]:
    """Read over TCP, TLS or ssh through the docker SDK's own session, which knows the certificates."""
    try:
        with closing(api.get(f"{api.base_url}{path}", stream=True, timeout=(_CONNECT_S, None))) as answer:
            if answer.status_code == 404:
                raise LogGone
            if answer.status_code != 200:
                raise LogDropped(f"the engine answered {answer.status_code}: {answer.text[:300]}")
            yield from answer.iter_content(chunk_size=None)
    except (requests.RequestException, OSError) as error:
        raise LogDropped(str(error)) from error
