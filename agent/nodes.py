"""Nodes as people see them: their agents, how long they are silent, what they offer; and tasks that wait for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from agent.domain import TaskStatus
from agent.liveness import is_alive, offer_of
from agent.needs import Offer

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.store import AgentRow, Store

SILENT_S = 30.0  # an agent whose last beat is older is said to be silent


@dataclass(frozen=True, slots=True)
class NodeView:
    id: str
    name: str
    agents: tuple[AgentRow, ...]  # those that are listed, alive or not; the one seen last comes first
    is_alive: bool  # whether an agent of it lives
    silent_for: timedelta | None  # since the last beat of any agent; None: it is alive, or no agent of it is listed
    running: int  # its tasks that have not ended
    offers: Offer  # of the agent seen last
    engine: str  # of its settings

    @property
    def short_id(self) -> str:
        return self.id[:8]


def node_views(store: Store) -> list[NodeView]:
    """Every node that is known, by name."""
    by_node: defaultdict[str, list[AgentRow]] = defaultdict(list)
    for agent in store.agents.list():
        if agent.node:
            by_node[agent.node].append(agent)
    running = store.nodes.running()
    return [_view(node.id, node.name, by_node[node.id], running.get(node.id, 0)) for node in store.nodes.list()]


def _view(id_: str, name: str, agents: Sequence[AgentRow], running: int) -> NodeView:
    alive = any(is_alive(agent) for agent in agents)
    info: Mapping[str, Any] = agents[0].info if agents else {}
    return NodeView(
        id=id_,
        name=name,
        agents=tuple(agents),
        is_alive=alive,
        silent_for=None if alive or not agents else min(agent.unseen_for for agent in agents),
        running=running,
        offers=offer_of(info),
        engine=str(info.get("engine", "")),
    )


def most_gpus(nodes: Sequence[NodeView]) -> int | None:
    """The GPUs of the living node that has the most; None where one does not say, or none lives. Pure."""
    counts = [node.offers.gpus for node in nodes if node.is_alive]
    known = [count for count in counts if count is not None]
    return max(known) if known and len(known) == len(counts) else None


def why_stalled(task: Task, agents: Mapping[str, AgentRow], names: Mapping[str, str]) -> str:
    """Why nothing happens to a task that was launched, in a sentence; empty while its node beats. Pure.

    `agents` are those that are listed, by id; `names` those of nodes.
    """
    is_launched = task.engine is not None and not task.status.is_final and task.status is not TaskStatus.QUEUED
    if not is_launched or task.node is None:
        return ""
    ages = [agent.unseen_for for agent in agents.values() if agent.node == task.node and not agent.info.get("left")]
    name = names.get(task.node, task.node[:8])
    ends = f"`agent node lost {name}` ends it"
    if not ages:
        return f"No agent of node {name} runs: the task waits for one; {ends}."
    if min(ages).total_seconds() < SILENT_S:
        return ""
    return f"Node {name} is silent for {_words(min(ages))}: the task waits for it; {ends}."


def _words(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
