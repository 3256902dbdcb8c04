"""What becomes of a task that was taken from its agent, and what another attempt of it starts from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agent.domain import CheckpointState, TaskStatus, TaskType
from agent.run.loss import Loss, failure_of_model, fate_of
from agent.run.lost_node import declared
from agent.run.outcome import Outcome

LOST = "node lab, on which it ran, was declared lost"


def task(**changes: Any) -> Any:
    options = SimpleNamespace(restarts=changes.pop("restarts", 0))
    said = {
        "type": TaskType.TRAIN,
        "reason": None,
        "message": None,
        "stop_requested": False,
        "attempt": 1,
        "model_id": 3,
    }
    return SimpleNamespace(**{**said, **changes}, options=options)


def checkpoint(seq: int, *, model_id: int | None = None) -> Any:
    state = CheckpointState.FAILED if model_id is None else CheckpointState.PUBLISHED
    return SimpleNamespace(seq=seq, index=seq * 10, state=state, model_id=model_id)


@pytest.mark.parametrize(
    ("task", "checkpoints", "end"),
    [
        (task(), [], (TaskStatus.ERROR, "node_lost", f"{LOST}; no checkpoint had been kept")),
        (
            task(restarts=1, attempt=2),
            [checkpoint(1, model_id=4), checkpoint(2)],
            (TaskStatus.ERROR, "node_lost", f"{LOST}; its checkpoint is kept"),
        ),
        (
            task(restarts=1, stop_requested=True),
            [],
            (TaskStatus.STOPPED, "stopped_by_user", f"it was to be stopped, and {LOST}"),
        ),
        (task(restarts=1, reason="finished"), [], (TaskStatus.FINISHED, "finished", "")),
        (task(reason="plugin_exit", message="it failed"), [], (TaskStatus.ERROR, "plugin_exit", "it failed")),
        (task(reason="trial_pruned", message="poor"), [], (TaskStatus.STOPPED, "trial_pruned", "poor")),
    ],
)
def test_an_end_that_was_decided_or_demanded_stays_the_end(task, checkpoints, end):
    assert fate_of(task, checkpoints, None, loss=declared("lab")).end == end


@pytest.mark.parametrize(
    ("checkpoints", "model_id", "start"),
    [
        ([], None, "its first model"),
        ([checkpoint(1), checkpoint(2)], None, "its first model"),
        (
            [checkpoint(1, model_id=4), checkpoint(3, model_id=6), checkpoint(4)],
            6,
            "checkpoint 30 (model 6)",
        ),
    ],
)
def test_another_attempt_starts_from_the_last_checkpoint_that_was_kept(checkpoints, model_id, start):
    fate = fate_of(task(restarts=2), checkpoints, None, loss=declared("lab"))
    assert (fate.end, fate.model_id) == (None, model_id)
    assert fate.note["message"] == f"attempt 2 of 3: {LOST}; it goes on from {start}"
    assert fate.note["fields"] == {
        "attempt": 2,
        "node": "lab",
        "model_id": model_id or 3,
        "reason": "node_lost",
    }


@pytest.mark.parametrize("reason", ["job_preempted", "node_lost", "container_lost"])
def test_a_job_that_its_cluster_took_away_goes_by_the_same_rule(reason):
    said = "slurm job 12 on n1 had to make room for other jobs"
    loss, kept = Loss(reason, said, "n1"), [checkpoint(1, model_id=4)]
    again = fate_of(task(restarts=1), kept, None, loss=loss)
    assert (again.end, again.model_id, again.attempt_end) == (None, 4, (reason, said))
    assert again.note["message"] == f"attempt 2 of 2: {said}; it goes on from checkpoint 10 (model 4)"
    ended = fate_of(task(restarts=1, attempt=2), kept, None, loss=loss)
    assert ended.end == (TaskStatus.ERROR, reason, f"{said}; its checkpoint is kept")
    assert fate_of(task(restarts=1, stop_requested=True), kept, None, loss=loss).end == (
        TaskStatus.STOPPED,
        "stopped_by_user",
        f"it was to be stopped, and {said}",
    )


@pytest.mark.parametrize(
    ("kind", "status", "reason", "is_tried_again"),
    [
        (TaskType.DEPLOY, TaskStatus.ERROR, "plugin_exit", True),
        (TaskType.DEPLOY, TaskStatus.ERROR, "plugin_killed", True),
        (TaskType.DEPLOY, TaskStatus.ERROR, "out_of_memory", True),
        (TaskType.DEPLOY, TaskStatus.ERROR, "container_lost", True),
        (TaskType.DEPLOY, TaskStatus.ERROR, "entry_missing", False),  # it would be missing again
        (TaskType.DEPLOY, TaskStatus.ERROR, "time_limit", False),
        (TaskType.DEPLOY, TaskStatus.STOPPED, "idle", False),
        (TaskType.DEPLOY, TaskStatus.FINISHED, "finished", False),
        (TaskType.TRAIN, TaskStatus.ERROR, "plugin_exit", False),
    ],
)
def test_a_deployed_model_that_failed_may_be_started_again(
    kind: TaskType, status: TaskStatus, reason: str, is_tried_again: bool
) -> None:
    loss = failure_of_model(task(type=kind), Outcome(status, reason, "why"))
    assert loss == (Loss(reason, "why") if is_tried_again else None)
    if loss is not None:
        fate = fate_of(task(type=kind, restarts=1), [], None, loss=loss)
        assert fate.end is None
        assert fate.note["message"] == "attempt 2 of 2: why; its model is loaded again"
