"""Evaluations that an agent computes: one at a time, for each takes all processors; those that nobody computes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.evaluating.control import CountingFailed, is_computed
from agent.worker.keeper import Keeper

if TYPE_CHECKING:
    from agent.run.shutdown import Shutdown
    from agent.store import Store

TRIES = 8  # of an evaluation for which this machine lacks something, with pauses that grow between them

log = logging.getLogger("agent")


class EvaluationKeeper(Keeper):
    noun, nouns = "evaluation", "evaluations"
    most = 1

    def __init__(self, store: Store, shutdown: Shutdown) -> None:
        super().__init__(store, shutdown)
        self._failures: Counter[int] = Counter()

    def free(self) -> Iterator[int]:
        """The oldest first."""
        return (one.id for one in self._store.evaluations.waiting() if not is_computed(one))

    def keep(self, id_: int) -> None:
        from agent.evaluating.runner import compute  # late: an agent may never evaluate

        log.info("evaluation %s: taken", id_)
        is_last_try = self._failures[id_] >= TRIES - 1
        try:
            ended = compute(self._store, id_, stop=lambda: self._shutdown.is_asked, is_last_try=is_last_try)
        except CountingFailed:
            self._failures[id_] += 1
            raise
        del self._failures[id_]
        if ended is None:
            log.info("evaluation %s: there is nothing to judge", id_)
        else:
            log.info("evaluation %s: %s", id_, ended.reason or ended.status.value)
