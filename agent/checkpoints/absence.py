"""Artifacts that do not answer, as the uploads of one task see them: when to ask again, and when no more."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.errors import ArtifactsAway
from agent.patience import Patience

AWAY_LIMIT_S = 60.0  # pauses grow up to this: each attempt packs a checkpoint again
STOP_LIMIT_S = 900.0  # how long the end of a task that somebody stopped waits for them
_SLICE_S = 1.0  # how soon a waiting thread notices that it is to end


class Absence:
    """Begins with each failure that `noticed` is told, and ends with `ended`. One thread at a time uses it."""

    def __init__(self, patience: Patience, is_stopped: Callable[[], bool], *, pause_s: float) -> None:
        """`is_stopped`: whether somebody has asked for the end of the task. `pause_s`: the first pause."""
        self.failure: ArtifactsAway | None = None  # None: they answer, as far as is known
        self._patience = patience
        self._is_stopped = is_stopped
        self._first_pause_s = self._pause_s = pause_s
        self._ask_at = 0.0  # time.monotonic()
        self._give_up_at = float("inf")  # time.monotonic()

    @property
    def keeps_waiting(self) -> bool:
        """Whether they are away and it is not yet time to ask again."""
        return self.failure is not None and time.monotonic() < self._ask_at

    @property
    def is_given_up(self) -> bool:
        return time.monotonic() >= self._give_up_at

    def noticed(self, failure: ArtifactsAway) -> None:
        self.failure = failure
        self._ask_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, AWAY_LIMIT_S)

    def ended(self) -> None:
        self.failure, self._pause_s = None, self._first_pause_s

    def outlast(self, is_abandoned: Callable[[], bool]) -> None:
        """Wait until it is time to ask again. Raises the failure when the agent, the work or the waiting is to end."""
        assert self.failure is not None
        while (left_s := self._ask_at - time.monotonic()) > 0:
            if self._patience.wait(min(left_s, _SLICE_S)) or is_abandoned():
                raise self.failure
        if self._give_up_at == float("inf") and self._is_stopped():
            self._give_up_at = time.monotonic() + STOP_LIMIT_S
        if self.is_given_up:
            raise self.failure
