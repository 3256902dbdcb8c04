"""The requests to one deployed model, from the question to the answer. Pure but for its memory.

A request waits, then is at the model, then is answered. Clients take turns, so one that asks for a thousand images
delays another by one image. The model loads the images of four requests and answers them in their order, so a few more
are sent ahead, and the others stay here, where they may still be dropped. A model that asks anew has forgotten what it
had: those that are at the model are sent again, before all others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from web_stub.broker.errors import TooMany

WAITING = 256  # requests that may wait for a model
RESERVED = 64  # further ones, each the only one of its client: nobody can fill the line for all
AT_MODEL = 8  # twice as many as the SDK loads ahead
MOST_BREAKS = 3  # a request is sent so often at most, if the model was at it each time that it asked anew
FORGOTTEN_S = 60.0  # a request that nobody waits for holds its place at the model for so long at most


@dataclass(slots=True)
class Times:
    """When it happened, in seconds of one clock; None: it has not."""

    asked: float
    sent: float | None = None  # to the model, for the last time
    fetched: float | None = None  # the model has the image
    answering: float | None = None  # the answer begins to come
    answered: float | None = None


@dataclass(slots=True, eq=False)
class Request:
    id: str
    client: str  # who takes turns with the others
    data: bytes  # JSON, as the model gets it
    times: Times
    image: bytes | None = None  # the file; None: the model needs none, or gets one by its hash
    breaks: int = 0  # how often the model was at it when it asked anew


@dataclass(slots=True)
class _AtModel:
    request: Request | None  # None: nobody waits for the answer
    forgotten_at: float = field(default=0.0)


class Line:
    def __init__(self, *, waiting: int = WAITING, reserved: int = RESERVED, at_model: int = AT_MODEL) -> None:
        self._most, self._reserved, self._most_at_model = waiting, reserved, at_model
        self._waiting: dict[str, deque[Request]] = {}  # by client; the client whose turn it is comes first
        self._again: deque[Request] = deque()  # were at the model, which has asked anew
        self._at_model: dict[str, _AtModel] = {}

    # ---------------------------------------------------------------- counts

    @property
    def waiting(self) -> int:
        return sum(len(requests) for requests in self._waiting.values())

    @property
    def running(self) -> int:
        """Requests whose answer somebody waits for, and that the model has or had before it asked anew."""
        return len(self._again) + sum(1 for place in self._at_model.values() if place.request is not None)

    def __iter__(self) -> Iterator[Request]:
        """Every request that is not answered."""
        yield from self._again
        yield from (place.request for place in self._at_model.values() if place.request is not None)
        for requests in self._waiting.values():
            yield from requests

    # ---------------------------------------------------------------- the client's side

    def add(self, request: Request) -> None:
        """Raises TooMany."""
        most = self._most + (0 if request.client in self._waiting else self._reserved)
        if (waiting := self.waiting) >= most:
            raise TooMany(f"{waiting} requests wait for this model already; ask again when some are answered")
        self._waiting.setdefault(request.client, deque()).append(request)

    def drop(self, request: Request, now: float) -> None:
        """Nobody waits for it any more. One that the model has keeps its place there until the answer comes, or a
        minute: otherwise clients that come and go would pile up work. Idempotent.
        """
        if (place := self._at_model.get(request.id)) is not None:
            place.request, place.forgotten_at = None, now + FORGOTTEN_S
        elif request in self._again:
            self._again.remove(request)
        elif request in (requests := self._waiting.get(request.client, deque())):
            requests.remove(request)
            if not requests:
                del self._waiting[request.client]

    # ---------------------------------------------------------------- the model's side

    def reopen(self) -> Request | None:
        """The model asks anew: it has nothing any more. The request at which it breaks each time, if there is one: that
        is not sent again, or it would end every model to come.

        The model answers in the order in which it was asked, so it was at the first one that it had not answered.
        """
        first = next(iter(self._at_model.values()), None)
        kept = [place.request for place in self._at_model.values() if place.request is not None]
        self._at_model.clear()
        given_up = None
        if first is not None and first.request is not None:
            first.request.breaks += 1
            if first.request.breaks >= MOST_BREAKS:
                given_up = kept.pop(0)
        self._again = deque([*kept, *self._again])  # these were at the model before it asked the last time
        return given_up

    def take(self, now: float) -> list[Request]:
        """What is to be sent to the model now."""
        places = self._at_model.items()
        for id_ in [id_ for id_, place in places if place.request is None and place.forgotten_at <= now]:
            del self._at_model[id_]
        taken = []
        while len(self._at_model) < self._most_at_model and (request := self._next()) is not None:
            self._at_model[request.id] = _AtModel(request)
            request.times.sent, request.times.fetched, request.times.answering = now, None, None
            taken.append(request)
        return taken

    def _next(self) -> Request | None:
        if self._again:
            return self._again.popleft()
        if not self._waiting:
            return None
        client = next(iter(self._waiting))
        requests = self._waiting.pop(client)
        request = requests.popleft()
        if requests:
            self._waiting[client] = requests  # behind all others
        return request

    def find(self, id_: str) -> Request | None:
        """A request that the model has, or had before it asked anew; None where nobody waits for its answer."""
        if (place := self._at_model.get(id_)) is not None:
            return place.request
        return next((request for request in self._again if request.id == id_), None)

    def answer(self, id_: str) -> Request | None:
        """Its answer has come. None where it had one, or nobody waits for it: then the answer is worth nothing."""
        if (place := self._at_model.pop(id_, None)) is not None:
            return place.request
        request = self.find(id_)
        if request is not None:
            self._again.remove(request)
        return request
