"""The answer of Docker's engine over its socket, received whole however it is cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import pytest

from agent.engines import docker_logs
from agent.engines.docker_logs import LogDropped, LogGone

HEADER = b"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n"


def received(pieces: Sequence[bytes]) -> bytes:
    ours, theirs = socket.socketpair()

    def send() -> None:
        with theirs:
            for piece in pieces:
                theirs.sendall(piece)

    ours.settimeout(60)
    sender = threading.Thread(target=send)
    sender.start()
    with ours:
        body = b"".join(docker_logs._body(ours))
    sender.join()
    return body


@pytest.mark.parametrize("lines", [0, 1, 5000])
def test_a_burst_of_lines_arrives_whole_and_in_order(lines: int) -> None:
    pieces = [b"line %d of a log\n" % number for number in range(lines)]

    assert received([HEADER, *pieces]) == b"".join(pieces)
    assert received([HEADER[:20], HEADER[20:] + b"".join(pieces)]) == b"".join(pieces)


def test_what_follows_a_piece_at_once_comes_with_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        theirs.sendall(b"second")
        theirs.close()

        assert docker_logs._with_more(ours, b"first ") == b"first second"
        assert ours.gettimeout() is not None
        assert list(docker_logs._pieces(ours)) == []


def test_nothing_that_follows_delays_no_piece() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert docker_logs._with_more(ours, b"alone") == b"alone"


def test_an_answer_without_a_log_is_told() -> None:
    with pytest.raises(LogGone):
        received([b"HTTP/1.0 404 Not Found\r\n\r\n"])
    with pytest.raises(LogDropped, match="engine answered HTTP"):
        received([b"HTTP/1.0 500 Oh\r\n\r\n{}"])
    with pytest.raises(LogDropped, match="before it answered"):
        received([])
