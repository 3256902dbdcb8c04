"""Hostile clients of a web: `python -m tests.chaos.hostile PORT TOKEN`, until it is ended.

Half requests, slow bodies, absurd headers and ranges, uploads that break off, streams that nobody reads, and noise.
Some of them know the token.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

HELD = 60  # connections that each of these keeps open
ROUND_S = 2.0  # for which they are kept


class Client:
    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._rng = random.Random(os.getpid())

    def run(self) -> None:
        """Each kind in a thread of its own, for ever."""
        kinds = (self.half_requests, self.slow_bodies, self.absurd_heads, self.broken_uploads, self.unread_streams)
        threads = [threading.Thread(target=self._for_ever, args=(kind,)) for kind in kinds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _for_ever(self, kind: Callable[[], None]) -> None:
        while True:
            with suppress(OSError):  # refused, cut off, or the web is being killed
                kind()
            time.sleep(0.1)

    def _send(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=2)
        connection.sendall(data)
        return connection

    def _head(self, method: str, path: str, *more: str, length: int = 0) -> bytes:
        lines = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"x-api-key: {self._token}", *more)
        return "\r\n".join((*lines, f"Content-Length: {length}", "", "")).encode()

    def _hold(self, data: bytes) -> None:
        with ExitStack() as held:
            for _ in range(HELD):
                held.enter_context(self._send(data))
            time.sleep(ROUND_S)

    def half_requests(self) -> None:
        self._hold(b"GET /api/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")

    def slow_bodies(self) -> None:
        self._hold(self._head("POST", "/public/api/v3/images.list", length=1 << 20) + b'{"datasetId": ')

    def absurd_heads(self) -> None:
        for data in (
            self._head("GET", "/healthz", "Cookie: a=" + "\\" * 60_000),
            self._head("GET", "/api/models/1/download", "Range: bytes=" + "9" * 5000 + "-"),
            self._head("GET", "/" + "%2e%2e/" * 500),
            self._rng.randbytes(5000),
        ):
            with suppress(OSError), self._send(data) as connection:
                connection.recv(1000)

    def broken_uploads(self) -> None:
        head = self._head("POST", "/api/models?name=broken", "Content-Type: application/x-tar", length=8 << 20)
        with self._send(head) as connection:
            for _ in range(8):
                connection.sendall(self._rng.randbytes(1 << 18))

    def unread_streams(self) -> None:
        self._hold(self._head("GET", "/api/tasks/stream"))


if __name__ == "__main__":
    Client(int(sys.argv[1]), sys.argv[2]).run()
