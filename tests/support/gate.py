"""A door in front of a server that can be shut: pods reach the server through it, and are cut off by it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Gate:
    """Passes the connections to a listening socket on to a server: a socket file or a TCP address."""

    def __init__(self, listener: socket.socket, behind: str | tuple[str, int]) -> None:
        self.address = listener.getsockname()
        self._behind = behind
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_shut = False
        self._listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Cut every connection, and each new one, until `open`."""
        self._is_shut = True
        self.cut()

    def open(self) -> None:
        self._is_shut = False

    def cut(self) -> None:
        with self._lock:
            victims, self._open = self._open, set()
        for victim in victims:
            end(victim)

    def close(self) -> None:
        end(self._listener)  # wakes the thread that accepts
        self._listener.close()
        self.open()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_shut:
                    client.close()
                    continue
                is_file = isinstance(self._behind, str)
                server = socket.socket(socket.AF_UNIX if is_file else socket.AF_INET, socket.SOCK_STREAM)
                try:
                    server.connect(self._behind)
                except OSError:  # the server itself is away
                    server.close()
                    client.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                self._connect(client, server)

    def _connect(self, client: socket.socket, server: socket.socket) -> None:
        passing = [
            threading.Thread(target=self._pass, args=ends, daemon=True) for ends in ((client, server), (server, client))
        ]
        for thread in passing:
            thread.start()
        threading.Thread(target=self._close_after, args=(passing, client, server), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        end(source)
        end(target)

    def _close_after(self, passing: list[threading.Thread], *ends: socket.socket) -> None:
        for thread in passing:
            thread.join()
        with self._lock:
            self._open -= set(ends)
        for one in ends:
            one.close()


def end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(host: str, behind: str | tuple[str, int]) -> Iterator[Gate]:
    """On a port of this host's choosing: `address` has both."""
    made = Gate(socket.create_server((host, 0), backlog=256), behind)
    try:
        yield made
    finally:
        made.close()
