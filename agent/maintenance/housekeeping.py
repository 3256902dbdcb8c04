"""The chores of an agent between tasks: remove orphans, note the engine's images, carry the retention policy out.

Rounds never overlap. A chore that fails is logged and tried again, and stops no other chore.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from agent.engines.docker_build import BUILD_LABEL
from agent.errors import AgentError
from agent.installation import Installation
from agent.library.usage import ImageSpace, note_images
from agent.maintenance.cleanup import find_orphans
from agent.maintenance.removable import Removable, open_engines
from agent.maintenance.retention import find_expired

ROUND_S = 60.0  # from the start of a round to the next
RETAIN_S = 3600.0  # how often the policy is carried out
PORTIONS = 50  # of 65,536 points, packed in a round
RETRY_S = 300.0  # until a chore that failed is tried again
STUBBORN_S = 3600.0  # until an orphan that could not be removed is tried again

log = logging.getLogger("agent")


@dataclass(slots=True)
class _Chore:
    name: str
    do: Callable[[], None]
    every_s: float
    next_at: float = float("-inf")  # time.monotonic()


class Housekeeping:
    """Rounds of chores. Remembers when each is due and which orphans could not be removed."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._chores = (
            _Chore("removing what ended tasks have left", self.sweep, 0.0),
            _Chore("noting the engine's images", lambda: probe_images(installation), 0.0),
            _Chore("packing the points of ended tasks", lambda: pack_points(installation), 0.0),
            _Chore("carrying the retention policy out", lambda: retain(installation), RETAIN_S),
        )
        self._round: Future[None] | None = None
        self._round_at = float("-inf")
        self._retry_at: dict[str, float] = {}  # orphans that could not be removed, by name
        self._seen: set[str] = set()  # containers without a task that the last sweep found

    def start_round_when_due(self, pool: Executor) -> None:
        """Start a round in the pool when it is time for one and the last one is over. Never raises, never waits."""
        if self._round is not None:
            if not self._round.done():
                return
            if (error := self._round.exception()) is not None:
                log.error("housekeeping failed: %s", error, exc_info=error)
            self._round = None
        if time.monotonic() - self._round_at >= ROUND_S:
            self._round_at = time.monotonic()
            self._round = pool.submit(self.round)

    def round(self) -> None:
        """Do every chore that is due."""
        for chore in self._chores:
            if time.monotonic() < chore.next_at:
                continue
            pause_s = chore.every_s
            try:
                chore.do()
            except (AgentError, OSError) as error:
                pause_s = RETRY_S
                log.warning("%s failed, next try in %.0f s: %s", chore.name, RETRY_S, error)
            except Exception:
                pause_s = RETRY_S
                log.exception("%s failed, next try in %.0f s", chore.name, RETRY_S)
            chore.next_at = time.monotonic() + pause_s

    def sweep(self) -> None:
        """Remove the orphans; those that cannot be removed are left in peace for an hour."""
        orphans, now = find_orphans(self._installation), time.monotonic()
        self._retry_at = {name: at for name, at in self._retry_at.items() if at > now}
        # A container that gives files back is over for a moment while its agent lives: two sweeps must find it.
        of_no_task = {orphan.name for orphan in orphans if orphan.kind == "container" and orphan.task_id is None}
        waiting, self._seen = of_no_task - self._seen, of_no_task
        for orphan in orphans:
            if orphan.name in self._retry_at or orphan.name in waiting:
                continue
            if problem := orphan.remove():
                self._retry_at[orphan.name] = now + STUBBORN_S
            _log(orphan, problem)


def probe_images(installation: Installation) -> None:
    """Note which of our images the engine has, for the web, which talks to no engine. Raises AgentError, OSError."""
    known = {plugin.reference for plugin in installation.store.plugins.list()}
    found = [
        ImageSpace(image.name, image.size_bytes)
        for engine in open_engines(installation)
        for image in engine.images_with(BUILD_LABEL)
        if image.reference in known
    ]
    note_images(installation.settings.home, sorted(found, key=lambda image: (-image.size_bytes, image.name)))


def pack_points(installation: Installation) -> None:
    """Pack what tasks that ended have left: those of older releases, and of agents that died. Raises AgentError."""
    installation.store.metrics.pack_ended(portions=PORTIONS)


def retain(installation: Installation) -> None:
    """Carry the retention settings out, and log what went. Raises AgentError, OSError."""
    for expired in find_expired(installation):
        _log(expired, expired.remove())


def _log(removed: Removable, problem: str) -> None:
    if problem:
        log.warning("cannot remove %s %s (%s): %s", removed.kind, removed.name, removed.why, problem)
    else:
        log.info("removed %s %s: %s", removed.kind, removed.name, removed.why)
