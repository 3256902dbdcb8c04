"""One controller for each cluster: who it is, its heartbeat, and its loop."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.clusters import Cluster, ClusterUnavailable
from agent.clusters.controller import Controller
from agent.errors import AgentError, Conflict, StorageFailed
from agent.liveness import process_runs, this_process
from agent.worker.conditions import STORAGE, pauses
from agent.worker.loop import alive

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown
    from agent.store import Store

LEASE_S = 30.0
BEAT_S = 5.0  # a lease survives five missed beats
LOOK_S = 1.0  # commits wake the controller; a new task is placed this late at most

log = logging.getLogger("agent")


@contextmanager
def controlling(store: Store, cluster: str) -> Iterator[str]:
    """Be the cluster's only controller while the block runs; gives the name to act by. Conflict when another lives."""
    known = store.placements.cluster(cluster)
    controller = f"{os.getpid()}:{uuid.uuid4().hex[:8]}"
    lives = False
    if known.controller is not None and known.lease_until is not None:
        runs = process_runs(known.controller_info)
        lives = datetime.now(UTC) < known.lease_until if runs is None else runs
    if lives or not store.placements.control(cluster, controller, this_process(), LEASE_S, instead_of=known.controller):
        now = store.placements.cluster(cluster).controller_info
        where = f" (process {now['pid']}, on {now.get('host', 'another machine')})" if now.get("pid") else ""
        raise Conflict(
            f"another process{where} places the tasks of this installation on {cluster} already; end it first, or "
            f"wait {LEASE_S:g} s if it has died on another machine"
        )
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_S):
            try:
                store.placements.renew(cluster, controller, LEASE_S)
            except AgentError as error:  # a busy store: the next beat comes before the lease ends
                log.warning("cluster %s: heartbeat missed: %s", cluster, error)

    heart = threading.Thread(target=beat, name="cluster-heartbeat", daemon=True)
    heart.start()
    try:
        yield controller
    finally:
        stop.set()
        heart.join()
        with suppress(AgentError):  # the next controller sees that this process has ended
            store.placements.release(cluster, controller)


def run_cluster(installation: Installation, cluster: Cluster, shutdown: Shutdown, *, poll_s: float) -> int:
    """Place queued tasks on a cluster until `shutdown` is asked for. Gives the number of jobs that go on meanwhile.

    Raises Conflict when another process places tasks there, or begins to.
    """
    store = installation.store
    with controlling(store, cluster.name) as name, alive(installation, takes="cluster", cluster=cluster.name) as agent:
        controller = Controller(installation, cluster, name, agent.id)
        log.info("tasks are placed on %s", cluster.name)
        wait_s, due = pauses(), 0.0
        while not shutdown.is_asked:
            try:
                if time.monotonic() >= due:
                    controller.follow()
                    due = time.monotonic() + poll_s
                controller.place()
            except (ClusterUnavailable, StorageFailed) as error:  # says nothing about any task
                log.warning("cluster %s: %s", cluster.name, error)
                agent.tell({STORAGE: str(error)})
                due = 0.0
                shutdown.wait(next(wait_s))
                continue
            agent.tell({})
            wait_s = pauses()
            store.wait_for_change(min(LOOK_S, poll_s))
        return len(store.placements.unsettled(cluster.name))
