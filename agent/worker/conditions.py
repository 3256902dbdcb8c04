"""Which queued tasks this machine can run now. While something is wrong, one probe asks for all tasks that wait.

Conditions are probed only while tasks want them, beside the agent's loop, and again after growing pauses: the queue is
neither burned nor held up by an engine that is away, and tasks for another engine go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent import patience
from agent.errors import AgentError
from agent.run.machine import engine_trouble, storage_trouble

if TYPE_CHECKING:
    from agent.installation import Installation

STORAGE = "storage"  # what every task needs; the other conditions have the names of the engines
FRESH_S = {STORAGE: 1.0}  # how long a good answer is good for
FRESH_ENGINE_S = 5.0
PATIENCE_S = 1.0  # for an answer; a probe that takes longer goes on beside the loop
PAUSE_S = 2.0  # before something that is wrong is probed again; doubled each time ...
PAUSE_LIMIT_S = 60.0  # ... up to this

log = logging.getLogger("agent")


def pauses() -> Iterator[float]:
    """Between two attempts of a machine that something keeps from running tasks."""
    return patience.pauses(PAUSE_S, PAUSE_LIMIT_S)


@dataclass(slots=True)
class Retry:
    """When something that failed may be tried again: after pauses that grow."""

    _at: float = 0.0  # time.monotonic()
    _pauses: Iterator[float] = field(default_factory=pauses)

    @property
    def is_early(self) -> bool:
        return time.monotonic() < self._at

    def later(self) -> None:
        self._at = time.monotonic() + next(self._pauses)


class Conditions:
    def __init__(self, installation: Installation, pool: Executor) -> None:
        self._installation = installation
        self._pool = pool
        self._conditions: dict[str, _Condition] = {}

    def met(self, engines: Collection[str]) -> set[str]:
        """Of these engines those for which tasks can be started now."""
        if not engines or not self._is_met(STORAGE):
            return set()
        return {engine for engine in sorted(engines) if self._is_met(engine)}

    @property
    def troubles(self) -> Mapping[str, str]:
        """What is wrong, by engine; `STORAGE` concerns every task."""
        return {name: known.trouble for name, known in self._conditions.items() if known.trouble}

    def refused(self, engine: str, trouble: str) -> None:
        """A task that wants this engine could not be started, although the probes found nothing wrong."""
        condition = self._condition(engine)
        condition.refusals += 1
        condition.wait(trouble)

    def passed(self, engine: str) -> None:
        """A task that wants this engine was run."""
        self._condition(engine).refusals = 0

    def _condition(self, name: str) -> _Condition:
        return self._conditions.setdefault(name, _Condition())

    def _is_met(self, name: str) -> bool:
        condition = self._condition(name)
        if condition.probe is None and time.monotonic() >= condition.next_at:
            condition.probe = self._pool.submit(self._probe, name)
        if condition.probe is not None:
            try:
                trouble = condition.probe.result(PATIENCE_S)
            except TimeoutError:
                condition.trouble = condition.trouble or f"the {name} of this machine has not answered yet"
            else:
                condition.probe = None
                self._take(name, condition, trouble)
        return not condition.trouble

    def _take(self, name: str, condition: _Condition, trouble: str) -> None:
        if trouble:
            if not condition.trouble:
                log.warning("queued tasks wait: %s", trouble)
            condition.wait(trouble)
            return
        if condition.trouble:
            log.info("queued tasks wait no longer for: %s", name)
        condition.trouble = ""
        condition.next_at = time.monotonic() + FRESH_S.get(name, FRESH_ENGINE_S)
        if not condition.refusals:
            condition.pauses = pauses()

    def _probe(self, name: str) -> str:
        try:
            if name == STORAGE:
                return storage_trouble(self._installation)
            return engine_trouble(self._installation, name)
        except AgentError as error:
            return str(error)


@dataclass(slots=True)
class _Condition:
    trouble: str = ""
    next_at: float = float("-inf")  # time.monotonic() of the next probe
    probe: Future[str] | None = None  # that has not answered yet
    refusals: int = 0  # since a task was run
    pauses: Iterator[float] = field(default_factory=pauses)

    def wait(self, trouble: str) -> None:
        self.trouble = trouble
        self.next_at = time.monotonic() + next(self.pauses)
