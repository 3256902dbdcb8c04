"""One process controls something, a study or a cluster: its heartbeat, and whether it has died."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from agent.errors import AgentError, Conflict
from agent.heartbeats import Heartbeats
from agent.liveness import process_runs

BEAT_S = 5.0  # a lease survives five missed beats
LEASE_S = 30.0  # a controller on another machine is dead when its heartbeat was the same for so long


log = logging.getLogger("agent")


def has_died(controller: str, info: Mapping[str, Any], look: Callable[[], tuple[str | None, Hashable]]) -> bool:
    """Whether this controller is dead, or controls nothing any more. `info` describes its process.

    `look` gives the present controller and its heartbeat. A process that cannot be asked is watched, for the length of
    a lease at most.
    """
    if (runs := process_runs(info)) is not None:
        return not runs
    watch = Heartbeats(LEASE_S, gap_s=LEASE_S / 2)
    while True:
        present, heartbeat = look()
        if present != controller:
            return True
        watch.look({controller: heartbeat}, time.monotonic())
        if controller in watch.silent or controller in watch.beating:
            return controller in watch.silent
        time.sleep(min(1.0, LEASE_S / 10))


@contextmanager
def held(what: str, beat: Callable[[], object], release: Callable[[], object]) -> Iterator[None]:
    """Beat in the background while the block runs, and release at its end. `what` is held, in messages.

    Another process may take it meanwhile: `beat` raises Conflict then, and whatever the block writes is refused.
    """
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(BEAT_S):
            try:
                beat()
            except Conflict:
                return
            except AgentError as error:  # a busy store: the next beat comes before the lease ends
                log.warning("%s: heartbeat missed: %s", what, error)

    heart = threading.Thread(target=run, name="controller-heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()
        with suppress(AgentError):  # the next controller sees that this process has ended
            release()
