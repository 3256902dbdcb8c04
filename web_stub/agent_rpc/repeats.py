"""Calls that come again: an agent repeats each of which it lost the answer, also behind another of its processes.

What this web has kept is known by a digest of the lines as they came, each with the agent's time. What another web has
kept, or this one before it started, is looked for among the last events of the task, where a line of bare text has no
time: such lines count as new there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

from cachetools import LRUCache

from agent.events.model import Event
from agent.store import StoredEvent
from web_stub.agent_rpc.log_lines import LogLine, is_repeated

REACH = 100  # events behind the call that may have come since
_TASKS = 1024
_CALLS = 64  # of a task


class Repeats:
    """The last calls of the tasks that sent some last. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first_seqs: LRUCache[int, LRUCache[bytes, int]] = LRUCache(_TASKS)

    def keep(self, task_id: int, lines: Sequence[LogLine], first_seq: int) -> None:
        """These lines were kept as the events from `first_seq` on."""
        if _has_time(lines):
            with self._lock:
                calls: LRUCache[bytes, int] | None = self._first_seqs.get(task_id)
                if calls is None:
                    calls = self._first_seqs[task_id] = LRUCache(_CALLS)
                calls[_digest(lines)] = first_seq

    def find(self, task_id: int, lines: Sequence[LogLine]) -> int | None:
        """The number of the first event that was kept of these lines."""
        with self._lock:
            calls: LRUCache[bytes, int] | None = self._first_seqs.get(task_id)
            return None if calls is None else calls.get(_digest(lines))


def find_among(kept: Sequence[Event | StoredEvent], lines: Sequence[LogLine]) -> int | None:
    """Where in these events the lines are, one behind the other; the last place. Pure."""
    for start in range(len(kept) - len(lines), -1, -1):
        if is_repeated(kept[start : start + len(lines)], lines):
            return start
    return None


def _has_time(lines: Sequence[LogLine]) -> bool:
    return any(line.record.get("timestamp") for line in lines)


def _digest(lines: Sequence[LogLine]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for line in lines:
        text = line.text.encode(errors="surrogatepass")
        digest.update(b"%d:" % len(text))
        digest.update(text)
    return digest.digest()
