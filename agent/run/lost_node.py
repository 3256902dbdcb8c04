"""A person declares that a node is lost: its launched tasks end, or are queued for another attempt.

Whether a machine that does not answer still computes, nobody else can know. From the declaration on, the agents of the
node write nothing more about these tasks; when they come back they remove the containers (`closing.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agent.domain import NODE_LOST, Task, TaskStatus
from agent.errors import Conflict
from agent.run.loss import Loss, fate_of
from agent.run.telling import tell_end

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.nodes import NodeView

_ALL = 1_000_000
_LIVE = [status for status in TaskStatus if not status.is_final and status is not TaskStatus.QUEUED]


@dataclass(frozen=True, slots=True)
class Declared:
    """What the declaration has changed."""

    ended: tuple[Task, ...]
    queued: tuple[Task, ...]  # for another attempt


def declared(node: str) -> Loss:
    """The loss of a node of this name."""
    return Loss(NODE_LOST, f"node {node}, on which it ran, was declared lost", node)


def declare_lost(installation: Installation, node: NodeView, *, force: bool = False) -> Declared:
    """End the launched tasks of a node, or queue them for another attempt, as their options say.

    Conflict while an agent of the node lives, unless forced.
    """
    if node.is_alive and not force:
        raise Conflict(
            f"node {node.name} is not lost: an agent of it is alive ({node.agents[0].id}). End its tasks with "
            "`agent task stop`; --force declares it lost all the same"
        )
    store = installation.store
    ended, queued = list[Task](), list[Task]()
    for task in reversed(store.tasks.list(statuses=_LIVE, limit=_ALL, archived=None)):
        if task.node != node.id or task.engine is None:
            continue
        changed = store.tasks.lose(task.id, node.id, task.attempt, partial(fate_of, loss=declared(node.name)))
        if changed is not None:
            (ended if changed.status.is_final else queued).append(changed)
    for task in ended:
        tell_end(installation, task)
    installation.outbox.wait()
    return Declared(tuple(ended), tuple(queued))
