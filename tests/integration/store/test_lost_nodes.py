"""A task is taken from its lost node by the facts as they are then; what belonged to an attempt stays with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agent.domain import CheckpointState, NewModel, NewTask, NewTaskImage, Task, TaskOptions, TaskStatus
from agent.errors import Conflict, TakenOver
from agent.events.model import CheckpointReported, Stream
from agent.events.parse import parse_line
from agent.recorder import Recorder
from agent.run.loss import fate_of
from agent.run.lost_node import declared
from agent.store import EventRow, Store

HOLDER, NEXT = "a:1:aaaaaaaa", "b:2:bbbbbbbb"
REPORT = CheckpointReported(1, "00000001", 10, False, None)
LINE = '{"event_type": "EventType.CHECKPOINT", "id": 1, "subdir": "00000001", "sizeb": 10, "best_now": true}'

Launch = Callable[..., Task]


@pytest.fixture
def launch(store: Store, new_task: Callable[..., NewTask]) -> Launch:
    """`launch(restarts)`: a task that node lab runs, and that has printed a line."""

    def launch(restarts: int = 1) -> Task:
        task = store.tasks.add(new_task(store, options=TaskOptions(restarts=restarts)), agent_id=HOLDER, node="lab")
        store.tasks.become(task.id, TaskStatus.STARTED, agent_id=HOLDER)
        store.tasks.launching(task.id, engine="process", spec={}, image_digest=None, agent_id=HOLDER)
        store.events.append(task.id, [EventRow(1, parse_line("hello", Stream.STDOUT, 1))], lines_read=1)
        return store.tasks.get(task.id)

    return launch


def lose(store: Store, task: Task) -> Task | None:
    """As the command does it, with the task as it was listed."""
    return store.tasks.lose(task.id, "lab", task.attempt, partial(fate_of, loss=declared("lab")))


def published(store: Store, task: Task) -> int:
    checkpoint = store.checkpoints.add(task.id, 1, REPORT, agent_id=HOLDER)
    return store.checkpoints.publish(checkpoint.id, NewModel("ck", "2" * 64, 10, {}), agent_id=HOLDER).id


def test_what_was_decided_or_published_after_the_task_was_listed_counts(store: Store, launch: Launch) -> None:
    ended, stopped, saved = launch(), launch(), launch()
    store.tasks.decide(ended.id, reason="finished", message=None, exit_code=0, agent_id=HOLDER)
    store.tasks.request_stop(stopped.id, cause="trial_pruned")
    model_id = published(store, saved)

    assert [(task.status, task.reason) for task in (lose(store, ended), lose(store, stopped)) if task] == [
        (TaskStatus.FINISHED, "finished"),
        (TaskStatus.STOPPED, "trial_pruned"),
    ]
    assert lose(store, saved) is not None
    assert [attempt.model_id for attempt in store.attempts.list(saved.id)] == [saved.model_id, model_id]


def test_an_attempt_is_lost_once(store: Store, launch: Launch) -> None:
    task = launch(restarts=5)
    assert lose(store, task) is not None
    store.tasks.claim(NEXT, node="lab", task_id=task.id)
    store.tasks.become(task.id, TaskStatus.STARTED, agent_id=NEXT)
    store.tasks.launching(task.id, engine="process", spec={}, image_digest=None, agent_id=NEXT)
    assert lose(store, task) is None
    assert store.tasks.get(task.id).attempt == 2


def test_the_model_from_which_another_attempt_starts_stays_until_the_task_has_ended(
    store: Store, launch: Launch
) -> None:
    task = launch()
    model_id = published(store, task)
    store.models.remove(model_id)
    lose(store, task)
    assert store.models.get(model_id).deleted_at is None, "it comes out of the trash"
    for refused in (store.models.remove, store.models.give_up):
        with pytest.raises(Conflict, match=f"Task {task.id} starts from model {model_id}"):
            refused(model_id)

    store.tasks.request_stop(task.id)
    store.models.remove(model_id)
    store.models.give_up(model_id)
    assert store.models.purge(model_id) is not None


def test_an_agent_that_has_lost_its_task_adds_neither_checkpoints_nor_images(store: Store, launch: Launch) -> None:
    task = launch()
    lose(store, task)
    image = NewTaskImage(None, "a.png", None, "a.png", "3" * 64, 3, 1, 1, "image/png", None)
    with pytest.raises(TakenOver):
        store.checkpoints.add(task.id, 1, REPORT, agent_id=HOLDER)
    with pytest.raises(TakenOver):
        store.task_images.add(task.id, [image], agent_id=HOLDER)
    assert (store.checkpoints.list(task.id), store.task_images.list(task.id)) == ([], [])


def test_a_line_of_an_attempt_before_is_no_checkpoint_of_this_attempt(
    store: Store, launch: Launch, tmp_path: Path
) -> None:
    task = launch()
    store.events.append(task.id, [EventRow(2, parse_line(LINE, Stream.STDOUT, 1))], lines_read=2)
    lose(store, task)
    first_seq = store.attempts.list(task.id)[-1].first_seq

    def unhandled(first_seq: int = 1) -> list[int]:
        recorder = Recorder(
            store,
            task.id,
            lines_read=1,
            last_seq=store.events.last_seq(task.id),
            log_path=tmp_path / "log.txt",
            first_seq=first_seq,
        )
        return [seq for seq, _ in recorder.unhandled_checkpoints()]

    assert unhandled() == [2]
    assert unhandled(first_seq) == []
    assert {checkpoint.state for checkpoint in store.checkpoints.list(task.id)} <= {CheckpointState.FAILED}
