"""Which agents are alive: the one rule for all who ask.

An agent writes down which process it is. On the same machine the process itself is asked: its death is known at once,
and a machine that slept is not taken for dead. Elsewhere its last heartbeat counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.domain import engine_wanted

if TYPE_CHECKING:
    from agent.domain import Plugin, Task
    from agent.store import AgentRow, Store

SEEN_WITHIN = timedelta(minutes=1)  # an agent beats every five seconds; a busy store may cost it some beats
FORGET_AFTER = timedelta(days=30)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


@dataclass(frozen=True, slots=True)
class Known:
    """The ids of agents of which this machine is certain. Any other agent may be alive or dead."""

    gone: frozenset[str]
    alive: frozenset[str]


def this_process() -> dict[str, Any]:
    """The facts by which others find this process: `machine` names a boot and a process namespace, empty if unknown."""
    return {"pid": os.getpid(), "started": _started(os.getpid()), "machine": _machine()}


def is_alive(agent: AgentRow) -> bool:
    """Whether the agent lives: its process where that can be asked from here, else a heartbeat in the last minute."""
    runs = process_runs(agent.info)
    return datetime.now(UTC) - agent.last_seen < SEEN_WITHIN if runs is None else runs


def agents_alive(store: Store, *, takes: str | None = None) -> list[AgentRow]:
    """The agents that are alive, the last seen first; with `takes` ("queue" or "one") only those that take this."""
    agents = store.agents.list()
    return [agent for agent in agents if takes in (None, _takes(agent)) and is_alive(agent)]


def _takes(agent: AgentRow) -> str:
    """A controller that places queued tasks on a cluster takes them from the queue as well."""
    takes = str(agent.info.get("takes", "queue"))
    return "queue" if takes == "cluster" else takes


def known_agents(store: Store) -> Known:
    """The agents that hold tasks and whose process this machine can ask.

    An agent is listed before it takes a task and unlisted when it leaves: an agent that is not listed has left.
    """
    holders = store.tasks.holders()
    if not holders:
        return Known(frozenset(), frozenset())
    listed = {agent.id: agent.info for agent in store.agents.list()}
    runs = {agent_id: process_runs(listed[agent_id]) if agent_id in listed else False for agent_id in holders}
    return Known(
        gone=frozenset(agent_id for agent_id, answer in runs.items() if answer is False),
        alive=frozenset(agent_id for agent_id, answer in runs.items() if answer is True),
    )


def process_runs(info: Mapping[str, Any]) -> bool | None:
    """Whether the process that `this_process` described runs; None on another machine, or when too little is known."""
    pid, started, machine = info.get("pid"), info.get("started"), info.get("machine")
    if not machine or machine != _machine() or not isinstance(pid, int) or not isinstance(started, int):
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return None if _started(pid) is None else _started(pid) == started
    return _started(pid) == started


def forget_dead_agents(store: Store) -> None:
    """Unlist agents that left nothing to take over: dead on this machine, or unseen for a month on another."""
    store.agents.forget(unseen_for=FORGET_AFTER)
    dead = {agent.id for agent in store.agents.list() if process_runs(agent.info) is False}
    for agent_id in dead - store.tasks.holders():
        store.agents.leave(agent_id)


def why_waiting(agents: Sequence[AgentRow], task: Task, plugin: Plugin) -> str:
    """Why a queued task waits, in a sentence; empty when it only waits for its turn. `agents` are those alive.

    An agent says what is wrong with its machine in `info["waiting"]`, by engine; "storage" concerns every task.
    """
    takers = [a for a in agents if _takes(a) == "queue" or a.info.get("task") == task.id]
    if not takers:
        return "No agent takes tasks from the queue; start one with `agent up`."
    troubles = [_trouble(agent.info, task, plugin) for agent in takers]
    return "" if "" in troubles else troubles[0]


def _trouble(info: Mapping[str, Any], task: Task, plugin: Plugin) -> str:
    waiting = info.get("waiting") or {}
    wanted = engine_wanted(task.options.engine, str(info.get("engine", "auto")), plugin)
    return str(waiting.get("storage") or waiting.get(wanted) or "")


def lost_tasks(store: Store) -> list[Task]:
    """Tasks that have not ended and that no agent runs any more, oldest first."""
    known = known_agents(store)
    return store.tasks.lost(gone=known.gone, alive=known.alive)


def _machine() -> str:
    """This boot of this machine, and the namespace in which process ids mean something."""
    with suppress(OSError):
        return f"{_BOOT_ID.read_text().strip()}/{os.readlink(_PID_NAMESPACE)}"  # noqa: PTH115  # no path: pid:[4026]
    return ""


def _started(pid: int) -> int | None:
    """When a process started, in ticks since boot, which no clock change moves; None when it has ended."""
    with suppress(OSError, ValueError, IndexError):
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if state in (b"Z", b"X") else int(fields[18])
    return None
