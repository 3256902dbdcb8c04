"""Things that an agent goes on with in threads of its own: those that are wanted and that no process controls."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, ClassVar

from agent.errors import AgentError, Conflict
from agent.worker.conditions import Retry

if TYPE_CHECKING:
    from agent.run.shutdown import Shutdown
    from agent.store import Store

LOOK_S = 1.0  # how often to look for things without a controller

log = logging.getLogger("agent")


class Keeper(ABC):
    """The things of one kind that this agent controls, each in a thread. Used by the agent's loop."""

    noun: ClassVar[str]
    nouns: ClassVar[str]
    most: ClassVar[int | None] = None  # at the same time; None: all there are

    def __init__(self, store: Store, shutdown: Shutdown) -> None:
        self._store = store
        self._shutdown = shutdown
        self._kept: dict[int, Future[None]] = {}
        self._retries: dict[int, Retry] = {}
        self._looked = -LOOK_S

    @abstractmethod
    def free(self) -> Iterable[int]:
        """The ids of those that nobody controls, in the order in which they are taken."""

    @abstractmethod
    def keep(self, id_: int) -> None:
        """Control it until it is over, this agent leaves, or another process takes it; Conflict when one has it."""

    def take_when_due(self, pool: Executor) -> None:
        """Take what is free. Never waits for it, never raises."""
        self._settle()
        if len(self._kept) == self.most or time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        try:
            for id_ in self.free():
                retry = self._retries.get(id_)
                if id_ not in self._kept and not (retry is not None and retry.is_early):
                    self._kept[id_] = pool.submit(self.keep, id_)
                    if len(self._kept) == self.most:
                        return
        except AgentError as error:  # a busy store
            log.warning("could not ask for %s: %s", self.nouns, error)

    def _settle(self) -> None:
        for id_ in [id_ for id_, future in self._kept.items() if future.done()]:
            error = self._kept.pop(id_).exception()
            if self.most is not None:
                self._looked = -LOOK_S  # for the next one, which had to wait
            if error is None or isinstance(error, Conflict):  # another process goes on with it
                self._retries.pop(id_, None)
                continue
            self._retries.setdefault(id_, Retry()).later()
            if isinstance(error, AgentError):
                log.warning("%s %s: %s", self.noun, id_, error)
            else:
                log.error("%s %s: its thread failed: %s", self.noun, id_, error, exc_info=error)
