"""A socket in front of a PostgreSQL server that loses requests and answers, refuses, and falls silent.

It counts the requests of all connections, so that a test can lose the k-th of a whole run.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from tests.support.gate import Gate, end
from tests.support.postgres import SOCKET, PostgresServer, short_folder, url_of

_READY = b"Z\0\0\0\5"  # ReadyForQuery: the server has answered, and the state of the transaction follows
_COPIES = b"G"  # CopyInResponse: the server has answered, and waits for rows
_ENDS = frozenset({b"Q", b"S", b"c", b"f"})  # Query, Sync, CopyDone, CopyFail: the client waits for an answer now


class Loss(Enum):
    """What is lost with the connection."""

    REQUEST = "request"  # the server has never seen it
    ANSWER = "answer"  # the server has done it, nobody hears of it
    RACE = "race"  # the server does it while the client asks again already


class CutProxy(Gate):
    """`loses(number, request)` says what becomes of a request: its number from 1, and its bytes."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.url = url_of(folder)
        self.requests = 0
        self.loses: Callable[[int, bytes], Loss | None] = lambda _number, _request: None
        self._answers = threading.Event()  # not set: nothing passes in either direction
        self._answers.set()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(folder / SOCKET))
        listener.listen(64)
        super().__init__(listener, str(server.folder / SOCKET))

    def open(self) -> None:
        super().open()
        self._answers.set()

    def fall_silent(self) -> None:
        """Keep the connections and pass nothing on, until `open`."""
        self._answers.clear()

    def _connect(self, client: socket.socket, server: socket.socket) -> None:
        _Connection(self, client, server).start()

    def fate(self, request: bytes) -> Loss | None:
        with self._lock:
            self.requests += 1
            return self.loses(self.requests, request)


class _Connection:
    def __init__(self, proxy: CutProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._file = client.makefile("rb")
        self._is_muted = False

    def start(self) -> None:
        passing = [threading.Thread(target=task, daemon=True) for task in (self.pass_requests, self.pass_answers)]

        def close_at_the_end() -> None:
            for thread in passing:
                thread.join()
            for one in (self._file, self._client, self._server):
                one.close()

        for thread in passing:
            thread.start()
        threading.Thread(target=close_at_the_end, daemon=True).start()

    def pass_requests(self) -> None:
        file = self._file
        with suppress(OSError):
            self._server.sendall(_message(file, has_kind=False)[1])
            request = b""
            while True:
                kind, message = _message(file)
                self._proxy._answers.wait()
                request += message
                if kind not in _ENDS:
                    continue
                fate = self._proxy.fate(request)
                if fate is Loss.REQUEST:
                    break
                self._is_muted = fate is Loss.ANSWER
                self._server.sendall(request)
                request = b""
                if fate is Loss.RACE:
                    end(self._client)
                    break
        if not self._is_muted:
            self._shut()

    def pass_answers(self) -> None:
        tail = b""
        with suppress(OSError):
            while data := self._server.recv(1 << 16):
                self._proxy._answers.wait()
                tail = (tail + data)[-6:]
                if not self._is_muted:
                    self._client.sendall(data)
                elif tail.startswith(_READY) or data.startswith(_COPIES):
                    break
        self._shut()

    def _shut(self) -> None:
        with self._proxy._lock:
            self._proxy._open -= {self._client, self._server}
        end(self._client)
        end(self._server)


def _message(file: BinaryIO, *, has_kind: bool = True) -> tuple[bytes, bytes]:
    """A message of the protocol, with its kind. Raises OSError at the end of the stream."""
    head = file.read(5 if has_kind else 4)
    if len(head) < (5 if has_kind else 4):
        raise OSError("the client has gone")
    (length,) = struct.unpack(">I", head[-4:])
    return head[:1], head + file.read(length - 4)


@contextmanager
def cut_proxy(server: PostgresServer) -> Iterator[CutProxy]:
    with short_folder() as folder:
        proxy = CutProxy(folder, server)
        try:
            yield proxy
        finally:
            proxy.close()
