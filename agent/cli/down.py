"""`agent down`: end the agents of this installation. Their tasks go on, or are stopped first."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import show
from agent.cli.installation import open_installation, spawn_agent
from agent.cli.serve import say_left
from agent.cli.signals import LEAVE, STOP
from agent.installation import known_node_of
from agent.liveness import is_alive, lost_tasks, process_runs

if TYPE_CHECKING:
    from agent.store import AgentRow


def down(
    stop_tasks: Annotated[bool, typer.Option("--stop-tasks", help="Stop the running tasks first.")] = False,
) -> None:
    """End the agents of this installation. Their tasks go on, and the next agent goes on with them.

    Returns when the agents have ended. Queued tasks stay queued.
    """
    with open_installation() as installation:
        store, home = installation.store, str(installation.settings.home)
        agents = [agent for agent in store.agents.list() if agent.info.get("home") == home and is_alive(agent)]
        told, not_told = _tell(agents, STOP if stop_tasks else LEAVE)
        for agent in not_told:
            show.err.print(f"agent {agent.id} runs elsewhere or as another user; end it there", markup=False)
        for process in told:
            select.select([process], [], [])
            os.close(process)
        ended = f"{len(told)} agent{'s' if len(told) > 1 else ''} ended"
        show.err.print(ended if told else "no agent runs here", markup=False)
        left = [task.id for task in lost_tasks(store, known_node_of(installation.settings))]
        if not stop_tasks:
            say_left(left)
            return
        for task_id in left:  # agents before these left the task, or died
            store.tasks.request_stop(task_id)
            spawn_agent(installation.settings, task_id)


def _tell(agents: Iterable[AgentRow], number: signal.Signals) -> tuple[list[int], list[AgentRow]]:
    """Send the signal to the agents' processes. Gives their descriptors, readable at their ends, and the other agents.

    All are told before any is waited for, so that none takes the tasks of another over.
    """
    told: list[int] = []
    not_told: list[AgentRow] = []
    for agent in agents:
        if process_runs(agent.info) is None:
            not_told.append(agent)
            continue
        try:
            process = os.pidfd_open(agent.info["pid"])
        except ProcessLookupError:  # it has just ended
            continue
        try:
            if process_runs(agent.info):  # asked again: from now on its number can become no other process's
                signal.pidfd_send_signal(process, number)
            told.append(process)
        except ProcessLookupError:
            told.append(process)
        except PermissionError:
            os.close(process)
            not_told.append(agent)
    return told, not_told
