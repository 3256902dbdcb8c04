from __future__ import annotations

import asyncio
from typing import Any

from web_stub.gathered import GatheredTransport


class Sent:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 100


def run(steps: Any) -> list[bytes]:
    sent = Sent()

    async def main() -> None:
        transport: Any = sent
        await steps(GatheredTransport(transport, asyncio.get_running_loop()))

    asyncio.run(main())
    return sent.pieces


def test_what_is_written_in_one_step_of_the_loop_is_sent_at_once() -> None:
    async def steps(transport: GatheredTransport) -> None:
        transport.write(b"head ")
        transport.write(b"body")
        assert transport.get_write_buffer_size() == 109
        await asyncio.sleep(0)
        assert transport.get_write_buffer_size() == 100
        transport.write(b"next")
        await asyncio.sleep(0)

    assert run(steps) == [b"head body", b"next"]


def test_much_is_sent_as_it_comes() -> None:
    async def steps(transport: GatheredTransport) -> None:
        for part in (b"a", bytes(1 << 20), b"b", bytes(1 << 20)):
            transport.write(part)
        transport.write(b"c")
        await asyncio.sleep(0)

    assert [len(piece) for piece in run(steps)] == [(1 << 20) + 1, (1 << 20) + 1, 1]


def test_a_transport_that_is_closed_sends_what_it_holds_and_nothing_more() -> None:
    async def steps(transport: GatheredTransport) -> None:
        transport.write(b"last")
        transport.close()
        assert transport.closed  # of the transport itself
        transport.write(b"too late")
        await asyncio.sleep(0)

    assert run(steps) == [b"last"]
