"""Which agents are alive. Each says which process it is; whoever runs on the same machine can look.

A lease says it for every machine, half a minute late. Here a death is known at once, and a machine that slept
through its leases is not mistaken for a dead one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.store import Store

FORGET_AFTER = timedelta(days=30)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


@dataclass(frozen=True, slots=True)
class Known:
    """What is certain about agents, by id. The others may be either."""

    gone: frozenset[str]
    alive: frozenset[str]


def this_process() -> dict[str, Any]:
    """What others need to look for this process: `machine` names a boot and a process namespace, empty if unknown."""
    return {"pid": os.getpid(), "started": _started(os.getpid()), "machine": _machine()}


def known_agents(store: Store) -> Known:
    """What this machine can say about the agents that hold tasks.

    An agent is listed before it takes a task and unlisted when it leaves, so one that is not listed has left.
    """
    holders = store.tasks.holders()
    if not holders:
        return Known(frozenset(), frozenset())
    listed = {agent.id: agent.info for agent in store.agents.list()}
    answers = {agent_id: is_alive(listed[agent_id]) if agent_id in listed else False for agent_id in holders}
    return Known(
        gone=frozenset(agent_id for agent_id, answer in answers.items() if answer is False),
        alive=frozenset(agent_id for agent_id, answer in answers.items() if answer is True),
    )


def is_alive(info: Mapping[str, Any]) -> bool | None:
    """Whether the process that described itself so runs; None when it is not on this machine, or did not say enough."""
    pid, started, machine = info.get("pid"), info.get("started"), info.get("machine")
    if not machine or machine != _machine() or not isinstance(pid, int) or not isinstance(started, int):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return None if _started(pid) is None else _started(pid) == started
    return _started(pid) == started


def forget_dead_agents(store: Store) -> None:
    """Unlist agents that have left nothing to take over: dead on this machine, or unseen for a month on another."""
    store.agents.forget(unseen_for=FORGET_AFTER)
    dead = {agent.id for agent in store.agents.list() if is_alive(agent.info) is False}
    for agent_id in dead - store.tasks.holders():
        store.agents.leave(agent_id)


def lost_tasks(store: Store) -> list[Task]:
    """Tasks that have not ended and that nobody runs any more, oldest first."""
    known = known_agents(store)
    return store.tasks.lost(gone=known.gone, alive=known.alive)


def _machine() -> str:
    """This boot of this machine, and the namespace in which process ids mean something."""
    with suppress(OSError):
        return f"{_BOOT_ID.read_text().strip()}/{os.readlink(_PID_NAMESPACE)}"  # noqa: PTH115  # no path: pid:[4026]
    return ""


def _started(pid: int) -> int | None:
    """When a process started, in ticks since boot, which no clock change moves; None when it is no more."""
    with suppress(OSError, ValueError, IndexError):
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if state in (b"Z", b"X") else int(fields[18])
    return None
