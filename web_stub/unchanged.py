"""What the store has said, for as long as nobody has committed anything: a question many times a second is no read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

K = TypeVar("K")
V = TypeVar("V")

MOST_S = 1.0  # also where a change is not heard of: a full disk, a process that may not tell


class WhileUnchanged(Generic[K, V]):
    """Values by key. `version` gives the version of the store, or None where commits of others are heard of too late.

    Threads do not share it.
    """

    def __init__(self, version: Callable[[], int | None], most: int) -> None:
        self.version = version
        self._known: TTLCache[K, tuple[int, V]] = TTLCache(most, MOST_S)

    def get(self, key: K) -> V | None:
        """The value that was kept at the present version."""
        known = self._known.get(key)
        return known[1] if known is not None and known[0] == self.version() else None

    def keep(self, key: K, value: V, version: int | None) -> None:
        """`version`: as it was before the value was read."""
        if version is not None:
            self._known[key] = version, value
