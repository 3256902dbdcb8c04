"""Claim → run → again: the agent's life, and the tasks it takes over from dead agents.

An agent is one process. Its id is new at every start, so a claim names exactly the process that holds a task.
When that process dies, another agent of its node takes the task over with its container: at once where it can see the
death (`liveness.py`), else when the process was silent for the length of a lease (`heartbeats.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from agent import liveness
from agent.domain import NewTask, Task, TaskStatus, engine_wanted
from agent.errors import AgentError, Conflict, EngineUnavailable, StoreBusy, TakenOver
from agent.logs import about_task
from agent.patience import Patience
from agent.run.cancellation import Cancelled, Cause
from agent.run.run_task import run_task
from agent.worker.conditions import STORAGE, Conditions, Retry, pauses
from agent.worker.presence import START_LIMIT_S, Presence, alive

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown

IDLE_WAIT_S = 2.0  # a new task wakes the loop at once; a death wakes nobody, so a death is noticed this late
LOOK_S = 1.0  # how often to look for deaths while commits wake the loop all the time
THREADS = 1000  # tasks taken over with a running container come on top of the limit: nobody else reads their output

log = logging.getLogger("agent")


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
                task = patience.call(store, partial(_as_here, installation, presence.node, task))
                ended = run_task(task, installation, shutdown=shutdown, is_patient=is_patient)
                if ended.status is not TaskStatus.QUEUED or shutdown.is_asked:
                    return ended
                log.warning("task %s: attempt %s begins", task_id, ended.attempt)
                continue
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
        store, patience = installation.store, Patience(shutdown.wait)

        def added() -> Task:  # an attempt before may have added it, its answer lost
            held = store.tasks.held_by(presence.id)
            return held[0] if held else store.tasks.add(submission, agent_id=presence.id, node=presence.node)

        task = patience.call(store, added, limit_s=START_LIMIT_S)
        on_added(task)
        task = patience.call(store, partial(_as_here, installation, presence.node, task))
        return run_task(task, installation, shutdown=shutdown)


def run_forever(
    installation: Installation, shutdown: Shutdown, *, parallel: int = 1, study_id: int | None = None
) -> list[int]:
    """Take and run queued tasks until `shutdown` is asked for. Gives the tasks that go on without this agent.

    With `study_id` only the tasks of this study: the agent of a foreground `agent tune`.
    """
    from agent.maintenance.housekeeping import Housekeeping  # late: the agent of one task needs none of them
    from agent.worker.evaluations import EvaluationKeeper
    from agent.worker.studies import StudyKeeper

    info: dict[str, Any] = {"takes": "queue", "places": parallel}
    if study_id is not None:
        info = {"takes": "study", "study": study_id}
    with (
        alive(installation, **info) as presence,
        ThreadPoolExecutor(THREADS, thread_name_prefix="task") as pool,
    ):
        log.info("agent %s is ready for tasks", presence.id)
        work = _Work(installation, presence, Conditions(installation, pool), parallel, study_id)
        housekeeping = Housekeeping(installation) if study_id is None else None
        studies = StudyKeeper(installation.store, shutdown) if study_id is None else None
        evaluations = EvaluationKeeper(installation.store, shutdown) if study_id is None else None
        while not shutdown.is_asked:
            asked = installation.store.asked()
            if housekeeping is not None:
                housekeeping.start_round_when_due(pool)
            if studies is not None:
                studies.take_when_due(pool)
            if evaluations is not None:
                evaluations.take_when_due(pool)
            work.settle()
            task = work.next()
            if task is not None:
                with about_task(task.id):
                    log.info("task %s: taken (%s, %s)", task.id, task.type.value, task.status.value)
                work.running[task.id] = pool.submit(work.run, task, shutdown)
            elif len(work.running) >= parallel:
                wait(work.running.values(), timeout=LOOK_S, return_when=FIRST_COMPLETED)
            else:
                installation.store.wait_for_request(IDLE_WAIT_S if not work.running else LOOK_S, since=asked)
        wait(work.running.values())
        work.settle()
        return work.left


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
        self._retries: dict[int, Retry] = {}

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
        if (retry := self._retries.get(task.id)) is not None and retry.is_early:
            return False
        return task.engine is not None or len(self.running) < self._parallel

    def run(self, task: Task, shutdown: Shutdown) -> Task:
        task = _as_here(self._installation, self._presence.node, task)
        return run_task(task, self._installation, shutdown=shutdown, is_patient=True)

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
        self._retries.setdefault(task_id, Retry()).later()
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
        plugin = self._installation.store.plugins.get(task.plugin_id).on(self._presence.node)
        return engine_wanted(task.options.engine, self._installation.settings.engine, plugin)


def _as_here(installation: Installation, node: str, task: Task) -> Task:
    """The task as an agent of the queue runs it: what has its plugin's folder elsewhere does not become a process.

    An engine that goes away between the claim and the run would make it one.
    """
    settings, plugin = installation.settings, installation.store.plugins.get(task.plugin_id)
    if plugin.is_of(node) or (task.options.engine, settings.engine) != ("auto", "auto"):
        return task
    return replace(task, options=replace(task.options, engine="docker"))


def _take_over(
    installation: Installation, presence: Presence, task_id: int | None = None, study_id: int | None = None
) -> list[Task]:
    return installation.store.tasks.take_over(
        presence.id, gone=presence.gone(), node=presence.node, task_id=task_id, study_id=study_id
    )


def _why_not_here(installation: Installation, presence: Presence, task: Task) -> str:
    plugin, names = installation.store.plugins.get_anywhere(task.plugin_id), installation.store.nodes.names()
    setting = installation.settings.engine
    return liveness.why_not_here(task, plugin, presence.node, presence.offer, names, setting)


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
