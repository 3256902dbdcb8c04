"""How the end of an agent's process is asked for: Ctrl-C, SIGTERM, and the two signals of `agent down`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.cli import INTERRUPTED
from agent.cli.streams import end_at_once

if TYPE_CHECKING:
    from agent.run.cancellation import Cancelled
    from agent.run.shutdown import Shutdown

LEAVE = signal.SIGUSR1  # of `agent down`: end, the tasks go on
STOP = signal.SIGUSR2  # of `agent down --stop-tasks`: stop the tasks, then end
TASKS_GO_ON = "running tasks go on, and the next agent goes on with them"
LEAVE_S = 8.0  # within the ten seconds that `docker stop` gives; an agent may be killed at any moment anyway


@contextmanager
def interruptible(
    *, leaves: bool, left: Callable[[], str] = lambda: TASKS_GO_ON, why: Callable[[], Cancelled] | None = None
) -> Iterator[Shutdown]:
    """The shutdown that signals ask for: Ctrl-C and SIGTERM leave the tasks, or stop them (`leaves=False`).

    With `why`, which says for what reason tasks are stopped, a second signal means no more than the first: a cluster
    sends several.

    A second Ctrl-C or SIGTERM ends the process at once; `left` says what becomes of its tasks then. So does a leave
    that takes longer than `LEAVE_S`, for instance because a large checkpoint is being packed: the next agent packs it.
    """
    from agent.run.shutdown import Shutdown  # late: help should not wait for it

    shutdown = Shutdown(why)

    def leave() -> None:
        late = threading.Timer(LEAVE_S, os._exit, (0,))
        late.daemon = True
        late.start()
        shutdown.leave()

    def on_signal(signum: int, frame: object) -> None:  # noqa: ARG001 - the signal module's signature
        is_again = shutdown.is_asked and signum in (signal.SIGINT, signal.SIGTERM)
        if is_again and why is None:
            end_at_once(INTERRUPTED, f"interrupted again, so this ends at once; {left()}")
        if signum == STOP or (signum != LEAVE and not leaves):
            shutdown.stop_tasks()
        else:
            leave()

    numbers = (signal.SIGINT, signal.SIGTERM, LEAVE, STOP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield shutdown
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
