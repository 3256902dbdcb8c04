"""Nearly equal images of a project, searched once for all who ask, and how far the search is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from cachetools import LRUCache

from agent.domain import Project
from agent.insights.near import Near, find_near
from web_stub.budget import still_wanted
from web_stub.gallery.fingerprints import Fingerprinted, Fingerprints, Told
from web_stub.gallery.statistics import ProjectStatistics, StatisticsCache, key_of
from web_stub.shared_work import SharedWork

if TYPE_CHECKING:
    from agent.store import FileRow, Store

_IN_MEMORY = 8  # projects
_AT_ONCE, _WAITING = 1, 100  # projects that are being searched, or wait to be


@dataclass(frozen=True, slots=True)
class NearImages:
    """The images of `near` are those of the rows of `counted`, in their order."""

    counted: ProjectStatistics
    near: Near
    made: Fingerprinted
    sha256: list[str]  # of each image, "" for one that was removed meanwhile


class NearCache:
    """Results by project. A single thread searches; others that ask for the same project wait."""

    def __init__(self, store: Store, statistics: StatisticsCache, fingerprints: Fingerprints) -> None:
        self._store = store
        self._statistics = statistics
        self._fingerprints = fingerprints
        self._work: SharedWork[NearImages] = SharedWork(
            "near-images", threads=_AT_ONCE, most=_WAITING, ends_unwanted=True
        )  # for whoever comes later the fingerprints are kept
        self._lock = threading.Lock()  # around both dictionaries
        self._kept: LRUCache[str, NearImages] = LRUCache(_IN_MEMORY)
        self._done: dict[int, int] = {}  # images of each project that is being searched

    async def prepared(self, project: Project) -> NearImages:
        """The same as `of`, without a thread that waits. Raises TooBusy."""
        counted = await self._statistics.prepared(project)
        with self._lock:
            kept = self._kept.get(key_of(project))
        return kept or await self._work.result(key_of(project), lambda: self.of(project, counted))

    def of(self, project: Project, counted: ProjectStatistics, told: Told | None = None) -> NearImages:
        """`counted`: the project's statistics, whose images are searched. `told` takes how far it is."""
        with self._lock:
            found = self._kept.get(key_of(project))
        if found is None:
            try:
                found = self._searched(project, counted, told or (lambda done, _: self._tell(project, done)))
            finally:
                with self._lock:
                    self._done.pop(project.id, None)
            with self._lock:
                self._kept[key_of(project)] = found
        return found

    def progress(self, project: Project) -> int | None:
        """How many of the project's images have a fingerprint; None while none are being made."""
        with self._lock:
            return self._done.get(project.id)

    def close(self) -> None:
        self._work.close()

    def _tell(self, project: Project, done: int) -> None:
        still_wanted()
        with self._lock:
            self._done[project.id] = done

    def _searched(self, project: Project, counted: ProjectStatistics, told: Told) -> NearImages:
        files = {file.id: file for file in self._store.gallery.files(project.id)}
        there: list[FileRow | None] = [files.get(row.id) for row in counted.rows]
        made = self._fingerprints.of([file for file in there if file is not None], told)
        is_there = np.array([file is not None for file in there], bool)
        fingerprints = np.zeros((len(there), made.fingerprints.shape[1]), np.uint8)
        fingerprints[is_there] = made.fingerprints
        has_one = np.zeros(len(there), bool)
        has_one[is_there] = made.has_one
        near = find_near(fingerprints, has_one, counted.labels.splits, still_wanted)
        return NearImages(counted, near, made, [file.sha256 if file is not None else "" for file in there])
