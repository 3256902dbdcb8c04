"""A person declares that a node is lost: its launched tasks end, or are queued for another attempt.

Whether a machine that does not answer still computes, nobody else can know. From the declaration on, the agents of the
node write nothing more about these tasks; when they come back they remove the containers (`closing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agent.domain import NODE_LOST, Checkpoint, CheckpointState, Task, TaskStatus
from agent.errors import Conflict
from agent.events.model import Level
from agent.run.cancellation import Cancelled
from agent.run.outcome import closing_event, status_of
from agent.run.telling import tell_end
from agent.store import Fate

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


def fate_of(task: Task, checkpoints: Sequence[Checkpoint], stop_cause: str | None, *, node: str) -> Fate:
    """Pure. An end that was decided or demanded before the node was lost stays the end; else the task's option counts.

    `checkpoints` are the task's whose models are there; `stop_cause` says why it was to be stopped, `node` is a name.
    """
    if task.reason is not None:
        return _end(status_of(task.reason), task.reason, task.message or "")
    said = f"node {node}, on which it ran, was declared lost"
    if task.stop_requested:
        reason = Cancelled.requested(stop_cause).reason
        return _end(status_of(reason), reason, f"it was to be stopped, and {said}")
    published = [c for c in checkpoints if c.state is CheckpointState.PUBLISHED and c.model_id is not None]
    last = max(published, key=lambda checkpoint: checkpoint.seq, default=None)
    if task.attempt > task.options.restarts:
        kept = "no checkpoint had been kept"
        if published:
            kept = f"its {len(published)} checkpoints are kept" if len(published) > 1 else "its checkpoint is kept"
        return _end(TaskStatus.ERROR, NODE_LOST, f"{said}; {kept}")
    start = f"checkpoint {last.index} (model {last.model_id})" if last else "its first model"
    fields = {"attempt": task.attempt + 1, "node": node, "model_id": last.model_id if last else task.model_id}
    message = f"attempt {task.attempt + 1} of {task.options.restarts + 1}: {said}; it goes on from {start}"
    note = {"message": message, "event_type": "TASK_RESTARTS", "fields": fields, "level": Level.WARN}
    return Fate(None, note, last.model_id if last else None)


def _end(status: TaskStatus, reason: str, message: str) -> Fate:
    last = closing_event(status, reason, message)
    note = {"message": "TASK_END", "event_type": last.event_type, "fields": last.fields, "level": last.level}
    return Fate((status, reason, message), note)


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
        changed = store.tasks.lose(task.id, node.id, task.attempt, partial(fate_of, node=node.name))
        if changed is not None:
            (ended if changed.status.is_final else queued).append(changed)
    for task in ended:
        tell_end(installation, task)
    installation.outbox.wait()
    return Declared(tuple(ended), tuple(queued))
