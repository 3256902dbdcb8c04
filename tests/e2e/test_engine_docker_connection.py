"""A connection to the engine breaks in the middle of a log: no line is lost, and no line comes twice."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from agent.engines.docker import DockerEngine
from tests.support.output import printed

pytestmark = pytest.mark.docker

LINES = 20_000
SCRIPT = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); done"
EXPECTED = "".join(f"line {i}\n" for i in range(LINES)).encode()


class Proxy:
    """Passes connections on to the engine's socket. The first `cuts` logs break off after `after` bytes."""

    def __init__(self, listener: socket.socket, engine_socket: str, *, cuts: int, after: int) -> None:
        self._listener, self._engine_socket = listener, engine_socket
        self._cuts, self._after = cuts, after
        self.cut = 0
        listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self._engine_socket)
            breaks_off = threading.Event()
            threading.Thread(target=self._requests, args=(client, engine, breaks_off), daemon=True).start()
            passed = 0
            with suppress(OSError):
                while data := engine.recv(65536):
                    passed += len(data)
                    client.sendall(data)
                    if breaks_off.is_set() and passed > self._after:
                        break
            for side in (client, engine):
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def _requests(self, client: socket.socket, engine: socket.socket, breaks_off: threading.Event) -> None:
        ask, before = b"/logs?", b""  # of the request before this piece, as much as may be the beginning of `ask`
        with suppress(OSError):
            while data := client.recv(65536):
                is_asked, before = ask in before + data, (before + data)[1 - len(ask) :]
                if is_asked and self.cut < self._cuts:
                    self.cut += 1
                    breaks_off.set()
                engine.sendall(data)


@pytest.fixture(params=["unix", "tcp"])
def through_proxy(request, docker_engine, tmp_path, monkeypatch):
    """An engine reached through a proxy, and the proxy."""
    if not docker_engine.host.startswith("unix://"):
        pytest.skip("the engine is not on a Unix socket")
    family = socket.AF_UNIX if request.param == "unix" else socket.AF_INET
    path = Path("/tmp") / f"engine-test-{os.getpid()}.sock"
    with socket.socket(family) as listener:
        listener.bind(str(path) if request.param == "unix" else ("127.0.0.1", 0))
        proxy = Proxy(listener, docker_engine.host.removeprefix("unix://"), cuts=2, after=100_000)
        port = listener.getsockname()[1] if request.param == "tcp" else None
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}" if port is None else f"tcp://127.0.0.1:{port}")
        engine = DockerEngine()
        yield engine, proxy
        engine.close()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    path.unlink(missing_ok=True)


def test_a_log_that_breaks_off_is_read_on_where_it_broke(through_proxy, start):
    engine, proxy = through_proxy
    container = start(SCRIPT, engine=engine)
    received = printed(container)
    assert proxy.cut == 2
    assert received == EXPECTED
    assert container.wait().exit_code == 0
