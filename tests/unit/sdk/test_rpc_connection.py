"""Bodies of answers as the server of a deployed model may send them, and addresses of servers."""

from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from typing import Any

import pytest

from supervisely_lib.worker_api import connection
from supervisely_lib.worker_api.connection import (
    AgentNotConnected,
    ConnectionFailed,
    RequestRefused,
    Server,
    ServerSilent,
    Timeouts,
    _pieces,
    _refusal,
)


class Socket:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self.content)


def answer(head: bytes, body: bytes = b"", status: bytes = b"200 OK") -> HTTPResponse:
    content = b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\n" + body
    found = HTTPResponse(Socket(content), method="POST")  # type: ignore[arg-type]
    found.begin()
    return found


DEFLATED = zlib.compress(b"abcdef" * 9)


@pytest.mark.parametrize(
    ("head", "body", "content"),
    [
        (b"Content-Length: 6\r\n", b"abcdef", b"abcdef"),
        (b"Content-Length: 6\r\n", b"abcdef and the next answer", b"abcdef"),
        (b"Content-Length: 0\r\n", b"", b""),
        (b"Transfer-Encoding: chunked\r\n", b"2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n", b"abcdef"),
        (b"", b"abcdef", b"abcdef"),
        (b"Content-Encoding: deflate\r\nContent-Length: %d\r\n" % len(DEFLATED), DEFLATED, b"abcdef" * 9),
    ],
)
def test_a_body_is_read_to_its_end(head: bytes, body: bytes, content: bytes) -> None:
    assert b"".join(_pieces(answer(head, body))) == content


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 7\r\n", b"abcdef"),
        (b"Transfer-Encoding: chunked\r\n", b"9\r\nabcdef"),
        (b"Transfer-Encoding: chunked\r\n", b"6\r\nabcdef\r\n"),
    ],
)
def test_a_body_that_is_cut_off_is_an_error(head: bytes, body: bytes) -> None:
    pieces = _pieces(answer(head, body))

    assert next(pieces) == b"abcdef"
    with pytest.raises((ConnectionFailed, HTTPException)):
        list(pieces)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": "no such task"}', "no such task"),
        (b'{"other": 1}', r'\{"other": 1\}'),
        (b"[1]", r"\[1\]"),
        (b"plain \xff", "plain \ufffd"),
        (b"", "Forbidden"),
    ],
)
def test_the_reason_of_a_refusal_is_what_the_server_says(body: bytes, words: str) -> None:
    refusal = _refusal("Log", answer(b"", body, b"403 Forbidden"))

    assert refusal.status == 403
    with pytest.raises(type(refusal), match=f"^The server refused Log with status 403: {words}$"):
        raise refusal
    assert not isinstance(refusal, AgentNotConnected)


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("host:8000", "http://host:8000/agent"),
        ("http://host/", "http://host/agent"),
        ("https://host/below/", "https://host/below/agent"),
        ("http://[::1]:5", "http://[::1]:5/agent"),
    ],
)
def test_the_methods_are_below_the_address_of_the_server(address: str, base: str) -> None:
    assert Server(address).address == base


@pytest.mark.parametrize("address", ["", "http://", "ftp://host"])
def test_an_address_that_is_no_server_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="neither a host nor a URL of http or https"):
        Server(address)


def post(address: tuple[str, int]) -> Any:
    return Server("{}:{}".format(*address)).post("Log", {}, b"", Timeouts(connect_s=5, read_s=0.01))


def test_a_server_that_nobody_runs_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionFailed, match=r"^No connection to 127\.0\.0\.1:\d+: "), post(unused.getsockname()):
            pass


def test_a_server_that_stays_silent_is_left() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        words = r"^Log: nothing came from the server for 0\.01 s\.$"
        with pytest.raises(ServerSilent, match=words), post(silent.getsockname()):
            pass


def test_a_server_that_refuses_a_long_body_before_its_end_is_heard() -> None:
    def refuse(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo long")

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=refuse, args=(listening,), daemon=True)
        thread.start()
        server = Server("{}:{}".format(*listening.getsockname()))
        body = (bytes(1 << 20) for _ in range(64))
        words = r"^The server refused Log with status 413: too long$"
        with pytest.raises(RequestRefused, match=words), server.post("Log", {}, body, Timeouts(5, 30)):
            pass
        thread.join()


class Answers:
    """A server that answers with these bytes, one connection after the other: what it got, by connection."""

    def __init__(self, *connections: list[bytes]) -> None:
        self.received: list[list[bytes]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, args=(connections,))
        self._thread.start()
        self.server = Server("{}:{}".format(*self._listening.getsockname()))

    def _serve(self, connections: tuple[list[bytes], ...]) -> None:
        for answers in connections:
            opened, _ = self._listening.accept()
            self.received.append([])
            with opened:
                for text in answers:
                    self.received[-1].append(opened.recv(100_000))
                    opened.sendall(text)

    def ask(self, body: Any = b"") -> bytes:
        with self.server.post("Log", {}, body, Timeouts(5, 30)) as pieces:
            return b"".join(pieces)

    def close(self) -> None:
        self._listening.close()
        self._thread.join()


@pytest.fixture
def answers() -> Iterator[Any]:
    started: list[Answers] = []

    def start(*connections: list[bytes]) -> Answers:
        started.append(Answers(*connections))
        return started[0]

    yield start
    started[0].close()


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
LAST = WHOLE.replace(b"Content", b"Connection: close\r\nContent")
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"


@pytest.mark.parametrize("first", [WHOLE, IN_CHUNKS])
def test_the_next_request_goes_over_the_same_connection_and_in_one_piece(answers: Any, first: bytes) -> None:
    server = answers([first, WHOLE, WHOLE])

    assert [server.ask(b"one"), server.ask([b"two", b"three"]), server.ask()] == [b"yes"] * 3
    ((one, two, three),) = server.received
    assert one.endswith(b"\r\n\r\none")
    assert two.endswith(b"\r\n\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")
    assert three.endswith(b"\r\n\r\n")


def test_an_answer_without_content_keeps_its_connection_too(answers: Any) -> None:
    server = answers([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WHOLE])

    assert [server.ask(), server.ask()] == [b"", b"yes"]


@pytest.mark.parametrize("last", [LAST, b"HTTP/1.1 200 OK\r\n\r\nyes"], ids=["says so", "ends the body so"])
def test_a_connection_that_the_server_closes_is_not_used_again(answers: Any, last: bytes) -> None:
    server = answers([last], [WHOLE])

    assert [server.ask(), server.ask()] == [b"yes"] * 2


def test_a_connection_of_an_answer_that_was_refused_or_left_is_not_used_again(answers: Any) -> None:
    server = answers([REFUSED], [WHOLE], [WHOLE])

    with pytest.raises(RequestRefused):
        server.ask()
    with server.server.post("Log", {}, b"", Timeouts(5, 30)) as pieces:
        del pieces
    assert server.ask() == b"yes"


def test_a_connection_that_is_old_is_not_used_again(answers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_KEPT_S", 0.0)
    server = answers([WHOLE], [WHOLE])

    assert [server.ask(), server.ask()] == [b"yes"] * 2


def test_a_connection_that_breaks_at_the_next_request_is_replaced_once(
    answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_can_be_read", lambda sock: False)  # its end comes after the look
    server = answers([WHOLE], [b""])

    assert server.ask() == b"yes"
    with pytest.raises(ConnectionFailed, match=r"^Log: the connection to the server broke: RemoteDisconnected"):
        server.ask()
    assert len(server.received) == 2
