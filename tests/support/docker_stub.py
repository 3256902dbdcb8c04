"""A container engine that speaks as much of Docker's HTTP interface as our client asks for, and says what a test wants.

For what a real engine does only now and then: a log that was cut, a restart between two questions, SELinux.
"""

from __future__ import annotations

import json
import re
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

IMAGE = {"Id": "sha256:" + "1" * 64, "Config": {"Labels": {}}}
CONTAINER = "c" * 64


def frames(text: str, stream: int = 1) -> bytes:
    """Lines as the engine multiplexes them."""
    return b"".join(struct.pack(">BxxxI", stream, len(line)) + line for line in text.encode().splitlines(keepends=True))


def life(number: int, *, running: bool = False, code: int = 0) -> dict[str, Any]:
    """The state of a container in its life of this number."""
    at = f"2026-01-01T00:00:{number:02}"
    return {"Running": running, "ExitCode": code, "StartedAt": f"{at}.0Z", "FinishedAt": f"{at}.5Z", "Error": ""}


@dataclass
class Engine:
    """`states` and `logs` are answered one after the other; the last of them is answered for ever."""

    states: list[dict[str, Any]] = field(default_factory=lambda: [life(1)])
    logs: list[bytes] = field(default_factory=lambda: [b""])
    signals: list[str] = field(default_factory=list)  # that somebody else has sent the container
    info: dict[str, Any] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of requests, and of builds their parameters
    asked: list[str] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)  # X-Registry-Auth of pulls
    url: str = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, bytes]:
        self.asked.append(f"{method} {path}")
        match method, path:
            case _, "/_ping" | "/version":
                return 200, json.dumps({"ApiVersion": "1.41", "Version": "20.10"}).encode()
            case "GET", "/info":
                return 200, json.dumps(self.info).encode()
            case "GET", "/events":
                said = [{"Type": "container", "Action": "kill", "id": CONTAINER, "signal": s} for s in self.signals]
                return 200, "\n".join(map(json.dumps, said)).encode()
            case "POST", "/images/create":
                return 404, b'{"message": "no such image"}'
            case "POST", "/build":
                self.created.append({key: json.loads(query[key][0]) for key in ("buildargs", "labels") if key in query})
                return 200, json.dumps({"stream": "built\n"}).encode()
            case "POST", "/containers/create":
                self.created.append(json.loads(body))
                return 201, json.dumps({"Id": CONTAINER, "Warnings": []}).encode()
            case "POST", "/containers/CONTAINER/wait":
                return 200, json.dumps({"StatusCode": self.states[0]["ExitCode"]}).encode()
            case "GET", "/containers/CONTAINER/json":
                return 200, json.dumps({"Id": CONTAINER, "State": self._next(self.states), "Config": {}}).encode()
            case "GET", "/containers/CONTAINER/logs":
                return 200, self._next(self.logs) if "follow=1" in str(query) or query.get("follow") == [
                    "1"
                ] else self.logs[0]
            case "GET", _ if path.startswith("/images/"):
                return 200, json.dumps(IMAGE).encode()
        return (204, b"") if method != "GET" else (404, b'{"message": "not here"}')

    @staticmethod
    def _next(values: list[Any]) -> Any:
        return values.pop(0) if len(values) > 1 else values[0]


@contextmanager
def serving(socket_file: Path, engine: Engine) -> Iterator[Engine]:
    """The engine, answering at a Unix socket."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            path = re.sub(r"^/v[\d.]+", "", parts.path).replace(CONTAINER, "CONTAINER")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            if path == "/images/create":
                engine.credentials.append(self.headers.get("X-Registry-Auth"))
            status, answer = engine.answer(self.command, path, parse_qs(parts.query), body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = do_HEAD = _do

        def address_string(self) -> str:
            return "local"

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that has heard enough closes its connection."""

    with Server(str(socket_file), Handler) as server:
        engine.url = f"unix://{socket_file}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()
