"""Studies that an agent goes on with: those that are wanted and have no controller, because they were begun on the page
or because the terminal of `agent tune` has ended. A terminal that comes back has the study from its agent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from agent.tuning.control import controlling, is_controlled
from agent.tuning.extra import require_optuna
from agent.worker.keeper import Keeper

TURN_S = 1.0  # between turns while nothing happens

log = logging.getLogger("agent")


class StudyKeeper(Keeper):
    noun, nouns = "study", "studies"

    def free(self) -> Iterator[int]:
        return (study.id for study in self._store.studies.running() if not is_controlled(study))

    def keep(self, id_: int) -> None:
        require_optuna()
        from agent.tuning.controller import Controller  # late: it loads Optuna

        store = self._store
        with controlling(store, id_, yields=True) as name:
            log.info("study %s: taken", id_)
            controller = Controller(store, id_, name)
            while not self._shutdown.is_asked:
                turn = controller.turn()
                if turn.is_over:
                    log.info("study %s: %s", id_, turn.gave_up or turn.study.state.value)
                    return
                store.wait_for_change(TURN_S)
