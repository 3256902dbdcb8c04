"""Messages in a stream of the protocol: four bytes of length, big-endian, and the message; length 0 says nothing. Pure.

Source: docs/contract/agent_rpc.md 1, confirmed by running the original agent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.errors import BadInput

if TYPE_CHECKING:
    from google.protobuf.message import Message

KEEP_ALIVE = bytes(4)
KEEP_ALIVE_S = 5.0  # the agent gives a silent stream up after 15 seconds
FRAME_BYTES = 16 << 20  # of a frame that comes; models send a megabyte in each
_HEAD = 4
_KEEP_ALIVES = re.compile(rb"(?:\0{4})+")


def frame(message: Message) -> bytes:
    """The message as it goes into a stream. An empty message would be a keep-alive, and no message of ours is empty."""
    data = message.SerializeToString()
    return len(data).to_bytes(_HEAD) + data


class FrameReader:
    """The messages of a stream that comes in pieces of any size."""

    def __init__(self, most: int = FRAME_BYTES) -> None:
        self._most = most
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The messages that this piece completes. BadInput for a frame that is too long."""
        self._held += piece
        at = 0
        while len(self._held) - at >= _HEAD:
            begin = at + _HEAD
            length = int.from_bytes(self._held[at:begin])
            if length > self._most:
                raise BadInput(f"a frame of the stream has {length:,} bytes; {self._most:,} are allowed")
            if len(self._held) < begin + length:
                break
            if length:
                yield bytes(memoryview(self._held)[begin : begin + length])
                at = begin + length
            elif run := _KEEP_ALIVES.match(self._held, at):  # all of them at once: a body of zeros costs nothing
                at = run.end()
                del run  # it holds the bytes, which are to be shortened
        del self._held[:at]

    def finish(self) -> None:
        """BadInput for a stream that ends inside a frame."""
        if self._held:
            raise BadInput(f"the stream ends inside a frame, after {len(self._held):,} bytes of it")
