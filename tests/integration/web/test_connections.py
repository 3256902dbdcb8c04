"""How many connections a client may have, and how long each may take; whose word about addresses counts."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_network
from typing import Any, cast

import httpx2
import pytest

from agent.settings import read_settings
from tests.support.web_server import TOKEN
from web_stub import connections
from web_stub.connections import Connections

GET = b"GET /api/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\n"
UPLOAD = b"POST /api/models?name=x HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000000\r\n"
TOKEN_HEADER = b"x-api-key: " + TOKEN.encode() + b"\r\n"


@pytest.fixture
def short(monkeypatch):
    """All times are a fraction of what they are; a server looks at them once a second."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(connections, "STRANGER_S", 0.5)
    monkeypatch.setattr(connections, "STALL_S", 2.0)


@pytest.fixture
def connect(start_server):
    opened: list[Any] = []

    def connect(text: bytes) -> socket.socket:
        server = opened[0] if opened else start_server()
        if not opened:
            opened.append(server)
        host, port = server.url.removeprefix("http://").split(":")
        made = socket.create_connection((host, int(port)), timeout=10)
        opened.append(made)
        made.sendall(text)
        return made

    yield connect
    for made in opened[1:]:
        made.close()


def is_closed_within(made: socket.socket, seconds: float) -> bool:
    made.settimeout(seconds)
    try:
        while made.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET",
        GET + b"x-a: b\r\n",
        b"POST /login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 900\r\n\r\ntoken=",
    ],
    ids=["nothing", "a word", "half a head", "half a login"],
)
def test_half_a_request_of_a_stranger_is_closed_when_its_time_is_over(connect, short, text):
    assert is_closed_within(connect(text), 5)


def test_a_byte_now_and_then_does_not_help_a_stranger(connect, short):
    made = connect(GET)

    def send_now_and_then() -> None:
        for _ in range(60):
            time.sleep(0.1)
            made.sendall(b"x")

    with pytest.raises(ConnectionError):
        send_now_and_then()


def test_an_upload_may_take_long_and_is_closed_only_when_it_stands_still(connect, short):
    made = connect(UPLOAD + TOKEN_HEADER + b"\r\n")
    for _ in range(8):
        time.sleep(0.5)
        made.sendall(b"some of the tar")

    assert not is_closed_within(made, 0.5)
    assert is_closed_within(made, 6)


def test_a_stream_that_has_no_news_stays_open(connect, short):
    made = connect(b"GET /api/stream HTTP/1.1\r\nhost: 127.0.0.1\r\n" + TOKEN_HEADER + b"\r\n")

    assert not is_closed_within(made, 4)


def test_a_head_without_end_is_refused(connect):
    made = connect(GET)
    try:
        for number in range(100):
            made.sendall(b"x-%d: " % number + b"a" * 2000 + b"\r\n")
        answer = made.recv(1000)
    except ConnectionError:
        return
    assert answer.startswith(b"HTTP/1.1 400")


# ---------------------------------------------------------------- making room


class Held:
    """A connection as `Connections` sees it."""

    def __init__(self, source="10.0.0.1", admitted=False):
        self.source, self.admitted, self.closed = source, admitted, False
        self.transport = self

    def is_admitted(self):
        return self.admitted

    def abort(self):
        self.closed = True


def add(to: Any, *held: Held) -> None:
    for one in held:
        to.add(one)


def test_an_address_with_too_many_connections_loses_the_stranger_that_has_waited_longest():
    room = Connections(8)
    admitted, first, second, third = Held(admitted=True), Held(), Held(), Held()
    add(room, admitted, first, second, third)
    other, fifth = Held("10.0.0.2"), Held()
    add(room, other, fifth)

    assert [one.closed for one in (admitted, first, second, third, other, fifth)] == [False, True, *[False] * 4]
    room.remove(cast("Any", first))  # as the transport tells a moment later
    assert len(room) == 5


def test_an_address_whose_requests_were_all_admitted_gets_no_more():
    room = Connections(8)
    streams = [Held(admitted=True) for _ in range(4)]
    add(room, *streams, late := Held())

    assert late.closed
    assert not any(one.closed for one in streams)


def test_when_there_are_too_many_in_all_the_address_with_most_of_them_makes_room():
    room = Connections(8)
    many = [Held() for _ in range(4)]
    few = [Held(f"10.0.1.{number}") for number in range(4)]
    add(room, *few, *many, last := Held("10.0.2.1"))

    assert [one.closed for one in many] == [True, False, False, False]
    assert not any(one.closed for one in (*few, last))


def test_a_trusted_proxy_brings_as_many_as_all_may_have():
    room = Connections(8, [ip_network("10.0.0.0/24")])
    brought = [Held() for _ in range(8)]
    add(room, *brought)

    assert not any(one.closed for one in brought)
    add(room, Held())
    assert brought[0].closed


# ---------------------------------------------------------------- forwarded addresses


def refused_as(server, address: str) -> int:
    answer = httpx2.get(
        f"{server.url}/api/tasks", headers={"x-api-key": "a guess", "x-forwarded-for": address}, timeout=20
    )
    return answer.status_code


def test_who_names_another_address_in_each_request_guesses_no_faster(start_server, monkeypatch):
    monkeypatch.setattr("web_stub.auth.tokens.Throttle.turn", lambda self, address: None if "127" in address else 0.0)

    assert refused_as(start_server(), "10.0.0.9") == 429


def test_a_trusted_proxy_is_believed(start_server, settings, monkeypatch):
    monkeypatch.setattr("web_stub.auth.tokens.Throttle.turn", lambda self, address: None if "127" in address else 0.0)

    assert refused_as(start_server(trusted_proxies="127.0.0.0/8, ::1"), "10.0.0.9") == 401


def test_a_proxy_that_is_no_address_is_refused():
    _, refused = read_settings({"trusted_proxies": "proxy.lab"})

    assert "proxy.lab" in refused["trusted_proxies"]
