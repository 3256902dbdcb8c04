"""Programs that are trusted with a part only, an original agent and whoever has the key of a task: how much at once."""

from __future__ import annotations

from collections import Counter

AT_ONCE = 128  # requests of one token; an original agent has three streams, and a few calls for each of its tasks


class Guests:
    """Counts the requests of each token that are under way. One event loop uses it, so it needs no lock."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._counts: Counter[int] = Counter()

    def enter(self, token_id: int) -> bool:
        """Count one more request, which is to `leave`; False where there are too many."""
        if self._counts[token_id] >= self._at_once:
            return False
        self._counts[token_id] += 1
        return True

    def leave(self, token_id: int) -> None:
        self._counts[token_id] -= 1
        if not self._counts[token_id]:
            del self._counts[token_id]
