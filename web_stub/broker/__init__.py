"""The broker between those who ask a deployed model and the model: in the memory of one web.

`line.py` decides which request is next, `broker.py` waits. A request lives as long as the client that waits for it, so
nothing of it is kept in the store (docs/decisions/0032-a-broker-in-the-webs-memory.md).
"""

from web_stub.broker.broker import ANSWER_BYTES, KEEP_ALIVE_S, Answer, Broker
from web_stub.broker.errors import Gone, Interrupted, ModelFailed, TimedOut, TooMany
from web_stub.broker.line import Request, Times
from web_stub.broker.room import Room

__all__ = [
    "ANSWER_BYTES",
    "KEEP_ALIVE_S",
    "Answer",
    "Broker",
    "Gone",
    "Interrupted",
    "ModelFailed",
    "Request",
    "Room",
    "TimedOut",
    "Times",
    "TooMany",
]
