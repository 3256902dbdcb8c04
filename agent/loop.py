"""Claim → run → again: the agent's life, its heartbeat, and taking over from one that died.

An agent is one process. Its id is new at every start, so a lease says exactly which process holds a task:
when that process dies the lease runs out, and the next agent takes the task over, container and all.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.domain import NewTask, Task
from agent.errors import AgentError, Conflict
from agent.run_task import run_task

if TYPE_CHECKING:
    from agent.house import House

LEASE_S = 30.0
BEAT_S = 5.0  # a lease survives five missed beats
IDLE_WAIT_S = 5.0  # a new wish wakes the loop at once; this bounds what a missed wake-up costs

log = logging.getLogger("agent")


@contextmanager
def alive(house: House) -> Iterator[str]:
    """A heart beating in the background: gives the agent's id and keeps its leases while the block runs."""
    agent_id = f"{house.settings.name}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    stop = threading.Event()
    info = {"pid": os.getpid(), "engine": house.settings.engine}

    def beat() -> None:
        while not stop.is_set():
            try:
                house.store.agents.beat(agent_id, house.settings.name, info)
                house.store.tasks.renew(agent_id, LEASE_S)
            except AgentError as error:  # a busy store: the next beat comes before the lease ends
                log.warning("heartbeat missed: %s", error)
            stop.wait(BEAT_S)

    house.store.agents.beat(agent_id, house.settings.name, info)
    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield agent_id
    finally:
        stop.set()
        heart.join()


def run_one(house: House, task_id: int, shutdown: threading.Event) -> Task:
    """Claim and run exactly this queued task in this process: `agent run --task`."""
    with alive(house) as agent_id:
        task = house.store.tasks.claim(agent_id, task_id=task_id, lease_s=LEASE_S)
        if task is None:
            raise Conflict(f"task {task_id} was taken by another agent; follow it with `agent task wait {task_id}`")
        return run_task(task, house, shutdown=shutdown)


def run_new(house: House, wish: NewTask, shutdown: threading.Event, on_added: Callable[[Task], object]) -> Task:
    """Add a task that is this process's from the start, and run it: the foreground of `agent submit-train`."""
    with alive(house) as agent_id:
        task = house.store.tasks.add(wish, agent_id=agent_id, lease_s=LEASE_S)
        on_added(task)
        return run_task(task, house, shutdown=shutdown)


def run_forever(house: House, shutdown: threading.Event, *, parallel: int = 1) -> None:
    """Take and run queued tasks until `shutdown` is set; then running ones are stopped and recorded as such."""
    with alive(house) as agent_id, ThreadPoolExecutor(parallel, thread_name_prefix="task") as pool:
        running: set[Future[Task]] = set()
        orphans: deque[Task] = deque()  # taken over from agents that died, waiting for a free place
        log.info("agent %s is ready for tasks", agent_id)
        while not shutdown.is_set():
            running = {future for future in running if not _reported(future)}
            task = _next(house, agent_id, orphans) if len(running) < parallel else None
            if task is not None:
                log.info("task %s: taken (%s)", task.id, task.type.value)
                running.add(pool.submit(run_task, task, house, shutdown=shutdown))
            elif len(running) >= parallel:
                wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            else:
                house.store.wait_for_change(IDLE_WAIT_S if not running else 1.0)
        wait(running)
        for future in running:
            _reported(future)


def _next(house: House, agent_id: str, orphans: deque[Task]) -> Task | None:
    """A task whose agent died, else the oldest queued one. A busy store means: later."""
    try:
        orphans.extend(house.store.tasks.take_over(agent_id, LEASE_S))
        return orphans.popleft() if orphans else house.store.tasks.claim(agent_id, lease_s=LEASE_S)
    except AgentError as error:
        log.warning("could not ask for a task: %s", error)
        return None


def _reported(future: Future[Task]) -> bool:
    """Whether a task's thread is done; if so, say in the agent's own log how it ended."""
    if not future.done():
        return False
    if (error := future.exception()) is not None:
        log.error("task thread failed: %s", error, exc_info=error)
    else:
        task = future.result()
        log.info("task %s: %s (%s)", task.id, task.status.value, task.reason)
    return True
