"""Claim → run → again: the agent's life, its heartbeat, and taking over from one that died.

An agent is one process. Its id is new at every start, so a lease says exactly which process holds a task:
when that process dies the next agent takes the task over, container and all, at once where it can see the
death (`presence.py`) and else when the lease has run out.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent import presence
from agent.domain import NewTask, Task
from agent.errors import AgentError, Conflict
from agent.housekeeping import Housekeeping
from agent.logs import about_task
from agent.run_task import run_task

if TYPE_CHECKING:
    from agent.house import House

LEASE_S = 30.0
BEAT_S = 5.0  # a lease survives five missed beats
IDLE_WAIT_S = 2.0  # a new wish wakes the loop at once; a death wakes nobody, so this is how soon one is noticed
LOOK_S = 1.0  # how often to look for deaths while commits wake the loop all the time
RETRY_S = 2.0  # before going on with a task whose end could not be recorded; doubled each time ...
RETRY_LIMIT_S = 60.0  # ... up to this
SWEEP_S = 60.0  # how often to look for what ended tasks have left
THREADS = 1000  # tasks taken over with a running container come on top of the limit: nobody else reads their output

log = logging.getLogger("agent")


@contextmanager
def alive(house: House, *, takes: str) -> Iterator[str]:
    """A heart beating in the background: gives the agent's id and keeps its leases while the block runs.

    `takes` tells others what to expect of it: "queue" for an agent that takes what comes, "one" for a single task.
    """
    store, name = house.store, house.settings.name
    agent_id = f"{name}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    info = {**presence.this_process(), "engine": house.settings.engine, "takes": takes}
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_S):
            try:
                store.agents.beat(agent_id, name, info)
                store.tasks.renew(agent_id, LEASE_S)
            except Exception as error:  # noqa: BLE001 - a busy store: the next beat comes before the lease ends
                log.warning("heartbeat missed: %s", error)

    store.agents.beat(agent_id, name, info)
    with suppress(AgentError):
        presence.forget_dead_agents(store)
    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield agent_id
    finally:
        stop.set()
        heart.join()
        with suppress(AgentError):  # then it is found gone by its process
            store.agents.leave(agent_id)


def run_one(house: House, task_id: int, shutdown: threading.Event) -> Task:
    """Run exactly this task in this process, queued or left behind by a dead agent: `agent run --task`."""
    with alive(house, takes="one") as agent_id:
        task = house.store.tasks.claim(agent_id, task_id=task_id, lease_s=LEASE_S)
        if task is None:
            taken = _take_over(house, agent_id, task_id)
            if not taken:
                raise Conflict(f"task {task_id} is not free: {_why_not(house, task_id)}")
            (task,) = taken
        return run_task(task, house, shutdown=shutdown)


def run_new(house: House, wish: NewTask, shutdown: threading.Event, on_added: Callable[[Task], object]) -> Task:
    """Add a task that is this process's from the start, and run it: the foreground of `agent submit-train`."""
    with alive(house, takes="one") as agent_id:
        task = house.store.tasks.add(wish, agent_id=agent_id, lease_s=LEASE_S)
        on_added(task)
        return run_task(task, house, shutdown=shutdown)


def run_forever(house: House, shutdown: threading.Event, *, parallel: int = 1) -> None:
    """Take and run queued tasks until `shutdown` is set; then running ones are stopped and recorded as such."""
    with alive(house, takes="queue") as agent_id, ThreadPoolExecutor(THREADS, thread_name_prefix="task") as pool:
        log.info("agent %s is ready for tasks", agent_id)
        work = _Work(house, agent_id, parallel)
        swept, keeping = -SWEEP_S, Housekeeping(house)
        while not shutdown.is_set():
            if time.monotonic() - swept >= SWEEP_S:
                swept = time.monotonic()
                pool.submit(keeping.round)
            work.settle()
            task = work.next()
            if task is not None:
                with about_task(task.id):
                    log.info("task %s: taken (%s, %s)", task.id, task.type.value, task.status.value)
                work.running[task.id] = pool.submit(run_task, task, house, shutdown=shutdown)
            elif len(work.running) >= parallel:
                wait(work.running.values(), timeout=LOOK_S, return_when=FIRST_COMPLETED)
            else:
                house.store.wait_for_change(IDLE_WAIT_S if not work.running else LOOK_S)
        wait(work.running.values())
        work.settle()


@dataclass(slots=True)
class _Retry:
    at: float  # time.monotonic()
    pause_s: float = RETRY_S


class _Work:
    """What this agent runs and what it should run next."""

    def __init__(self, house: House, agent_id: str, parallel: int) -> None:
        self.running: dict[int, Future[Task]] = {}
        self._house = house
        self._agent_id = agent_id
        self._parallel = parallel
        self._looked = -LOOK_S
        self._retries: dict[int, _Retry] = {}

    def next(self) -> Task | None:
        """A task whose agent died or whose end is still to be recorded, else the oldest queued one. None: later."""
        try:
            if time.monotonic() - self._looked >= LOOK_S:
                taken = _take_over(self._house, self._agent_id)
                for task in (*taken, *self._house.store.tasks.held_by(self._agent_id)):
                    if self._may_run(task):
                        return task
                self._looked = time.monotonic()
            if len(self.running) < self._parallel:
                return self._house.store.tasks.claim(self._agent_id, lease_s=LEASE_S)
        except AgentError as error:  # a busy store
            log.warning("could not ask for a task: %s", error)
            self._looked = time.monotonic()
        return None

    def _may_run(self, task: Task) -> bool:
        if task.id in self.running:
            return False
        if (retry := self._retries.get(task.id)) is not None and time.monotonic() < retry.at:
            return False
        return task.engine is not None or len(self.running) < self._parallel

    def settle(self) -> None:
        """Say in the agent's own log how each task ended whose thread is done."""
        for task_id in [task_id for task_id, future in self.running.items() if future.done()]:
            with about_task(task_id):
                self._settle(task_id, self.running.pop(task_id))

    def _settle(self, task_id: int, future: Future[Task]) -> None:
        error = future.exception()
        if error is None:
            self._retries.pop(task_id, None)
            log.info("task %s: %s (%s)", task_id, future.result().status.value, future.result().reason)
            return
        # Its end may not be recorded. If so the task is still ours, and `next` finds it again.
        pause_s = self._retries[task_id].pause_s * 2 if task_id in self._retries else RETRY_S
        self._retries[task_id] = _Retry(time.monotonic() + pause_s, min(pause_s, RETRY_LIMIT_S))
        if isinstance(error, AgentError):
            log.warning("task %s: %s", task_id, error)
        else:
            log.error("task %s: its thread failed: %s", task_id, error, exc_info=error)


def _take_over(house: House, agent_id: str, task_id: int | None = None) -> list[Task]:
    known = presence.known_agents(house.store)
    return house.store.tasks.take_over(agent_id, LEASE_S, gone=known.gone, alive=known.alive, task_id=task_id)


def _why_not(house: House, task_id: int) -> str:
    task = house.store.tasks.get(task_id)
    if task.status.is_final:
        return f"it has ended ({task.status.value})"
    return f"agent {task.agent_id} runs it; follow it with `agent task wait {task_id}`"
