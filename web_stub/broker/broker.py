"""Requests that wait for answers of deployed models, and models that wait for requests.

Everything happens on one event loop. A request wakes the stream of its model at once, an answer wakes the client that
waits for it; nothing is polled. One watcher looks for tasks that have ended, whenever the store has changed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool

from agent.errors import AgentError, NotFound, StorageFailed
from web_stub.broker.errors import Gone, Interrupted, ModelFailed, TimedOut
from web_stub.broker.line import Line, Request, Times
from web_stub.broker.room import Room

if TYPE_CHECKING:
    from agent.store import Store
    from web_stub.event_stream import Hub

logger = logging.getLogger(__name__)

T = TypeVar("T")
THREADS = 4  # for the calls of all models; the pool of the web has forty
KEEP_ALIVE_S = 5.0  # a model gives a silent stream up after 15 seconds
ANSWER_BYTES = 64 << 20
ANSWERS_AT_ONCE = 4  # of a model that are being received; the SDK sends so many
_LOOK_S = 5.0  # a task whose end nobody told is found so late at most
_REST_S = 0.2  # between two looks


@dataclass(frozen=True, slots=True)
class Answer:
    content: bytes  # as the model sent it
    times: Times


@dataclass(eq=False)
class _Channel:
    """The requests to one task and the stream to its model."""

    line: Line = field(default_factory=Line)
    futures: dict[str, asyncio.Future[bytes]] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ANSWERS_AT_ONCE))
    streams: int = 0  # that were opened; only the newest counts
    is_connected: bool = False
    is_over: bool = False

    def fail(self, request: Request) -> None:
        """It is not sent again."""
        future = self.futures.get(request.id)
        if future is not None and not future.done():
            future.set_exception(
                ModelFailed(
                    f"the model has ended, or lost its connection, {request.breaks} times while it worked on this "
                    "request, which is not sent to it again; see the task's log"
                )
            )

    def end(self, error: AgentError) -> None:
        self.is_over = True
        for future in self.futures.values():
            if not future.done():
                future.set_exception(error)
        self.woken.set()


class Broker:
    """The deployed models of one web. Belongs to one event loop."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store, self._hub = store, hub
        self._channels: dict[int, _Channel] = {}
        self._unasked: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()
        self._watcher: asyncio.Task[None] | None = None
        self.room = Room()
        self._places = asyncio.Semaphore(THREADS)

    # ---------------------------------------------------------------- those who ask

    async def ask(
        self, task_id: int, data: bytes, *, image: bytes | None = None, client: str, limit_s: float
    ) -> Answer:
        """The answer of the model of a task to a request (JSON) with the file of an image, or none.

        `client` takes turns with others. A model that is not connected may connect within the time. Raises TooMany,
        TimedOut, Gone, Interrupted, ModelFailed. When this is cancelled, the request is dropped.
        """
        loop = asyncio.get_running_loop()
        channel = self._channel(task_id)
        request = Request(f"{task_id}-{secrets.token_hex(8)}", client, data, Times(loop.time()), image)
        try:
            channel.line.add(request)
            future = channel.futures[request.id] = loop.create_future()
            channel.woken.set()
            async with asyncio.timeout(limit_s):
                content = await future
            request.times.answered = loop.time()
            return Answer(content, request.times)
        except TimeoutError:
            raise TimedOut(_late(task_id, channel, request, limit_s)) from None
        finally:
            channel.futures.pop(request.id, None)
            channel.line.drop(request, loop.time())
            self._tidy(task_id, channel)

    def counts(self, task_id: int) -> tuple[int, int]:
        """Requests that wait, and requests that the model has."""
        channel = self._channels.get(task_id)
        return (channel.line.waiting, channel.line.running) if channel is not None else (0, 0)

    def is_connected(self, task_id: int) -> bool:
        """Whether the model of a task waits for requests."""
        channel = self._channels.get(task_id)
        return channel is not None and channel.is_connected

    # ---------------------------------------------------------------- the model

    async def requests(self, task_id: int) -> AsyncGenerator[Request | None]:
        """The requests for the model of a task as they come; None as a sign of life. Those that were sent in an earlier
        stream and have no answer come first. Ends when the task or this web ends, and when the model opens another.
        """
        loop = asyncio.get_running_loop()
        channel = self._channel(task_id)
        channel.streams += 1
        own = channel.streams
        if (given_up := channel.line.reopen()) is not None:
            channel.fail(given_up)
        channel.is_connected = True
        channel.woken.set()  # the stream before ends
        try:
            yield None
            while channel.streams == own and not channel.is_over and not self._hub.is_closed():
                channel.woken.clear()
                for request in channel.line.take(loop.time()):
                    yield request
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await channel.woken.wait()
                except TimeoutError:
                    yield None
        finally:
            if channel.streams == own:
                channel.is_connected = False
                self._tidy(task_id, channel)

    def find(self, task_id: int, request_id: str) -> Request | None:
        """A request that the model of this task has; None for any other."""
        channel = self._channels.get(task_id)
        return channel.line.find(request_id) if channel is not None else None

    def receiving(self, task_id: int) -> asyncio.Semaphore:
        """To be held while an answer comes: so many bytes are in memory at most."""
        if (channel := self._channels.get(task_id)) is not None:
            return channel.answers
        return self._unasked.setdefault(task_id, asyncio.Semaphore(1))  # kept as long as somebody holds or awaits it

    def answer(self, task_id: int, request_id: str, content: bytes | AgentError) -> None:
        """The answer of the model of this task to a request. The first one counts; any other is dropped."""
        channel = self._channels.get(task_id)
        if channel is None or channel.line.answer(request_id) is None:
            return
        channel.woken.set()  # there is a place at the model again
        future = channel.futures.get(request_id)
        if future is None or future.done():
            return
        if isinstance(content, AgentError):
            future.set_exception(content)
        else:
            future.set_result(content)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What `work` gives, in one of the few threads that the calls of models take, however many calls there are."""
        async with self._places:
            return await run_in_threadpool(work)

    # ---------------------------------------------------------------- the ends of tasks

    def _channel(self, task_id: int) -> _Channel:
        """Raises Interrupted."""
        if self._hub.is_closed():
            raise Interrupted("this server ends; ask the next one")
        channel = self._channels.get(task_id)
        if channel is None:
            channel = self._channels[task_id] = _Channel()
        if self._watcher is None or self._watcher.done():
            self._hub.start()
            self._watcher = asyncio.get_running_loop().create_task(self._watch())
        return channel

    def _tidy(self, task_id: int, channel: _Channel) -> None:
        is_idle = not channel.is_connected and not channel.futures
        if is_idle and self._channels.get(task_id) is channel:
            del self._channels[task_id]

    async def _watch(self) -> None:
        while self._channels:
            seen = self._hub.generation
            try:
                over = await run_in_threadpool(self._over, list(self._channels))
            except StorageFailed:  # away or busy: asked again
                over = {}
                await asyncio.sleep(1.0)
            for task_id, error in over.items():
                if (channel := self._channels.pop(task_id, None)) is not None:
                    channel.end(error)
            await self._hub.wait(seen, _LOOK_S)
            if self._hub.is_closed():
                break
            await asyncio.sleep(_REST_S)
        channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            channel.end(Interrupted("this server ends, and the request with it; ask the next one"))

    def _over(self, task_ids: list[int]) -> dict[int, AgentError]:
        """Tasks that have ended, and what their clients are told."""
        over: dict[int, AgentError] = {}
        for task_id in task_ids:
            try:
                task = self._store.tasks.get(task_id)
            except NotFound:
                over[task_id] = Gone(f"Task {task_id} was deleted, and the model with it.")
                continue
            if task.status.is_final:
                over[task_id] = Gone(gone_sentence(task_id, task.status.value, task.message))
        return over


def gone_sentence(task_id: int, status: str, message: str | None) -> str:
    return f"Task {task_id}, which served the model, has ended ({status}){': ' + message if message else '.'}"


def _late(task_id: int, channel: _Channel, request: Request, limit_s: float) -> str:
    if request.times.sent is not None:
        return f"the model of task {task_id} has had the request, and has not answered within {limit_s:g} s"
    if not channel.is_connected:
        return f"the model of task {task_id} has not connected to this server within {limit_s:g} s; see the task's log"
    return f"the model of task {task_id} was busy with other requests for {limit_s:g} s"
