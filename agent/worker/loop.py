"""Claim → run → again: the agent's life, its heartbeat, and the tasks it takes over from dead agents.

An agent is one process. Its id is new at every start, so a claim names exactly the process that holds a task.
When that process dies, another agent of its node takes the task over with its container: at once where it can see the
death (`liveness.py`), else when the process was silent for the length of a lease (`heartbeats.py`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent import liveness
from agent.domain import NewTask, Task, TaskStatus, engine_wanted
from agent.errors import AgentError, Conflict, EngineUnavailable, StoreBusy, TakenOver
from agent.heartbeats import Heartbeats
from agent.installation import node_of
from agent.logs import about_task
from agent.needs import Needs, Offer, lacks, read_needs
from agent.patience import Patience
from agent.run.cancellation import Cancelled, Cause
from agent.run.run_task import run_task
from agent.run.telling import condition_wanted
from agent.worker.conditions import STORAGE, Conditions, pauses
from agent.worker.offer import Offers
from agent.worker.one_machine import require_one_machine
from agent.worker.studies import StudyKeeper

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown

LEASE_S = 30.0  # an agent elsewhere is silent when its heartbeat was the same for so long
BEAT_S = 5.0  # a lease survives five missed beats
START_LIMIT_S = 10.0  # for a store that does not answer while an agent starts: somebody may wait at a terminal
IDLE_WAIT_S = 2.0  # a new task wakes the loop at once; a death wakes nobody, so a death is noticed this late
LOOK_S = 1.0  # how often to look for deaths while commits wake the loop all the time
THREADS = 1000  # tasks taken over with a running container come on top of the limit: nobody else reads their output

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
        self._store.nodes.put(self.node, self._name)

    def beat(self, *, wakes: bool = True) -> None:
        self._store.agents.beat(self.id, self._name, self._info, wakes=wakes)

    def beat_and_look(self) -> None:
        """Beat, then look at the beats of others: who cannot write to the store calls nobody silent."""
        try:
            self.beat(wakes=False)
            self.others.look({agent.id: agent.last_seen for agent in self._store.agents.list()}, time.monotonic())
        except BaseException:
            self.others.lose_sight()
            raise

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
def alive(installation: Installation, **info: Any) -> Iterator[Presence]:
    """A heartbeat in the background lists the agent while the block runs, and shows it the heartbeats of others.

    `info` tells other processes which tasks this agent takes: `takes` is "queue" for whatever is queued, "one" for a
    single task, whose number is `task` where it is known before it starts, "study" for the tasks of the study `study`.
    BadInput for a condition of messages that is none.
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

    patience.call(store, presence.list_node, limit_s=START_LIMIT_S)
    patience.call(store, presence.beat, limit_s=START_LIMIT_S)
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


def run_one(installation: Installation, task_id: int, shutdown: Shutdown, *, is_patient: bool = False) -> Task:
    """Run exactly this task in this process, queued or left behind by a dead agent: `agent run --task`.

    Gives the task as it ended. With `is_patient` it waits until this machine can run the task. Raises Conflict when the
    task has ended or another agent runs it, and as `run_task`.
    """
    with alive(installation, takes="one", task=task_id) as presence:
        wait_s = pauses()
        patience, store = Patience(shutdown.wait), installation.store
        while True:
            task = patience.call(store, lambda: _claim_or_take_over(installation, presence, task_id, shutdown))
            try:
                return run_task(task, installation, shutdown=shutdown, is_patient=is_patient)
            except Cancelled as cancelled:
                if not cancelled.cause.waits:
                    raise
                log.warning("task %s waits: %s", task_id, cancelled)
                presence.tell({STORAGE: str(cancelled)})
            if shutdown.wait(next(wait_s)):
                raise Cancelled.left(task_id)
            task = patience.call(store, lambda: store.tasks.get(task_id))
            if task.status.is_final:
                return task
            presence.tell({})


def _claim_or_take_over(installation: Installation, presence: Presence, task_id: int, shutdown: Shutdown) -> Task:
    """The task, now this agent's. Waits while it cannot be known yet whether the agent that has it lives.

    Raises Conflict when the task is not free, Cancelled when this agent ends.
    """
    store = installation.store
    while True:
        for task in store.tasks.held_by(presence.id):
            if task.id == task_id:
                return task
        if not _why_not_here(installation, presence, store.tasks.get(task_id)):
            claimed = store.tasks.claim(presence.id, node=presence.node, task_id=task_id)
            if claimed is not None:
                return claimed
        if taken := _take_over(installation, presence, task_id):
            return taken[0]
        task = store.tasks.get(task_id)
        if why := _why_not(installation, presence, task):
            raise Conflict(f"task {task_id} is not free: {why}")
        if shutdown.wait(LOOK_S):
            raise Cancelled.left(task_id)


def run_new(
    installation: Installation, submission: NewTask, shutdown: Shutdown, on_added: Callable[[Task], object]
) -> Task:
    """Add a task that is this process's from the start, and run it: the foreground of `agent submit-train`.

    Gives the task as it ended. Raises as `run_task`.
    """
    with alive(installation, takes="one") as presence:
        store = installation.store

        def added() -> Task:  # an attempt before may have added it, its answer lost
            held = store.tasks.held_by(presence.id)
            return held[0] if held else store.tasks.add(submission, agent_id=presence.id, node=presence.node)

        task = Patience(shutdown.wait).call(store, added, limit_s=START_LIMIT_S)
        on_added(task)
        return run_task(task, installation, shutdown=shutdown)


def run_forever(
    installation: Installation, shutdown: Shutdown, *, parallel: int = 1, study_id: int | None = None
) -> list[int]:
    """Take and run queued tasks until `shutdown` is asked for. Gives the tasks that go on without this agent.

    With `study_id` only the tasks of this study: the agent of a foreground `agent tune`.
    """
    from agent.maintenance.housekeeping import Housekeeping  # late: the agent of one task needs no client of Docker

    info: dict[str, Any] = {"takes": "queue"} if study_id is None else {"takes": "study", "study": study_id}
    with (
        alive(installation, **info) as presence,
        ThreadPoolExecutor(THREADS, thread_name_prefix="task") as pool,
    ):
        log.info("agent %s is ready for tasks", presence.id)
        work = _Work(installation, presence, Conditions(installation, pool), parallel, study_id)
        housekeeping = Housekeeping(installation) if study_id is None else None
        studies = StudyKeeper(installation.store, shutdown) if study_id is None else None
        while not shutdown.is_asked:
            asked = installation.store.asked()
            if housekeeping is not None:
                housekeeping.start_round_when_due(pool)
            if studies is not None:
                studies.take_when_due(pool)
            work.settle()
            task = work.next()
            if task is not None:
                with about_task(task.id):
                    log.info("task %s: taken (%s, %s)", task.id, task.type.value, task.status.value)
                work.running[task.id] = pool.submit(run_task, task, installation, shutdown=shutdown, is_patient=True)
            elif len(work.running) >= parallel:
                wait(work.running.values(), timeout=LOOK_S, return_when=FIRST_COMPLETED)
            else:
                installation.store.wait_for_request(IDLE_WAIT_S if not work.running else LOOK_S, since=asked)
        wait(work.running.values())
        work.settle()
        return work.left


@dataclass(slots=True)
class _Retry:
    at: float = 0.0  # time.monotonic()
    pauses: Iterator[float] = field(default_factory=pauses)


class _Work:
    """The tasks this agent runs, and the choice of its next task."""

    def __init__(
        self,
        installation: Installation,
        presence: Presence,
        conditions: Conditions,
        parallel: int,
        study_id: int | None,
    ) -> None:
        self.running: dict[int, Future[Task]] = {}
        self.left: list[int] = []  # tasks that go on without this agent
        self._installation = installation
        self._presence = presence
        self._agent_id = presence.id
        self._conditions = conditions
        self._parallel = parallel
        self._study_id = study_id
        self._looked = -LOOK_S
        self._retries: dict[int, _Retry] = {}

    def next(self) -> Task | None:
        """A task whose agent died or whose end is still to be recorded, else the oldest queued task; None: later."""
        try:
            if time.monotonic() - self._looked >= LOOK_S:
                taken = _take_over(self._installation, self._presence, study_id=self._study_id)
                for task in (*taken, *self._installation.store.tasks.held_by(self._agent_id)):
                    if self._may_run(task):
                        return task
                self._looked = time.monotonic()
            if len(self.running) < self._parallel:
                return self._claim()
        except StoreBusy as busy:
            self._installation.store.outage.noticed(busy)
            self._looked = time.monotonic()
        except AgentError as error:
            log.warning("could not ask for a task: %s", error)
            self._looked = time.monotonic()
        return None

    def _claim(self) -> Task | None:
        """The oldest queued task that this machine can run now."""
        tasks, node = self._installation.store.tasks, self._presence.node
        asked: dict[str, Any] = {
            "setting": self._installation.settings.engine,
            "node": node,
            "needs": self._presence.meets(tasks.needs_wanted(self._agent_id, study_id=self._study_id)),
            "study_id": self._study_id,
        }
        met = self._conditions.met(tasks.engines_wanted(self._agent_id, **asked))
        self._presence.tell(self._conditions.troubles)
        if not met:
            return None
        return tasks.claim(self._agent_id, engines=met, but=self.running, **asked)

    def _may_run(self, task: Task) -> bool:
        if task.id in self.running:
            return False
        if (retry := self._retries.get(task.id)) is not None and time.monotonic() < retry.at:
            return False
        return task.engine is not None or len(self.running) < self._parallel

    def settle(self) -> None:
        """Log the end of each task whose thread is done."""
        for task_id in [task_id for task_id, future in self.running.items() if future.done()]:
            with about_task(task_id):
                self._settle(task_id, self.running.pop(task_id))

    def _settle(self, task_id: int, future: Future[Task]) -> None:
        error = future.exception()
        if error is None:
            ended = future.result()
            self._retries.pop(task_id, None)
            with suppress(StoreBusy):
                self._conditions.passed(self._engine_wanted(ended))
            log.info("task %s: %s (%s)", task_id, ended.status.value, ended.reason)
            return
        if isinstance(error, Cancelled) and error.cause is Cause.AGENT_LEFT:
            self.left.append(task_id)
            log.info("%s", error)
            return
        if isinstance(error, Cancelled) and error.cause is Cause.GIVEN_BACK:
            self._retries.pop(task_id, None)
            self._refused(task_id, error)
            return
        if isinstance(error, TakenOver):
            self._retries.pop(task_id, None)
            log.warning("task %s: %s", task_id, error)
            return
        # The task has not ended, or its end may not be recorded. It is still this agent's, and `next` finds it again.
        retry = self._retries.setdefault(task_id, _Retry())
        retry.at = time.monotonic() + next(retry.pauses)
        if isinstance(error, AgentError):
            log.warning("task %s: %s", task_id, error)
        else:
            log.error("task %s: its thread failed: %s", task_id, error, exc_info=error)

    def _refused(self, task_id: int, given_back: Cancelled) -> None:
        """This machine could not start the task. Tasks with the same needs wait as well, for a moment at least."""
        log.warning("task %s is queued again: %s", task_id, given_back)
        needs = STORAGE
        if isinstance(given_back.__cause__, EngineUnavailable):
            with suppress(AgentError):
                needs = self._engine_wanted(self._installation.store.tasks.get(task_id))
        self._conditions.refused(needs, str(given_back))

    def _engine_wanted(self, task: Task) -> str:
        plugin = self._installation.store.plugins.get(task.plugin_id)
        return engine_wanted(task.options.engine, self._installation.settings.engine, plugin)


def _take_over(
    installation: Installation, presence: Presence, task_id: int | None = None, study_id: int | None = None
) -> list[Task]:
    return installation.store.tasks.take_over(
        presence.id, gone=presence.gone(), node=presence.node, task_id=task_id, study_id=study_id
    )


def _why_not_here(installation: Installation, presence: Presence, task: Task) -> str:
    plugin, names = installation.store.plugins.get_anywhere(task.plugin_id), installation.store.nodes.names()
    return liveness.why_not_here(task, plugin, presence.node, presence.offer, names)


def _why_not(installation: Installation, presence: Presence, task: Task) -> str:
    """Why the task can be neither claimed nor taken over; empty while that is not known."""
    if task.status.is_final:
        return f"it has ended ({task.status.value})"
    if task.status is TaskStatus.QUEUED:
        return _why_not_here(installation, presence, task)
    if task.engine is not None and task.node not in (None, presence.node):
        name = installation.store.nodes.names().get(task.node, task.node)
        return f"node {name} has launched it, and only agents there see its container; `agent node lost {name}` ends it"
    holder = {agent.id: agent for agent in installation.store.agents.list()}.get(task.agent_id or "")
    if holder is None or holder.id in presence.gone():
        return ""
    if liveness.process_runs(holder.info, presence.node) is None and holder.id not in presence.others.beating:
        return ""  # it is watched
    return f"agent {task.agent_id} runs it; follow it with `agent task wait {task.id}`"
