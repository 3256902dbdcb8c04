"""The server of a deployed model: the other side of the private protocol, over real connections.

    with ProtocolServer() as server:
        server.images["7"] = [frame(...), END]              # what GetGeneralEventData answers to request 7
        server.streams.append([event("7", {...}), CUT])     # a stream of requests, which breaks off
        AgentRPCServicer(..., {"server_address": server.address, ...}).run_inf_loop()

The steps of a stream are bytes, which are sent as one chunk, functions, which are called, and END or CUT. Streams that
nobody has described end at once, so a model that has answered all requests is told that the server has closed.
"""

from __future__ import annotations

import json
import queue
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Union

from supervisely_lib.worker_api.frames import frame, messages_of
from supervisely_lib.worker_api.messages import Chunk, ChunkImage, GeneralEvent, ImagesHashes

END, CUT = "end", "cut"
KEEP_ALIVE = frame(b"")
WAIT_S = 30  # for what a model must do; nothing takes so long unless a test fails

Step = Union[bytes, str, "Callable[[], object]"]  # quoted for Python 3.8


class Call(NamedTuple):
    """A request to the server; the names of headers are in lower case."""

    method: str
    headers: dict[str, str]
    body: bytes


def event(request_id: str, data: Any, image: bytes = b"") -> bytes:
    """A request to the model as a frame; `data` is JSON, or bytes that are sent as they are."""
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return frame(GeneralEvent(request_id=request_id, data=content, image=image).SerializeToString())


def chunk(content: bytes, total_size: int = 0, error: str = "") -> bytes:
    """A part of a content as a frame."""
    return frame(Chunk(buffer=content, total_size=total_size, error=error).SerializeToString())


def image_chunk(content: bytes, total_size: int = 0) -> bytes:
    """A part of an image as a frame."""
    return frame(ChunkImage(chunk=Chunk(buffer=content, total_size=total_size)).SerializeToString())


class ProtocolServer:
    """Describe what it answers before the model asks; what was asked is in `calls`, what was answered in `answers`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.streams: list[list[Step]] = []  # one for each time that the model asks for requests
        self.images: dict[str, list[Step]] = {}  # by request
        self.images_by_hash: dict[str, list[Step]] = {}
        self.refusals: dict[str, list[tuple[int, bytes]]] = {}  # by method: statuses and bodies of its first answers
        self.breaks: dict[str, int] = {}  # by method: how many of its first calls break off without an answer
        self.calls: list[Call] = []
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._http = _Http((host, 0), self._handler())
        self.address = f"{host}:{self._http.server_port}"

    def __enter__(self) -> ProtocolServer:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def methods(self) -> list[str]:
        """The methods that were called, in order."""
        return [call.method for call in self.calls]

    def answered(self) -> dict[str, Any]:
        """Request → answer, of the answers that have come since."""
        found = {}
        while not self.answers.empty():
            request, answer = self.answers.get()
            found[request] = answer
        return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_Handler):
            def answer(self, call: Call) -> list[Step] | None:
                return server._answer(call)

            def excuse(self, method: str) -> tuple[int, bytes] | None:
                return server._excuse(method)

        return Handler

    def _excuse(self, method: str) -> tuple[int, bytes] | None:
        """The status and the body of an answer that is not given; the status 0 breaks the connection."""
        if self.breaks.get(method, 0):
            self.breaks[method] -= 1
            return 0, b""
        refusals = self.refusals.get(method)
        return refusals.pop(0) if refusals else None

    def _answer(self, call: Call) -> list[Step] | None:
        self.calls.append(call)
        request = call.headers.get("x-request-id", "")
        if call.method == "GetGeneralEventsStream":
            return self.streams.pop(0) if self.streams else [END]
        if call.method == "GetGeneralEventData":
            return self.images[request]
        if call.method == "DownloadImages":
            asked = ImagesHashes()
            asked.ParseFromString(call.body)
            return self.images_by_hash[asked.images_hashes[0]]
        if call.method == "SendGeneralEventData":
            self.answers.put((request, json.loads(b"".join(part.buffer for part in chunks_of(call.body)))))
        return None


def chunks_of(body: bytes) -> list[Chunk]:
    """The parts of an answer of the model."""
    parts = []
    for content in messages_of([body]):
        part = Chunk()
        part.ParseFromString(content)
        parts.append(part)
    return parts


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, but not that a model was killed in the middle of a stream."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, call: Call) -> list[Step] | None:
        """The steps of a stream, or None for an empty answer."""
        raise NotImplementedError

    def excuse(self, method: str) -> tuple[int, bytes] | None:
        raise NotImplementedError

    def do_POST(self) -> None:
        method = self.path.rpartition("/")[2]
        assert self.path == f"/agent/{method}"
        body = self._body()
        excuse = self.excuse(method)
        if excuse is not None:
            self._refuse(*excuse)
            return
        steps = self.answer(Call(method, {name.lower(): text for name, text in self.headers.items()}, body))
        self.send_response(200)
        if steps is None:
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for step in steps:
            if callable(step):
                step()
            elif step == CUT:
                self._cut()
            else:
                part = b"" if step == END else step
                assert isinstance(part, bytes)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def _refuse(self, status: int, text: bytes) -> None:
        if not status:
            self._cut()
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: Any) -> None:
        pass
