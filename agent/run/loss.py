"""What becomes of a task that was taken from its agent, or of a model that failed: its end, or another attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain import Checkpoint, CheckpointState, Task, TaskStatus, TaskType
from agent.events.model import Level
from agent.run.cancellation import Cancelled
from agent.run.outcome import Outcome, closing_event, status_of
from agent.store import Fate

# Ends of a deployed model after which another attempt may do better; a plugin that cannot even begin would not.
_OF_THE_PLUGIN = frozenset({"plugin_exit", "plugin_killed", "out_of_memory", "output_lost", "container_lost"})


@dataclass(frozen=True, slots=True)
class Loss:
    """What has happened: a person declared the node lost, a cluster took the job away."""

    reason: str  # with which the task ends when it has no restart left; one word of docs/reference/tasks.md
    said: str  # a clause, as in "node lab, on which it ran, was declared lost"
    node: str | None = None  # the name of the node


def has_restarts_left(task: Task) -> bool:
    return task.attempt <= task.options.restarts


def failure_of_model(task: Task, outcome: Outcome) -> Loss | None:
    """What makes room for another attempt of a deployed model: its plugin has failed. None for every other end."""
    if task.type is not TaskType.DEPLOY or outcome.status is not TaskStatus.ERROR:
        return None
    return Loss(outcome.reason, outcome.message) if outcome.reason in _OF_THE_PLUGIN else None


def fate_of(task: Task, checkpoints: Sequence[Checkpoint], stop_cause: str | None, *, loss: Loss) -> Fate:
    """An end that was decided or demanded before the loss stays the end; else the task's option counts.

    `checkpoints` are the task's whose models are there; `stop_cause` says why it was to be stopped.
    """
    if task.reason is not None:
        return _end(status_of(task.reason), task.reason, task.message or "")
    if task.stop_requested:
        reason = Cancelled.requested(stop_cause).reason
        return _end(status_of(reason), reason, f"it was to be stopped, and {loss.said}")
    published = [c for c in checkpoints if c.state is CheckpointState.PUBLISHED and c.model_id is not None]
    last = max(published, key=lambda checkpoint: checkpoint.seq, default=None)
    if not has_restarts_left(task):
        if task.type is TaskType.DEPLOY:
            return _end(status_of(loss.reason), loss.reason, loss.said)
        kept = "no checkpoint had been kept"
        if published:
            kept = f"its {len(published)} checkpoints are kept" if len(published) > 1 else "its checkpoint is kept"
        return _end(status_of(loss.reason), loss.reason, f"{loss.said}; {kept}")
    start = f"checkpoint {last.index} (model {last.model_id})" if last else "its first model"
    fields = {
        "attempt": task.attempt + 1,
        "node": loss.node,
        "model_id": last.model_id if last else task.model_id,
        "reason": loss.reason,
    }
    how = "its model is loaded again" if task.type is TaskType.DEPLOY else f"it goes on from {start}"
    message = f"attempt {task.attempt + 1} of {task.options.restarts + 1}: {loss.said}; {how}"
    note = {"message": message, "event_type": "TASK_RESTARTS", "fields": fields, "level": Level.WARN}
    return Fate(None, note, (loss.reason, loss.said), last.model_id if last else None)


def _end(status: TaskStatus, reason: str, message: str) -> Fate:
    last = closing_event(status, reason, message)
    note = {"message": "TASK_END", "event_type": last.event_type, "fields": last.fields, "level": last.level}
    return Fate((status, reason, message), note, (reason, message))
