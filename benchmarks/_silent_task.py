"""What a running task that prints nothing costs: `agent run --task`, observed from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from agent.domain import TaskStatus
from agent.store import open_store
from tests.support.inputs import ODD, Cli, write_model, write_project

_SETTLED_S = 24.0  # a new task keeps each reading at once, and the connections of its start rest for ten seconds
_STORE = "'postgres'"  # the database of the throw-away server


@dataclass(frozen=True, slots=True)
class Cost:
    transactions_per_s: float
    connections: float  # mean
    memory_mib: float  # resident
    cpu_percent: float  # of one processor
    stop_s: float  # from the request of a stop to the agent's note that it stops the task


class SilentTask:
    """A running task whose plugin sleeps. Its agent settles while other things are measured."""

    def __init__(self, url: str, task_id: int, agent: psutil.Process) -> None:
        self._url = url
        self._task_id = task_id
        self._agent = agent
        self._settled_at = time.monotonic() + _SETTLED_S

    def cost(self, seconds: float) -> Cost:
        """Count for so long what the agent asks the server for, then stop the task."""
        agent = self._agent
        time.sleep(max(0.0, self._settled_at - time.monotonic()))
        # From another database, so that its own questions do not count.
        with psycopg.connect(self._url, dbname="template1", autocommit=True) as watching:
            before, cpu_before, started = _transactions(watching), sum(agent.cpu_times()[:2]), time.monotonic()
            connections = []
            while time.monotonic() - started < seconds:
                connections.append(_one(watching, f"SELECT count(*) FROM pg_stat_activity WHERE datname = {_STORE}"))
                time.sleep(1.0)
            transactions, cpu_s = _transactions(watching) - before, sum(agent.cpu_times()[:2]) - cpu_before
            passed_s, memory = time.monotonic() - started, agent.memory_info().rss
        stop_s = _stop(self._url, self._task_id)
        connected = sum(connections) / len(connections)
        return Cost(transactions / passed_s, connected, memory / 2**20, 100 * cpu_s / passed_s, stop_s)


@contextmanager
def silent_task(url: str, folder: Path) -> Iterator[SilentTask]:
    # A variable of Python's own: a real interpreter, as a user starts it.
    home = Cli(folder / "home", {"AGENT_STORE_URL": url, "AGENT_ENGINE": "process", "PYTHONUTF8": "1"})
    words = ["submit-train", "--plugin", ODD, "--project", write_project(folder / "fruit"), "--detach"]
    task_id = home.json(*words, "--model", write_model(folder / "start"), "--set", "behaviour=sleep")["id"]
    with open_store(url) as store:
        _until(lambda: store.tasks.get(task_id).agent_id)
        agent_id = store.tasks.get(task_id).agent_id
        assert agent_id is not None
        agent = psutil.Process(int(agent_id.split(":")[-2]))
        _until(lambda: store.checkpoints.list(task_id))
    try:
        yield SilentTask(url, task_id, agent)
    finally:
        for process in (*agent.children(recursive=True), agent) if agent.is_running() else ():
            process.kill()


def _stop(url: str, task_id: int) -> float:
    """Seconds until the agent has noted that the task is to be stopped."""
    with open_store(url) as store:
        requested = time.time()
        store.tasks.request_stop(task_id)
        _until(lambda: store.tasks.get(task_id).status is TaskStatus.STOPPED)
        noted = next(event.time for event in store.events.each(task_id, event_type="STOPPING"))
    return noted.timestamp() - requested


def _transactions(connection: psycopg.Connection[Any]) -> int:
    """Committed and rolled back, as far as the server's processes have said: an idle one says it within ten seconds."""
    return _one(connection, f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = {_STORE}")


def _one(connection: psycopg.Connection[Any], question: str) -> int:
    row = connection.execute(question).fetchone()
    assert row is not None
    return int(row[0])


def _until(holds: Callable[[], object], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happened within {limit_s:g} s")
        time.sleep(0.05)
