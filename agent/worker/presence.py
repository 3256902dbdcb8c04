"""An agent among others: how the store lists it, its heartbeat, and what it sees of the other agents."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from agent import liveness
from agent.errors import AgentError
from agent.heartbeats import Heartbeats
from agent.installation import node_of
from agent.needs import Needs, Offer, lacks, read_needs
from agent.patience import Patience
from agent.run.telling import condition_wanted
from agent.worker.offer import Offers
from agent.worker.one_machine import require_one_machine

if TYPE_CHECKING:
    from agent.installation import Installation

LEASE_S = 30.0  # an agent elsewhere is silent when its heartbeat was the same for so long
BEAT_S = 5.0  # a lease survives five missed beats
START_LIMIT_S = 10.0  # for a store that does not answer while an agent starts: somebody may wait at a terminal

log = logging.getLogger("agent")


class Presence:
    """An agent as the store lists it, and what it sees of the other agents."""

    def __init__(self, installation: Installation, info: Mapping[str, Any]) -> None:
        self._store = installation.store
        self._name = installation.settings.name
        self.node = node_of(installation.settings)
        self.others = Heartbeats(LEASE_S, gap_s=LEASE_S / 2)
        self._info: Mapping[str, Any] = {
            **liveness.this_process(),
            "node": self.node,
            "home": str(installation.settings.home),
            "engine": installation.settings.engine,
            **info,
        }
        self._offers = Offers(installation)
        self._say_offer()
        self.id = f"{self._name}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def list_node(self) -> None:
        if self._info["engine"] != "pod":  # a pod is never seen again: lists of nodes would grow with each task
            self._store.nodes.put(self.node, self._name)

    def beat(self) -> None:
        self._store.agents.beat(self.id, self._name, self._info)

    def beat_and_look(self) -> None:
        """Beat, and look at the beats of others: who cannot write to the store calls nobody silent."""
        try:
            beats = self._store.agents.beat_and_watch(self.id, self._name, self._info, node=self.node)
        except BaseException:
            self.others.lose_sight()
            raise
        self.others.look(beats, time.monotonic())

    def leave(self) -> None:
        """Unlist the agent. One that leaves tasks behind stays listed, as one that has left: others go on at once."""
        if self.id in self._store.tasks.holders():
            self._info = {**self._info, "left": True}
            self.beat()
        else:
            self._store.agents.leave(self.id)

    def offer(self, needs: Needs) -> Offer:
        """What this node has, as the next beat tells it."""
        offer = self._offers.now(needs)
        self._say_offer()
        return offer

    def _say_offer(self) -> None:
        known = self._offers.known()
        self._info = {**self._info, "labels": dict(known.labels), "gpus": known.gpus}

    def meets(self, needs: Iterable[str]) -> set[str]:
        """Those of these needs that this node meets."""
        return {text for text in needs if not lacks(read := read_needs(text), self.offer(read))}

    def gone(self) -> frozenset[str]:
        """The agents whose tasks may be taken over."""
        return liveness.gone_agents(self._store, self.node, self.others.silent)

    def tell(self, troubles: Mapping[str, str]) -> None:
        """Let others see why queued tasks wait: what is wrong here, by engine (`liveness.why_waiting`)."""
        if self._info.get("waiting", {}) != troubles:
            self._info = {**self._info, "waiting": dict(troubles)}
            with suppress(AgentError):  # the next beat tells it
                self.beat()


@contextmanager
def alive(
    installation: Installation, *, wait: Callable[[float], bool] | None = None, **info: Any
) -> Iterator[Presence]:
    """A heartbeat in the background lists the agent while the block runs, and shows it the heartbeats of others.

    `info` tells other processes which tasks this agent takes: `takes` is "queue" for whatever is queued, "one" for a
    single task, whose number is `task` where it is known before it starts, "study" for the tasks of the study `study`.
    BadInput for a condition of messages that is none.

    With `wait`, which is as that of `Patience`, a store that does not answer is waited for; else StoreBusy after a
    moment.
    """
    condition_wanted(installation.settings)
    require_one_machine(installation)
    store, presence = installation.store, Presence(installation, info)
    stop = threading.Event()
    patience = Patience(stop.wait)

    def beat() -> None:
        while not stop.wait(BEAT_S):
            try:
                patience.call(store, presence.beat_and_look)
            except Exception as error:  # noqa: BLE001 - the next beat comes before the lease ends
                log.warning("heartbeat missed: %s", error)

    starting, limit_s = (patience, START_LIMIT_S) if wait is None else (Patience(wait), float("inf"))
    starting.call(store, presence.list_node, limit_s=limit_s)
    starting.call(store, presence.beat, limit_s=limit_s)
    with suppress(AgentError):
        presence.beat_and_look()
        liveness.forget_dead_agents(store)
    for path in installation.artifacts.half_made.sweep():
        log.warning("a killed process has left %s, and it cannot be deleted", path)
    threading.Thread(target=_sweep_remote, args=(installation,), name="sweep", daemon=True).start()
    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield presence
    finally:
        stop.set()
        heart.join()
        with suppress(AgentError):
            presence.leave()
        installation.outbox.wait()  # last: meanwhile nothing else depends on this process


def _sweep_remote(installation: Installation) -> None:
    """Beside the tasks, because a server that is away takes its time to be so."""
    try:
        if swept := installation.artifacts.sweep():
            log.info("deleted %d uploads that were never ended", swept)
    except AgentError as error:  # a later agent tries again
        log.debug("unfinished uploads stay: %s", error)
