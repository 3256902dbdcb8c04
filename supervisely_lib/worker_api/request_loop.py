"""The threads of a deployed model.

                    ┌─> loaders: the image of the request ─┐
    reader: events ─┤                                      ├─> the model ─> senders: the answer
                    └────────── in their order ────────────┘

The model runs in the thread that calls `run`, one request at a time and in the order of the events, while the images
of the next requests are loaded and earlier answers are sent. All queues are bounded: with too much to do, the reader
waits, and the server keeps the events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import Queue
from typing import Any, NamedTuple

LOADERS = 4
SENDERS = 4
# Requests whose images are in memory: those that are being loaded, those that wait, and the one in the model.
LOADED = LOADERS

_END = None


class _Request(NamedTuple):
    event: Any
    loaded: Future[Any]


class RequestLoop:
    """Answers the events of one connection.

    load(event): what the model needs of an event. It may raise.
    answer(event, loaded): the answer; `loaded()` gives what `load` gave, or raises its error.
    send(event, answer): must not raise.
    """

    def __init__(
        self,
        load: Callable[[Any], Any],
        answer: Callable[[Any, Callable[[], Any]], Any],
        send: Callable[[Any, Any], object],
        waiting: int,
    ) -> None:
        self._load, self._answer, self._send = load, answer, send
        self._to_load: Queue[_Request | None] = Queue(waiting)
        self._in_order: Queue[_Request | None] = Queue(waiting)
        self._answers: Queue[tuple[Any, Any] | None] = Queue(waiting)
        self._slots = threading.Semaphore(LOADED)
        self._failure: BaseException | None = None

    def run(self, events: Iterable[Any]) -> None:
        """Return when all events are answered and all answers are sent. An error of `events` is raised then."""
        self._start(1, self._read, events)
        self._start(LOADERS, self._load_all)
        senders = self._start(SENDERS, self._send_all)
        for request in iter(self._in_order.get, _END):
            self._answers.put((request.event, self._answer(request.event, request.loaded.result)))
            del request  # with its image
            self._slots.release()
        self._answers.put(_END)
        for thread in senders:
            thread.join()
        if self._failure is not None:
            raise self._failure

    @staticmethod
    def _start(count: int, target: Callable[..., None], *args: Any) -> list[threading.Thread]:
        # Daemons: they must not keep a process that a model has ended.
        threads = [threading.Thread(target=target, args=args, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def _read(self, events: Iterable[Any]) -> None:
        try:
            for event in events:
                request = _Request(event, Future())
                self._to_load.put(request)
                self._in_order.put(request)
        except BaseException as error:  # noqa: BLE001 - raised by `run`
            self._failure = error
        self._to_load.put(_END)
        self._in_order.put(_END)

    def _load_all(self) -> None:
        while True:
            # First the slot, then the request: so the oldest request has a slot whenever the model waits for it.
            self._slots.acquire()
            request = self._to_load.get()
            if request is _END:
                self._to_load.put(_END)  # for the other loaders
                self._slots.release()
                return
            try:
                request.loaded.set_result(self._load(request.event))
            except BaseException as error:  # noqa: BLE001 - raised where the result is used
                request.loaded.set_exception(error)
            del request

    def _send_all(self) -> None:
        for item in iter(self._answers.get, _END):
            self._send(*item)
        self._answers.put(_END)  # for the other senders
