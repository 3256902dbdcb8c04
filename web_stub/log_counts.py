"""How many lines of a log fit a filter. Lines are only ever added, so each question counts the new ones alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from cachetools import LRUCache

from agent.store import Lines

if TYPE_CHECKING:
    from agent.store import Store


class LogCounts:
    """Counts by task and filter. Safe to use from several threads."""

    def __init__(self, store: Store, *, keep: int = 1000) -> None:
        self._store = store
        self._known: LRUCache[tuple[int, Lines], tuple[int, int]] = LRUCache(keep)  # → (counted up to, count)
        self._lock = threading.Lock()

    def count(self, task_id: int, lines: Lines) -> tuple[int, int]:
        """The number of lines that fit, and of all. The places in `lines` do not matter."""
        key = task_id, replace(lines, after_seq=0, before_seq=None)
        last = self._store.events.last_seq(task_id)
        with self._lock:
            upto, count = self._known.get(key, (0, 0))
        if upto < last:
            count += self._store.events.count(task_id, replace(lines, after_seq=upto, before_seq=last + 1))
            with self._lock:
                self._known[key] = last, count
        return count, last
