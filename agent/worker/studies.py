"""Studies that an agent goes on with: those that are wanted and have no controller, because they were begun on the page
or because the terminal of `agent tune` has ended. A terminal that comes back has the study from its agent.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING

from agent.errors import AgentError, Conflict
from agent.tuning.control import controlling, is_controlled
from agent.tuning.extra import require_optuna
from agent.worker.conditions import Retry

if TYPE_CHECKING:
    from agent.run.shutdown import Shutdown
    from agent.store import Store

LOOK_S = 1.0  # how often to look for studies without a controller
TURN_S = 1.0  # between turns while nothing happens

log = logging.getLogger("agent")


class StudyKeeper:
    """The studies that this agent controls, each in a thread. Used by the agent's loop."""

    def __init__(self, store: Store, shutdown: Shutdown) -> None:
        self._store = store
        self._shutdown = shutdown
        self._kept: dict[int, Future[None]] = {}
        self._retries: dict[int, Retry] = {}
        self._looked = -LOOK_S

    def take_when_due(self, pool: Executor) -> None:
        """Take every study that nobody controls. Never waits for one, never raises."""
        self._settle()
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        try:
            for study in self._store.studies.running():
                retry = self._retries.get(study.id)
                is_early = retry is not None and retry.is_early
                if study.id not in self._kept and not is_early and not is_controlled(study):
                    self._kept[study.id] = pool.submit(self._keep, study.id)
        except AgentError as error:  # a busy store
            log.warning("could not ask for studies: %s", error)

    def _settle(self) -> None:
        for study_id in [study_id for study_id, future in self._kept.items() if future.done()]:
            error = self._kept.pop(study_id).exception()
            if error is None or isinstance(error, Conflict):  # another process goes on with it
                self._retries.pop(study_id, None)
                continue
            self._retries.setdefault(study_id, Retry()).later()
            if isinstance(error, AgentError):
                log.warning("study %s: %s", study_id, error)
            else:
                log.error("study %s: its thread failed: %s", study_id, error, exc_info=error)

    def _keep(self, study_id: int) -> None:
        """Control the study until it is over, this agent leaves, or another process takes it."""
        require_optuna()
        from agent.tuning.controller import Controller  # late: it loads Optuna

        store = self._store
        with controlling(store, study_id, yields=True) as name:
            log.info("study %s: taken", study_id)
            controller = Controller(store, study_id, name)
            while not self._shutdown.is_asked:
                turn = controller.turn()
                if turn.is_over:
                    log.info("study %s: %s", study_id, turn.gave_up or turn.study.state.value)
                    return
                store.wait_for_change(TURN_S)
