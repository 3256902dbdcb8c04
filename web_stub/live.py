"""Server-sent events: what happens to a task, as it happens, from any point on.

One thread per app waits for the store to change; every stream waits for that thread on the event loop.
What follows a cursor is read and encoded once, however many streams stand at it. The id of a message
is the sequence number of its last event, so a browser that reconnects (Last-Event-ID) misses nothing
and sees nothing twice.

The messages of a task's stream:

    batch   {"events": [...], "points": [{"series", "seq", "epoch", "value", "time_us"}]}   with an id
    state   {"task", "progress", "checkpoints", "series"}                       whenever it changed
    end     {"status"}            the task is over and every event was sent: close, do not reconnect
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from web_stub.jsons import encode
from web_stub.views import TaskViews, View, checkpoint_view, event_view, progress_view, series_view

if TYPE_CHECKING:
    from agent.store import Store

HEARTBEAT_S = 15.0  # a comment line, so that proxies and browsers know the stream is alive
_COALESCE_S = 0.05  # a thousand commits a second wake the streams twenty times
_WAIT_S = 0.5  # how long the waiter looks away at most; bounds the shutdown too
_BATCH = 1000  # events in one message
_KEPT = 64  # encoded batches kept per task


class Hub:
    """Wakes the streams of one app when the store changes. Its thread starts with the first stream."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._closed = False
        self._generation = 0
        self._woken: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._feeds: WeakValueDictionary[int, TaskFeed] = WeakValueDictionary()

    @property
    def generation(self) -> int:
        """Grows with every change seen. Read it before reading the store, wait for more after."""
        return self._generation

    def is_closed(self) -> bool:
        return self._closed

    def feed(self, task_id: int, views: TaskViews) -> TaskFeed:
        """What streams of one task share while there are any."""
        feed = self._feeds.get(task_id)
        if feed is None:
            feed = self._feeds[task_id] = TaskFeed(self, task_id, views)
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
        """Something was changed through this app: wake the streams now. From any thread."""
        self._call(self._wake)

    def close(self) -> None:
        """End every stream and the waiting thread. Idempotent, from any thread."""
        self._closed = True
        self._stop.set()
        self._call(self._wake)
        if self._thread is not None:
            self._thread.join()

    def start(self) -> None:
        """From here on no commit is missed. Idempotent; on the event loop, before the first look at the store."""
        if self._thread is None and not self._closed:
            self._loop = asyncio.get_running_loop()
            self._woken = asyncio.Event()
            seen = self.store.version()
            self._thread = threading.Thread(target=self._watch, args=(seen,), name="web-waiter", daemon=True)
            self._thread.start()

    def _watch(self, seen: int) -> None:
        while not self._stop.is_set():
            if self.store.wait_for_change(_WAIT_S, since=seen):
                seen = self.store.version()  # before waking: what is committed after it wakes again
                self._call(self._wake)
                self._stop.wait(_COALESCE_S)

    def _call(self, what: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what)

    def _wake(self) -> None:
        self._generation += 1
        if self._woken is not None:
            self._woken.set()
            self._woken = asyncio.Event()


class TaskFeed:
    """The encoded messages of one task, made once for all its streams."""

    def __init__(self, hub: Hub, task_id: int, views: TaskViews) -> None:
        self.hub = hub
        self.task_id = task_id
        self._views = views
        self._batches: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._state: tuple[int, bytes, bool] | None = None
        self._lock = asyncio.Lock()

    async def after(self, cursor: int) -> tuple[bytes, int] | None:
        """The message that follows the cursor and the cursor after it; None when there is nothing yet."""
        async with self._lock:
            known = self._batches.get(cursor)
            if known is None:
                known = await run_in_threadpool(self._read, cursor)
                if known is None:
                    return None
                self._batches[cursor] = known
                while len(self._batches) > _KEPT:
                    self._batches.popitem(last=False)
            return known

    async def state(self, generation: int) -> tuple[bytes, bool]:
        """The state message as of this generation or later, and whether the task is over."""
        async with self._lock:
            if self._state is None or self._state[0] < generation:
                now = self.hub.generation
                self._state = (now, *await run_in_threadpool(self._read_state))
            return self._state[1], self._state[2]

    def _read(self, cursor: int) -> tuple[bytes, int] | None:
        store = self.hub.store
        rows = store.events.after(self.task_id, cursor, limit=_BATCH)
        if not rows:
            return None
        last = rows[-1].seq
        points = []
        for series in store.metrics.series(self.task_id):
            if series.last_seq > cursor:
                new = store.metrics.points(series.id, after_seq=cursor, limit=len(rows))  # one a row at most
                count = sum(seq <= last for seq in new.seq)
                points.append(
                    {
                        "series": series.id,
                        "seq": new.seq[:count],
                        "epoch": new.epoch[:count],
                        "value": new.value[:count],
                        "time_us": new.time_us[:count],
                    }
                )
        data = {"events": [event_view(row) for row in rows], "points": [p for p in points if p["seq"]]}
        return message("batch", data, last), last

    def _read_state(self) -> tuple[bytes, bool]:
        store = self.hub.store
        task = store.tasks.get(self.task_id)
        data = {
            "task": self._views.card(task),
            "progress": [progress_view(bar) for bar in store.progress.list(self.task_id)],
            "checkpoints": [checkpoint_view(item, store) for item in store.checkpoints.list(self.task_id)],
            "series": [series_view(series) for series in store.metrics.series(self.task_id)],
        }
        return message("state", data), task.status.is_final


async def task_stream(feed: TaskFeed, cursor: int) -> AsyncIterator[bytes]:
    """Messages of one task after a cursor, until the task is over or the hub closes."""
    hub = feed.hub
    sent_state = b""
    hub.start()
    yield b"retry: 1000\n\n"
    while not hub.is_closed():
        seen = hub.generation
        state, is_over = await feed.state(seen)
        if state != sent_state:
            sent_state = state
            yield state
        # read after the state: when the task was over by then, no event can follow these
        while (batch := await feed.after(cursor)) is not None:
            text, cursor = batch
            yield text
            if hub.is_closed():
                return
        if is_over:
            yield message("end", {"last": cursor})
            return
        if not await hub.wait(seen, HEARTBEAT_S):
            yield b": alive\n\n"


async def list_stream(hub: Hub, name: str, read: Callable[[], list[View]]) -> AsyncIterator[bytes]:
    """The rows of a list: all that `read` gives first, then those that changed, and the ids that are there.

    cards   {"cards": [...], "ids": [...]}   newest first; `name` stands for cards
    """
    sent: dict[int, bytes] = {}
    hub.start()
    yield b"retry: 1000\n\n"
    while not hub.is_closed():
        seen = hub.generation
        rows = await run_in_threadpool(read)
        now = {row["id"]: encode(row) for row in rows}
        changed = [row for row in rows if sent.get(row["id"]) != now[row["id"]]]
        if changed or now.keys() != sent.keys():
            yield message(name, {name: changed, "ids": list(now)})
        sent = now
        if not await hub.wait(seen, HEARTBEAT_S):
            yield b": alive\n\n"
        await asyncio.sleep(0.2)  # the list is for eyes: five times a second is enough


def message(event: str, data: Any, cursor: int | None = None) -> bytes:
    """One server-sent event; JSON has no newlines, so one data line is enough."""
    head = f"id: {cursor}\n" if cursor is not None else ""
    return f"{head}event: {event}\ndata: ".encode() + encode(data) + b"\n\n"


class EventStream(StreamingResponse):
    """Ends with its client: Starlette cancels the iterator when the connection goes away."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, headers={"cache-control": "no-store", "x-accel-buffering": "no"})
