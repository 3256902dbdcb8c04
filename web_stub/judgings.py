"""Finished evaluations with their counts in memory, kept between requests: the slider asks for one many times a second.

When the memory bound is met, the least recently asked go first; one that is larger by itself is kept alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachetools import LRUCache

from agent.library.evaluated_images import ImageIds, ids_of
from agent.library.judging import Judging, open_judging
from agent.store import contents_of
from web_stub.budget import still_wanted

if TYPE_CHECKING:
    from agent.store import Evaluation, Store

_MOST_BYTES = 256 << 20
_KEPT_IDS = 16  # projects
_TURN_S = 0.2  # how often to ask whether who waits is still there


class Judgings:
    """May be used from any thread."""

    def __init__(self, store: Store, *, most_bytes: int = _MOST_BYTES) -> None:
        self._store = store
        self._kept: LRUCache[int, Judging] = LRUCache(
            most_bytes, getsizeof=lambda judging: min(judging.nbytes, most_bytes)
        )
        self._ids: LRUCache[tuple[int, str], ImageIds] = LRUCache(_KEPT_IDS)
        self._reading: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def of(self, evaluation: Evaluation) -> Iterator[Judging]:
        """The evaluation, for the time of the block for this thread alone. Conflict for one that is not done."""
        judging = self._judging(evaluation)
        while not judging.lock.acquire(timeout=_TURN_S):
            still_wanted()
        try:
            still_wanted()
            yield judging
        finally:
            judging.lock.release()

    def image_ids(self, project_id: int) -> ImageIds:
        """(dataset, name) → the id of an image of the project as it is now. NotFound."""
        key = (project_id, contents_of(self._store.projects.get_anywhere(project_id)))
        with self._lock:
            found = self._ids.get(key)
        if found is None:
            found = ids_of(self._store, project_id)
            with self._lock:
                self._ids[key] = found
        return found

    def _judging(self, evaluation: Evaluation) -> Judging:
        with self._lock:
            if (kept := self._kept.get(evaluation.id)) is not None:
                return kept
            reading = self._reading.setdefault(evaluation.id, threading.Lock())
        with reading:  # read once, however many ask for it
            with self._lock:
                kept = self._kept.get(evaluation.id)
            if kept is not None:
                return kept
            try:
                judging = open_judging(self._store, evaluation)
                with self._lock:
                    self._kept[evaluation.id] = judging
            finally:
                with self._lock:
                    self._reading.pop(evaluation.id, None)
            return judging
