"""Messages in a stream: each is a frame of four bytes, its length (big-endian), and the message (agent_rpc.md 1)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

_LENGTH = struct.Struct(">I")
MAX_LENGTH = 256 << 20  # bytes of a message; the server sends images in messages of a megabyte


class BrokenStream(RuntimeError):
    """A stream that ends inside a frame, or whose frame is too long."""


def frame(message: bytes) -> bytes:
    """A message as a frame."""
    return _LENGTH.pack(len(message)) + message


def messages_of(pieces: Iterable[bytes], max_length: int = MAX_LENGTH) -> Iterator[bytes]:
    """The messages of a stream that comes in pieces of any size; frames of length 0 keep it alive and are left out.

    Raises BrokenStream after the messages before it.
    """
    held = bytearray()
    for piece in pieces:
        held += piece
        at = 0
        while len(held) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(held, at)
            if length > max_length:
                raise BrokenStream(f"The stream has a frame of {length} bytes; {max_length} are allowed.")
            begin, end = at + _LENGTH.size, at + _LENGTH.size + length
            if len(held) < end:
                break
            if length:
                yield bytes(memoryview(held)[begin:end])
            at = end
        del held[:at]
    if held:
        raise BrokenStream(f"The stream ended inside a frame, after {len(held)} bytes of it.")
