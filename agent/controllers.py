"""Whether the process that controls something, a study or a cluster, has died: asked for, else watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from agent.heartbeats import Heartbeats
from agent.liveness import process_runs

LEASE_S = 30.0  # a controller on another machine is dead when its heartbeat was the same for so long


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
