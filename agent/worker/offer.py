"""What this node offers to tasks: its labels, and how many GPUs it has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.engines.gpus import Gpus
from agent.errors import AgentError
from agent.needs import Needs, Offer, read_labels

if TYPE_CHECKING:
    from agent.installation import Installation

FRESH_S = 60.0  # an engine may get its GPUs later than an agent comes


class Offers:
    """`count` counts the GPUs of this machine, in place of NVML."""

    def __init__(self, installation: Installation, count: Callable[[], int] | None = None) -> None:
        self._installation = installation
        self._labels = read_labels(installation.settings.labels)
        self._here = (count or _count)()
        self._of_engine: int | None = None
        self._asked = float("-inf")

    def known(self) -> Offer:
        """Without asking an engine: the number of its GPUs is what it said last."""
        return Offer(self._labels, self._here or self._of_engine)

    def now(self, needs: Needs) -> Offer:
        """An engine is asked where the needs depend on it: whether it has GPUs that cannot be counted from here."""
        is_known = self._here or not needs.gpus
        if not is_known and time.monotonic() - self._asked > FRESH_S:
            self._of_engine, self._asked = self._ask(), time.monotonic()
        return self.known()

    def _ask(self) -> int | None:
        """0 where the engine has no GPU, else None: how many is not known."""
        settings = self._installation.settings
        if settings.engine in ("process", "apptainer"):
            return 0
        if settings.tasks_host_dir or os.environ.get("DOCKER_HOST"):
            return None  # the agent is in a container of its own, or the engine on another machine
        try:
            return None if self._installation.open_engine("docker", settings).info().has_nvidia else 0
        except AgentError:
            return 0


def _count() -> int:
    return Gpus("all").count
