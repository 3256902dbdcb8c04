"""Trials that have ended: how many in which way, and the best of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from agent.tuning.decisions import TrialState


class _Ended(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def state(self) -> TrialState: ...
    @property
    def value(self) -> float | None: ...


Trial = TypeVar("Trial", bound=_Ended)


class Tally(Generic[Trial]):
    """`direction` is that of the study's metric; without one there is no best trial."""

    def __init__(self, direction: str | None, trials: Iterable[Trial] = ()) -> None:
        self._direction = direction
        self.counts = dict.fromkeys(TrialState, 0)
        self.best: Trial | None = None  # the complete trial with the best value, the first of equals
        for trial in trials:
            self.add(trial)

    def add(self, trial: Trial) -> None:
        self.counts[trial.state] += 1
        is_compared = trial.state is TrialState.COMPLETE and trial.value is not None and self._direction is not None
        if is_compared and (self.best is None or self._rank(trial) < self._rank(self.best)):
            self.best = trial

    def _rank(self, trial: Trial) -> tuple[float, int]:
        sign = -1 if self._direction == "maximize" else 1
        return sign * (trial.value or 0.0), trial.number
