"""Messages in a stream of the protocol: four bytes of length, big-endian, and the message; length 0 says nothing. Pure.

Source: docs/contract/agent_rpc.md 1, confirmed by running the original agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message

KEEP_ALIVE = bytes(4)
KEEP_ALIVE_S = 5.0  # the agent gives a silent stream up after 15 seconds


def frame(message: Message) -> bytes:
    """The message as it goes into a stream. An empty message would be a keep-alive, and no message of ours is empty."""
    data = message.SerializeToString()
    return len(data).to_bytes(4) + data
