"""Evaluations that an agent computes: one at a time, for each takes all processors; those that nobody computes."""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING

from agent.errors import AgentError, Conflict
from agent.evaluating.control import CountingFailed, is_computed
from agent.worker.conditions import Retry

if TYPE_CHECKING:
    from agent.run.shutdown import Shutdown
    from agent.store import Store

TRIES = 8  # of an evaluation for which this machine lacks something, with pauses that grow between them
LOOK_S = 1.0  # how often to look for evaluations that nobody computes

log = logging.getLogger("agent")


class EvaluationKeeper:
    """Used by the agent's loop."""

    def __init__(self, store: Store, shutdown: Shutdown) -> None:
        self._store = store
        self._shutdown = shutdown
        self._computed: tuple[int, Future[None]] | None = None
        self._retries: dict[int, Retry] = {}
        self._failures: Counter[int] = Counter()
        self._looked = -LOOK_S

    def take_when_due(self, pool: Executor) -> None:
        """Take the oldest evaluation that nobody computes. Never waits for one, never raises."""
        self._settle()
        if self._computed is not None or time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        try:
            for evaluation in self._store.evaluations.waiting():
                retry = self._retries.get(evaluation.id)
                if not (retry is not None and retry.is_early) and not is_computed(evaluation):
                    self._computed = (evaluation.id, pool.submit(self._compute, evaluation.id))
                    return
        except AgentError as error:  # a busy store
            log.warning("could not ask for evaluations: %s", error)

    def _settle(self) -> None:
        if self._computed is None or not self._computed[1].done():
            return
        id_, future = self._computed
        self._computed, self._looked = None, -LOOK_S  # the next one at once
        error = future.exception()
        if error is None or isinstance(error, Conflict):  # another process computes it
            self._retries.pop(id_, None)
            del self._failures[id_]
            return
        self._retries.setdefault(id_, Retry()).later()
        self._failures[id_] += isinstance(error, CountingFailed)
        if isinstance(error, AgentError):
            log.warning("evaluation %s: %s", id_, error)
        else:
            log.error("evaluation %s: its thread failed: %s", id_, error, exc_info=error)

    def _compute(self, id_: int) -> None:
        from agent.evaluating.runner import compute  # late: an agent may never evaluate

        log.info("evaluation %s: taken", id_)
        is_last_try = self._failures[id_] >= TRIES - 1
        ended = compute(self._store, id_, stop=lambda: self._shutdown.is_asked, is_last_try=is_last_try)
        if ended is None:
            log.info("evaluation %s: there is nothing to judge", id_)
        else:
            log.info("evaluation %s: %s", id_, ended.reason or ended.status.value)
