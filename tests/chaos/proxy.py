"""A socket in front of the engine's socket. It can cut connections and refuse new connections."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path


class Proxy:
    def __init__(self, path: Path, behind: str) -> None:
        self.url = f"unix://{path}"
        self._refusing_until = 0.0  # time.monotonic()
        self._behind = behind
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """Cut every connection and return their number."""
        with self._lock:
            victims, self._open = self._open, set()
        for victim in victims:
            with suppress(OSError):
                victim.shutdown(socket.SHUT_RDWR)
        return len(victims) // 2

    def refuse_for(self, seconds: float) -> None:
        """Cut every connection and refuse new connections for this time."""
        self._refusing_until = time.monotonic() + seconds
        self.cut()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if time.monotonic() < self._refusing_until:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                server.connect(self._behind)
                with self._lock:
                    self._open |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with self._lock:
            done = source not in self._open
            self._open.discard(source)
        if done:
            for end in (source, sink):
                end.close()
