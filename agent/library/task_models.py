"""The models that the checkpoints of a task became: which of them is the best, and references to them.

`task:1/best` and `task:1/latest` are accepted wherever a model is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agent.domain import Checkpoint, CheckpointState, Model, TaskType
from agent.errors import BadInput, Conflict, NotFound
from agent.fs.names import brief, read_number

if TYPE_CHECKING:
    from agent.store import Store

_REFERENCE = re.compile(r"task:(?P<task>[^/]*)(?:/(?P<which>.*))?", re.DOTALL)


def best_checkpoint(checkpoints: Sequence[Checkpoint], *, measured: bool) -> Checkpoint | None:
    """The best of a task's checkpoints, given in the order reported; None when the plugin marked none. Pure.

    A plugin marks a checkpoint that is better than all before it, so the last marked checkpoint is the best. The
    official SDK marks every first checkpoint. A mark on the first alone counts where the plugin `measured` (reported
    validation metrics), or where the first is the only checkpoint.
    """
    best = next((checkpoint for checkpoint in reversed(checkpoints) if checkpoint.is_best), None)
    if best is not None and best is checkpoints[0] and len(checkpoints) > 1 and not measured:
        return None
    return best


def validation_metrics(checkpoint: Checkpoint) -> dict[str, float]:
    """The metrics that the plugin reported with a checkpoint, as official trainers do; often none."""
    metrics = (checkpoint.optional or {}).get("val_metrics")
    if not isinstance(metrics, Mapping):
        return {}
    return {str(name): float(value) for name, value in metrics.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def best_of_task(store: Store, task_id: int) -> Checkpoint | None:
    """As `best_checkpoint`, of a task in the store."""
    checkpoints = store.checkpoints.list(task_id)
    return best_checkpoint(checkpoints, measured=_is_measured(store, task_id, checkpoints))


def _is_measured(store: Store, task_id: int, checkpoints: Sequence[Checkpoint]) -> bool:
    """Whether the plugin reported a validation metric, with a checkpoint or as a point of a chart."""
    return any(map(validation_metrics, checkpoints)) or any(
        series.kind == "val" for series in store.metrics.series(task_id)
    )


def find_checkpoint_model(store: Store, text: str) -> Model | None:
    """The model that `task:1/best` or `task:1/latest` means; None for a text of another form.

    Raises BadInput for a misspelt reference; NotFound where the task, such a checkpoint or its model is missing;
    Conflict while the checkpoint is being packed.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    number, which = match["task"], match["which"]
    is_number = read_number(number) is not None
    if which is None and (not is_number or store.models.list(name=text, limit=1)):
        return None  # the name of a model
    if not is_number or which not in ("best", "latest"):
        example = number if is_number else "1"
        raise BadInput(f"{brief(text)!r} names no checkpoint; write task:{example}/best or task:{example}/latest")
    task_id = int(number)
    checkpoint = _best(store, task_id) if which == "best" else _latest(store, task_id)
    return _model(store, checkpoint, which)


def _latest(store: Store, task_id: int) -> Checkpoint:
    task = store.tasks.get(task_id)
    if task.type is not TaskType.TRAIN:
        raise NotFound(f"Task {task_id} is an inference: it has no checkpoints.")
    checkpoints = store.checkpoints.list(task_id)
    if not checkpoints:
        raise NotFound(f"Task {task_id} has reported no checkpoint{'' if task.status.is_final else ' yet'}.")
    return checkpoints[-1]


def _best(store: Store, task_id: int) -> Checkpoint:
    _latest(store, task_id)  # refuses a task without checkpoints
    best = best_of_task(store, task_id)
    if best is None:
        checkpoints = store.checkpoints.list(task_id)
        measured = _is_measured(store, task_id, checkpoints)
        why = "" if measured else ", for it reported no validation metric"
        raise NotFound(
            f"Task {task_id} has no best checkpoint: its plugin called none of {len(checkpoints)} the best{why}. "
            f"Write task:{task_id}/latest, or the id of a model from `agent task checkpoints {task_id}`."
        )
    return best


def _model(store: Store, checkpoint: Checkpoint, which: str) -> Model:
    subject = f"Checkpoint {checkpoint.index}, the {which} of task {checkpoint.task_id},"
    others = f"See `agent task checkpoints {checkpoint.task_id}` for the others."
    if checkpoint.model_id is not None:
        return store.models.get(checkpoint.model_id)
    match checkpoint.state:
        case CheckpointState.SNAPSHOT:
            raise Conflict(f"{subject} is not a model yet: it is being packed. Try again in a moment.")
        case CheckpointState.FAILED:
            raise NotFound(f"{subject} was not kept ({checkpoint.reason}). {others}")
        case CheckpointState.PUBLISHED:
            raise NotFound(f"{subject} is no model any more: it was deleted. {others}")
