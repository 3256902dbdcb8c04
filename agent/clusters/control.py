"""One controller for each cluster: who it is, its heartbeat, and its loop."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from agent.clusters import Cluster, ClusterUnavailable
from agent.clusters.controller import Controller
from agent.controllers import has_died, held
from agent.errors import Conflict, StorageFailed
from agent.liveness import this_process
from agent.patience import Patience
from agent.worker.conditions import STORAGE, pauses
from agent.worker.presence import alive

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown
    from agent.store import Store

LOOK_S = 1.0  # so late the news of a cluster are noticed; a new task in the queue wakes the controller at once
LOOK_SHARE = 10  # a look at all jobs rests this many times as long as it took: there may be thousands

log = logging.getLogger("agent")


@contextmanager
def controlling(store: Store, cluster: str, *, patience: Patience | None = None) -> Iterator[str]:
    """Be the cluster's only controller while the block runs; gives the name to act by. Conflict when another lives.

    Waits for the length of a lease where another machine had the controller and it is not known to have ended. With
    `patience` a store that is away is waited for, too.
    """
    asked = store if patience is None else patience.of(store)
    known = asked.placements.cluster(cluster)
    controller = f"{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def look() -> tuple[str | None, datetime | None]:
        now = asked.placements.cluster(cluster)
        return now.controller, now.seen_at

    may = known.controller is None or has_died(known.controller, known.controller_info, look)
    before = look()[0] if may else None  # it may have let go meanwhile
    if not may or not asked.placements.control(cluster, controller, this_process(), instead_of=before):
        now = asked.placements.cluster(cluster).controller_info
        where = f" (process {now['pid']}, on {now.get('host', 'another machine')})" if now.get("pid") else ""
        raise Conflict(
            f"another process{where} places the tasks of this installation on {cluster} already; end it first"
        )
    with held(
        f"cluster {cluster}",
        partial(store.placements.beat, cluster, controller),
        partial(store.placements.release, cluster, controller),
    ):
        yield controller


def run_cluster(installation: Installation, cluster: Cluster, shutdown: Shutdown) -> int:
    """Place queued tasks on a cluster until `shutdown` is asked for. Gives the number of jobs that go on meanwhile.

    Raises Conflict when another process places tasks there, or begins to.
    """
    store, patience = installation.store, Patience(shutdown.wait)
    with (
        controlling(store, cluster.name, patience=patience) as name,
        alive(installation, wait=shutdown.wait, takes="cluster", cluster=cluster.name) as agent,
    ):
        controller = Controller(installation, cluster, name, agent.id)
        log.info("tasks are placed on %s", cluster.name)
        wait_s, turns, is_more = pauses(), _Turns(cluster), False
        while not shutdown.is_asked:
            asked = store.asked()
            try:
                if is_due := turns.is_due():
                    with turns.measured():
                        controller.follow()
                if is_more or asked != turns.asked or (is_due and controller.may_place):
                    is_more = controller.place()
                    turns.asked = asked
            except (ClusterUnavailable, StorageFailed) as error:  # says nothing about any task
                log.warning("cluster %s: %s", cluster.name, error)
                agent.tell({STORAGE: str(error)})
                turns = _Turns(cluster)
                shutdown.wait(next(wait_s))
                continue
            agent.tell({})
            wait_s = pauses()
            if not is_more:
                store.wait_for_request(turns.left_s(), since=asked)
        return len(store.placements.unsettled(cluster.name))


class _Turns:
    """When jobs are looked at, and which requests were seen when the queue was looked at last."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._rests_until = self._due = 0.0
        self.asked: int | None = None

    def is_due(self) -> bool:
        now = time.monotonic()
        return now >= self._due or (now >= self._rests_until and self._cluster.has_news())

    def left_s(self) -> float:
        """How long nothing is to be done, unless it is asked for."""
        return min(LOOK_S, max(0.0, self._due - time.monotonic()))

    @contextmanager
    def measured(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        ended = time.monotonic()
        self._rests_until = ended + max(min(LOOK_S, self._cluster.poll_s), LOOK_SHARE * (ended - started))
        self._due = max(self._rests_until, ended + self._cluster.poll_s)
