"""Server-sent events: the events of a task as they happen, from any of them on.

One thread per app waits for the store to change; every stream waits for that thread on the event loop. FastAPI would
encode the messages of an endpoint for each client anew; here a feed (`feeds.py`) reads and encodes a message once for
all streams that have arrived at it. The id of a message is the sequence number of its last event, so a browser that
reconnects (Last-Event-ID) misses nothing and sees nothing twice.

A stream brings the news of one source, or of many: a browser opens one for all its tabs, because it has only six
connections to a host. In a stream of many each message begins with a line of data: the number of its source, and the
mark of the state in which it leaves the source's reader. Who sends the mark back gets what has changed since.

The messages of a task's stream:

    batch   {"events": [...], "points": [{"series", "seq", "epoch", "value", "time_us"}]}   with an id
    state   {"task", "progress", "progress_count", "checkpoints", "series"}   when it has changed. The first message has
            every item of the lists, each further message the items that are new or have changed; of more than a hundred
            bars, which `progress_count` counts, those that moved last
    end     {"last"}                                               the task has ended and every event was sent:
                                                                   close, do not reconnect
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from agent.errors import StorageFailed
from web_stub.feeds import ListFeed, Row, TaskFeed, message
from web_stub.json_response import encode
from web_stub.task_cards import TaskCards

if TYPE_CHECKING:
    from agent.store import Store

logger = logging.getLogger(__name__)

HEARTBEAT_S = 15.0  # then a comment is sent, so that proxies and browsers know that the stream is alive
_REST_S = 0.01  # after the streams were woken: what is committed meanwhile comes in one message
_REST_PER_STREAM_S = 0.0002  # a woken stream takes about a tenth of a millisecond
_WAIT_S = 0.5  # the thread waits no longer at a time, which bounds the shutdown too
_RETRY_MS = 1000


def rest_s(streams: int) -> float:
    """How long so many streams rest after they were woken: the web has half of its time for everything else. Pure."""
    return _REST_S + _REST_PER_STREAM_S * streams


class Hub:
    """Wakes the streams of an app when the store changes. Its thread starts with the first stream."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._closed = False
        self._generation = 0
        self._woken: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._task_feeds: WeakValueDictionary[int, TaskFeed] = WeakValueDictionary()
        self._list_feeds: WeakValueDictionary[str, ListFeed] = WeakValueDictionary()
        self.open_streams = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts an open stream."""
        self.open_streams += 1
        try:
            yield
        finally:
            self.open_streams -= 1

    @property
    def generation(self) -> int:
        """Grows with every change seen. Read it before reading the store, wait for more after."""
        return self._generation

    def is_closed(self) -> bool:
        return self._closed

    def task_feed(self, task_id: int, cards: TaskCards) -> TaskFeed:
        """The feed that all streams of a task share; it lives as long as the last of them."""
        feed = self._task_feeds.get(task_id)
        if feed is None:
            feed = self._task_feeds[task_id] = TaskFeed(self.store, task_id, cards, lambda: self._generation)
        return feed

    def list_feed(self, key: str, name: str, read: Callable[[int], Sequence[Row]]) -> ListFeed:
        """The feed that all streams of the same list share, of whatever length. `key` tells the list from others;
        `name` is the name of its messages; `read` gives its first rows.
        """
        feed = self._list_feeds.get(key)
        if feed is None:
            feed = self._list_feeds[key] = ListFeed(name, lambda: self._generation, read)
        return feed

    async def wait(self, seen: int, timeout_s: float) -> bool:
        """True as soon as the generation is beyond `seen` or the hub closes; False after the timeout."""
        if self._generation > seen or self._closed:
            return True
        assert self._woken is not None
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def touch(self) -> None:
        """Wake the streams at once, after a change made through this app. From any thread."""
        self._call(self._wake)

    def close(self) -> None:
        """End every stream and the waiting thread. Idempotent, from any thread."""
        self._closed = True
        self._stop.set()
        self._call(self._wake)
        if self._thread is not None:
            self._thread.join()

    def start(self) -> None:
        """From here on no commit is missed. Idempotent. Called on the event loop, before the store is read."""
        if self._thread is None and not self._closed:
            self._loop = asyncio.get_running_loop()
            self._woken = asyncio.Event()
            seen = self.store.version()
            self._thread = threading.Thread(target=self._watch, args=(seen,), name="web-waiter", daemon=True)
            self._thread.start()

    def _watch(self, seen: int) -> None:
        while not self._stop.is_set():
            if self.store.wait_for_change(_WAIT_S, since=seen):
                seen = self.store.version()  # before waking: a commit after this wakes the streams again
                self._call(self._wake)
                self._stop.wait(rest_s(self.open_streams))

    def _call(self, callback: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    def _wake(self) -> None:
        self._generation += 1
        if self._woken is not None:
            self._woken.set()
            self._woken = asyncio.Event()


News = AsyncIterator[tuple[bytes, str] | None]  # messages with the mark after each; None when there was none for long


async def task_news(hub: Hub, feed: TaskFeed, cursor: int, mark: str = "") -> News:
    """Messages of a task after a cursor and a mark, until the task has ended or the hub closes."""
    number = feed.number_of(mark)
    hub.start()
    while not hub.is_closed():
        seen = hub.generation
        state, number, is_over = await feed.state(number, seen)
        mark = feed.mark_of(number)
        if state is not None:
            yield state, mark
        # read after the state: when the task had ended by then, no event can follow these
        while (batch := await feed.after(cursor)) is not None:
            text, cursor = batch
            yield text, mark
            if hub.is_closed():
                return
        if is_over:
            yield message("end", encode({"last": cursor})), mark
            return
        if not await hub.wait(seen, HEARTBEAT_S):
            yield None


async def list_news(hub: Hub, feed: ListFeed, limit: int, mark: str = "") -> News:
    """The first `limit` rows of a list: first all of them, then those that have changed; and the ids of all of them.

    cards   {"cards": [...], "ids": [...], "total", "counts"}   in the list's order; the feed's name stands for cards
    """
    number = feed.number_of(mark)
    hub.start()
    while not hub.is_closed():
        seen = hub.generation
        rows, number = await feed.after(number, limit, seen)
        if rows is not None:
            yield rows, feed.mark_of(number)
        if not await hub.wait(seen, HEARTBEAT_S):
            yield None


async def refusal_news(status: int, sentence: str) -> News:
    """The news of a source that cannot be read: why, and nothing more.

    refused   {"status", "error"}
    """
    yield message("refused", encode({"status": status, "error": sentence})), ""


async def stream_of_one(hub: Hub, news: News) -> AsyncIterator[bytes]:
    """The messages of one source."""
    with hub.counted():
        yield format_sse_event(retry=_RETRY_MS)
        async for item in news:
            yield KEEPALIVE_COMMENT if item is None else item[0]


async def stream_of_many(hub: Hub, sources: Sequence[News]) -> AsyncIterator[bytes]:
    """The messages of many sources as each has them, until the last of them has ended. A slow one delays no other."""
    ready: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=1)

    async def read(index: int, news: News) -> None:
        try:
            async for item in news:
                if item is not None:
                    text, mark = item
                    await ready.put(b"data: %d %b\n%b" % (index, mark.encode(), text))
            await ready.put(None)
        except Exception as error:  # noqa: BLE001 # raised below: the stream breaks, as that of a single source does
            await ready.put(error)

    with hub.counted():
        readers = [asyncio.create_task(read(index, news)) for index, news in enumerate(sources)]
        try:
            yield KEEPALIVE_COMMENT  # so that the client knows at once that it is served
            left = len(readers)
            while left:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        item = await ready.get()
                except TimeoutError:
                    item = KEEPALIVE_COMMENT
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    left -= 1
                else:
                    yield item
        finally:
            for reader in readers:
                reader.cancel()


def stream_response(messages: AsyncIterator[bytes]) -> EventSourceResponse:
    """Ends with its client: Starlette cancels the iterator when the connection goes away."""
    return EventSourceResponse(_while_stored(messages), headers={"x-accel-buffering": "no"})  # proxies would keep back


async def _while_stored(messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The messages until the store does not answer: the stream ends, and its reader connects again and is told why."""
    try:
        async for message in messages:
            yield message
    except StorageFailed as error:
        logger.info("an event stream ends: %s", error)
