"""The end of an agent, as it is asked for: its running tasks are left to the next agent, or stopped first."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.run.cancellation import AGENT_STOPPED, Cancelled, Cause


class Shutdown:
    """Asked for from any thread or signal handler, and never taken back.

    `leaves`: running tasks go on in their containers, and the next agent goes on with them. `stops`: they are stopped
    and recorded as such. An agent that is asked for both stops them.
    """

    def __init__(self, why: Callable[[], Cancelled] | None = None) -> None:
        """`why` says for what reason tasks are stopped; without it, because a person ends the agent."""
        self._asked = threading.Event()
        self._stops = False
        self._why = why

    def cancelled(self) -> Cancelled:
        """The cancellation of a task that is stopped."""
        return self._why() if self._why is not None else Cancelled(Cause.AGENT_STOPPED, AGENT_STOPPED)

    def leave(self) -> None:
        self._asked.set()

    def stop_tasks(self) -> None:
        self._stops = True
        self._asked.set()

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    @property
    def leaves(self) -> bool:
        return self._asked.is_set() and not self._stops

    @property
    def stops(self) -> bool:
        return self._asked.is_set() and self._stops

    def wait(self, seconds: float | None = None) -> bool:
        """Wait so long, or until the shutdown is asked for; whether it is."""
        return self._asked.wait(seconds)
