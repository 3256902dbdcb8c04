"""A budget for each request: large work takes turns, and it ends when its client has gone or its time is spent.

Short requests are answered by the event loop and a small pool of threads. A route marked by `large` may need more than
a blink: a few of these run at once, a bounded number waits, so the others always find a free thread. Its loops call
`still_wanted`, which ends them. A large JSON body is parsed away from the event loop.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from agent.errors import AgentError, BadInput

T = TypeVar("T")
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]

AT_ONCE = 4  # large requests; the pool of threads has forty
WAITING = 64  # large requests that wait for their turn
TIME_S = 120.0  # of one large request, its wait not counted
_LARGE_BODY_BYTES = 256 << 10


class ClientGone(AgentError):
    """The client closed the connection before its answer: nobody reads this."""

    http_status = 499
    reason = "client_gone"


class TooBusy(AgentError):
    """As much large work waits already as is allowed to."""

    http_status = 503
    reason = "too_busy"


class TooMuchWork(BadInput):
    """The request took longer than a request may."""

    reason = "too_much_work"


@dataclass(slots=True)
class _Work:
    deadline: float
    gone: threading.Event = field(default_factory=threading.Event)


_work: ContextVar[_Work | None] = ContextVar("work", default=None)


def still_wanted() -> None:
    """To be called in every loop whose length a client decides. Raises ClientGone and TooMuchWork."""
    work = _work.get()
    if work is None:
        return
    if work.gone.is_set():
        raise ClientGone("the client has gone")
    if time.monotonic() > work.deadline:
        raise TooMuchWork(f"this takes longer than the {TIME_S:.0f} s a request may take; ask for less at a time")


def while_wanted(items: Iterable[T]) -> Iterator[T]:
    """The items, until nobody waits for them. Raises ClientGone and TooMuchWork."""
    iterator = iter(items)
    try:
        for item in iterator:
            still_wanted()
            yield item
    finally:
        if isinstance(iterator, Generator):  # at once: the traceback would keep it
            iterator.close()


def large(endpoint: _Endpoint) -> _Endpoint:
    """Mark an endpoint of a BudgetRoute whose work grows with the request or with the library."""
    endpoint.is_large = True  # type: ignore[attr-defined]
    return endpoint


class Turns:
    """The turns of large requests. Belongs to an app."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._count = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def take(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` gives, when its turn has come. Raises TooBusy.

        When this is cancelled, work that has begun keeps its turn until it ends: no thread can be stopped from outside.
        """
        if self._count >= self._most:
            raise TooBusy("the server is busy with other large requests; try again in a few seconds")
        self._count += 1
        try:
            await self._places.acquire()
        except BaseException:
            self._count -= 1
            raise
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._count -= 1
        self._places.release()
        _forget(task)


class BudgetRoute(APIRoute):
    """A route that honours `large`. Its app has its Turns as `state.turns`."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()
        if asyncio.iscoroutinefunction(self.endpoint):
            return handle

        async def budgeted(request: Request) -> Response:
            try:
                body = await request.body()
            except ClientDisconnect:
                raise ClientGone("the client has gone") from None

            async def work() -> Response:
                if len(body) <= _LARGE_BODY_BYTES:
                    return await handle(request)
                # An own loop in a thread: the framework parses and checks a body on the loop that it runs on.
                return await run_in_threadpool(lambda: asyncio.run(handle(request)))

            if not getattr(self.endpoint, "is_large", False):
                return await work()
            return await in_turn(request, work)

        return budgeted


async def in_turn(request: Request, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives when its turn among large requests has come, within the budget of one.

    For a route that waits for something else before, as an `async` endpoint. Raises TooBusy, ClientGone, TooMuchWork.
    """
    turns: Turns = request.app.state.turns

    async def within_budget() -> T:
        own.deadline = time.monotonic() + TIME_S
        return await work()

    own = _Work(time.monotonic() + TIME_S)
    token = _work.set(own)
    try:
        return await unless_gone(request, turns.take(within_budget))
    except ClientGone:
        own.gone.set()
        raise
    finally:
        _work.reset(token)


@contextmanager
def wanted_until(gone: threading.Event) -> Iterator[None]:
    """In the block `still_wanted` raises ClientGone once that is set: work for several requests, of any length."""
    token = _work.set(_Work(math.inf, gone))
    try:
        yield
    finally:
        _work.reset(token)


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. When the client leaves first, the work is cancelled and ClientGone raised."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone("the client has gone")
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            working.add_done_callback(_forget)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _forget(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # retrieved, or asyncio would complain of it
