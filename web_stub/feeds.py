"""What streams send, read from the store and encoded once for all clients that wait for it.

A feed has a state with a number that grows with every change, and remembers with which number each item changed last.
So a client that has the state 7 gets the items that changed since, and clients in step get the same bytes. Reading the
store costs the same for one client and for two hundred.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cachetools import FIFOCache
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool

from agent.fs.names import read_number
from agent.store import Points
from web_stub.json_response import encode
from web_stub.resources.metrics import Series
from web_stub.resources.tasks import EventLine, Progress
from web_stub.task_cards import BARS_SHOWN, TaskCards, checkpoints_of

if TYPE_CHECKING:
    from agent.store import Store

LONGEST_LIST = 500  # rows
LIST_PERIOD_S = 0.2  # people read a list: five times a second is enough
_REST = 9  # a list whose reading takes long rests for so many times as long,
_LONGEST_REST_S = 2.0  # but no longer than this
_BATCH = 1000  # events in one message
_BATCH_BYTES = 2 << 20  # of lines in one message
_KEPT_BYTES = 16 << 20  # of encoded batches, per task


class Row(Protocol):
    @property
    def id(self) -> int: ...


def message(event: str, data: bytes, cursor: int | None = None) -> bytes:
    """A server-sent event with JSON."""
    return format_sse_event(event=event, data_str=data.decode(), id=None if cursor is None else str(cursor))


class _Items:
    """Encoded items in their order, each with the number of the state in which it changed last."""

    def __init__(self) -> None:
        self._items: dict[Hashable, tuple[int, bytes]] = {}

    def put(self, number: int, key: Hashable, item: object) -> bool:
        """Whether the item is new or has changed."""
        encoded = encode(item)
        known = self._items.get(key)
        if known is not None and known[1] == encoded:
            return False
        self._items[key] = (number, encoded)
        return True

    def keep(self, keys: Sequence[Hashable]) -> bool:
        """Forget the other items, take this order; whether keys or order have changed."""
        if list(self._items) == list(keys):
            return False
        self._items = {key: self._items[key] for key in keys}
        return True

    def forget_oldest(self, most: int) -> None:
        """Of more than `most` items keep those that changed last."""
        if len(self._items) > most:
            by_change = sorted(self._items, key=lambda key: self._items[key][0], reverse=True)
            kept = set(by_change[:most])
            self._items = {key: item for key, item in self._items.items() if key in kept}

    def changed(self, since: int, first: int | None = None) -> bytes:
        """A JSON array of the items, or of the `first` of them, that changed after the state `since`."""
        items = list(self._items.values())[:first]
        return b"[" + b",".join(encoded for number, encoded in items if number > since) + b"]"

    def keys(self, first: int) -> list[Hashable]:
        return list(self._items)[:first]


class _Marks:
    """Names of a feed's states. Those of one feed mean nothing to another, such as the one after a restart."""

    def __init__(self) -> None:
        self._name = secrets.token_hex(6)
        self._number = 0

    def mark_of(self, number: int) -> str:
        return f"{self._name}.{number}"

    def number_of(self, mark: str) -> int:
        """The number of the state; 0, which is nothing, for a mark of another feed or none."""
        name, _, text = mark.partition(".")
        number = read_number(text)
        return number if number is not None and name == self._name and number <= self._number else 0


class Rows(list[Row]):
    """The first rows of a list, and facts about the whole of it, which its messages carry by their names."""

    def __init__(self, rows: Iterable[Row], **facts: object) -> None:
        super().__init__(rows)
        self.facts = facts


class ListFeed(_Marks):
    """The rows of a list. Owned by an event loop; the store is read at most five times a second, and about a tenth
    of the time.
    """

    def __init__(self, name: str, generation: Callable[[], int], read: Callable[[int], Sequence[Row]]) -> None:
        """`read(limit)` gives the first rows, `generation()` grows with every change of the store."""
        super().__init__()
        self._message = name
        self._generation = generation
        self._read = read
        self._limit = 0  # rows that were read: as many as the most demanding client wants
        self._seen = -1
        self._next_at = 0.0
        self._rows = _Items()
        self._facts = b""
        self._messages: dict[tuple[int, int], bytes] = {}
        self._lock = asyncio.Lock()

    async def after(self, number: int, limit: int, generation: int) -> tuple[bytes | None, int]:
        """The message that leads from the state `number` (0: nothing) to the present state, and its number.

        None when there is no difference. The present state is read after `generation`.
        """
        async with self._lock:
            if self._seen < generation or self._limit < limit:
                if self._limit >= limit:
                    await asyncio.sleep(max(0.0, self._next_at - time.monotonic()))
                self._limit = max(self._limit, limit)
                seen = self._generation()
                began = time.monotonic()
                rows = await run_in_threadpool(self._read, self._limit)
                await run_in_threadpool(self._take, rows)
                ended = time.monotonic()
                self._next_at = max(began + LIST_PERIOD_S, ended + min(_REST * (ended - began), _LONGEST_REST_S))
                self._seen = seen
            if number == self._number:
                return None, number
            known = self._messages.get((number, limit))
            if known is None:
                ids = encode(self._rows.keys(limit))
                data = b'{"%b":%b,"ids":%b%b}' % (
                    self._message.encode(),
                    self._rows.changed(number, limit),
                    ids,
                    self._facts,
                )
                known = self._messages[number, limit] = message(self._message, data)
            return known, self._number

    def _take(self, rows: Sequence[Row]) -> None:
        number = self._number + 1
        changes = [self._rows.put(number, row.id, row) for row in rows]
        moved = self._rows.keep([row.id for row in rows])
        facts = b"".join(
            b',"%b":%b' % (name.encode(), encode(fact)) for name, fact in getattr(rows, "facts", {}).items()
        )
        moved |= facts != self._facts
        self._facts = facts
        if any(changes) or moved:
            self._number = number
            self._messages.clear()


class TaskFeed(_Marks):
    """The batches and states of a task. Owned by an event loop."""

    def __init__(self, store: Store, task_id: int, cards: TaskCards, generation: Callable[[], int]) -> None:
        super().__init__()
        self._store = store
        self._task_id = task_id
        self._cards = cards
        self._generation = generation
        self._batches: FIFOCache[int, tuple[bytes, int]] = FIFOCache(_KEPT_BYTES, getsizeof=lambda kept: len(kept[0]))
        self._lock = asyncio.Lock()
        self._seen = -1
        self._task = b""
        self._is_over = False
        self._bars, self._checkpoints, self._series = _Items(), _Items(), _Items()
        self._bars_count = 0
        self._last_image: int | None = None
        self._bars_seq = self._series_seq = 0  # the last event that the bars and the series know of
        self._messages: dict[int, bytes] = {}

    async def after(self, cursor: int) -> tuple[bytes, int] | None:
        """The message behind the cursor, and the cursor after it; None when there are no further events yet."""
        async with self._lock:
            known = self._batches.get(cursor)
            if known is None:
                known = await run_in_threadpool(self._read, cursor)
                if known is None:
                    return None
                if len(known[0]) <= _KEPT_BYTES:
                    self._batches[cursor] = known
            return known

    async def state(self, number: int, generation: int) -> tuple[bytes | None, int, bool]:
        """The message that leads from the state `number` (0: nothing) to the present state, which is read after
        `generation`; the number of the present state; whether the task has ended. None when there is no difference.
        """
        async with self._lock:
            if self._seen < generation:
                seen = self._generation()
                await run_in_threadpool(self._read_state)
                self._seen = seen
            if number == self._number:
                return None, number, self._is_over
            known = self._messages.get(number)
            if known is None:
                parts = (
                    b'"task":' + self._task,
                    b'"progress":' + self._bars.changed(number),
                    b'"progress_count":' + encode(self._bars_count),
                    b'"checkpoints":' + self._checkpoints.changed(number),
                    b'"series":' + self._series.changed(number),
                    b'"last_image":' + encode(self._last_image),
                )
                known = self._messages[number] = message("state", b"{" + b",".join(parts) + b"}")
            return known, self._number, self._is_over

    def _read(self, cursor: int) -> tuple[bytes, int] | None:
        rows, _ = self._store.events.page(self._task_id, cursor, limit=_BATCH, max_bytes=_BATCH_BYTES)
        if not rows:
            return None
        last = rows[-1].seq
        points = self._store.metrics.points_between(self._task_id, cursor, last)
        data = {"events": [EventLine.of(row) for row in rows], "points": [_columns(*item) for item in points.items()]}
        return message("batch", encode(data), last), last

    def _read_state(self) -> None:
        store, number = self._store, self._number + 1
        task = store.tasks.get(self._task_id)
        self._is_over = task.status.is_final
        card = encode(self._cards.card(task))
        is_changed = card != self._task
        self._task = card
        bars = store.progress.newest(task.id, BARS_SHOWN, after_seq=self._bars_seq)
        self._bars_seq = max((bar.seq for bar in bars), default=self._bars_seq)
        is_changed |= _put(self._bars, number, ((bar.subtask, Progress.of(bar)) for bar in bars))
        self._bars.forget_oldest(BARS_SHOWN)
        if bars:
            self._bars_count = store.progress.count(task.id)
        series = store.metrics.series(task.id, after_seq=self._series_seq)
        self._series_seq = max((found.last_seq for found in series), default=self._series_seq)
        is_changed |= _put(self._series, number, ((found.id, Series.of(found)) for found in series))
        checkpoints = checkpoints_of(store, task.id)
        is_changed |= _put(self._checkpoints, number, ((checkpoint.id, checkpoint) for checkpoint in checkpoints))
        last_image = store.task_images.last_id(task.id)
        is_changed |= last_image != self._last_image
        self._last_image = last_image
        if is_changed:
            self._number = number
            self._messages.clear()


def _put(items: _Items, number: int, new: Iterable[tuple[Hashable, object]]) -> bool:
    changes = [items.put(number, key, item) for key, item in new]
    return any(changes)


def _columns(series_id: int, points: Points) -> dict[str, Any]:
    return {
        "series": series_id,
        "seq": points.seq,
        "epoch": points.epoch,
        "value": points.value,
        "time_us": points.time_us,
    }
