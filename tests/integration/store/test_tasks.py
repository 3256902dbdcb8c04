from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain import FINAL, NewProject, NewTask, Step, Task, TaskOptions, TaskStatus, may_become
from agent.errors import Conflict, NotFound
from agent.store import Store

MakeNewTask = Callable[..., NewTask]

# The shortest way from queued to each status.
WAY = {
    TaskStatus.QUEUED: [],
    TaskStatus.CONSUMED: [TaskStatus.CONSUMED],
    TaskStatus.STARTED: [TaskStatus.CONSUMED, TaskStatus.STARTED],
    TaskStatus.DEPLOYED: [TaskStatus.CONSUMED, TaskStatus.STARTED, TaskStatus.DEPLOYED],
    TaskStatus.TERMINATING: [TaskStatus.CONSUMED, TaskStatus.TERMINATING],
    TaskStatus.FINISHED: [TaskStatus.CONSUMED, TaskStatus.STARTED, TaskStatus.FINISHED],
    TaskStatus.ERROR: [TaskStatus.ERROR],
    TaskStatus.STOPPED: [TaskStatus.STOPPED],
}


def brought_to(store: Store, new: NewTask, status: TaskStatus) -> Task:
    task = store.tasks.add(new)
    for step in WAY[status]:
        task = store.tasks.become(task.id, step)
    return task


def test_a_new_task_is_queued_and_holds_what_was_asked_for(store: Store, new_task: MakeNewTask) -> None:
    config = {"z": 1, "a": {"b": [1, 2.5, None, "é"]}, "huge": 10**30}
    options = TaskOptions(engine="process", stop_grace_s=1.5, env={"A": "1"})

    task = store.tasks.add(new_task(store, name="sköld", config=config, options=options))

    assert task == store.tasks.get(task.id)
    assert (task.status, task.step, task.name) == (TaskStatus.QUEUED, Step.NOTHING, "sköld")
    assert task.config == config
    assert list(task.config) == ["z", "a", "huge"]
    assert task.options == options
    assert abs(task.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert task.started_at is None
    assert task.finished_at is None


@pytest.mark.parametrize("noun", ["plugin", "project", "model"])
def test_a_task_of_an_unknown_plugin_project_or_model_is_refused(
    store: Store, new_task: MakeNewTask, noun: str
) -> None:
    with pytest.raises(NotFound, match=f"There is no {noun} 99"):
        store.tasks.add(new_task(store, **{f"{noun}_id": 99}))
    assert store.tasks.list() == []


def test_a_number_too_large_for_any_task_is_not_found_by_any_question_or_change(store: Store) -> None:
    asks: list[Callable[[int], object]] = [
        store.tasks.get, store.tasks.request_stop, store.models.get, store.models.pin,
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(NotFound, match="number that large"):
            ask(10**30)


def test_an_unknown_task_is_not_found_by_any_question_or_change(store: Store) -> None:
    for ask in (
        lambda: store.tasks.get(7),
        lambda: store.tasks.become(7, TaskStatus.CONSUMED),
        lambda: store.tasks.request_stop(7),
        lambda: store.tasks.stop_requested(7),
        lambda: store.tasks.set_step(7, Step.MAIN),
    ):
        with pytest.raises(NotFound, match="There is no task 7"):
            ask()


def test_an_id_beyond_every_database_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.tasks.get(10**30)


def test_tasks_are_listed_newest_first_by_status_and_page(store: Store, new_task: MakeNewTask) -> None:
    new = new_task(store)
    one, two, three = (store.tasks.add(new).id for _ in range(3))
    store.tasks.become(two, TaskStatus.ERROR)

    assert [task.id for task in store.tasks.list()] == [three, two, one]
    assert [task.id for task in store.tasks.list(limit=2)] == [three, two]
    assert [task.id for task in store.tasks.list(before_id=two)] == [one]
    assert [task.id for task in store.tasks.list(statuses=[TaskStatus.QUEUED])] == [three, one]
    assert [task.id for task in store.tasks.summaries(statuses=[TaskStatus.ERROR])] == [two]
    assert store.tasks.list(statuses=[]) == []


@pytest.mark.parametrize("current", TaskStatus)
@pytest.mark.parametrize("wanted", TaskStatus)
def test_a_task_becomes_what_it_may_and_nothing_else(
    sqlite_store: Store, new_task: MakeNewTask, current: TaskStatus, wanted: TaskStatus
) -> None:
    task = brought_to(sqlite_store, new_task(sqlite_store), current)

    if may_become(current, wanted):
        after = sqlite_store.tasks.become(task.id, wanted, reason="r", message="m", exit_code=3)
        assert (after.status, after.reason, after.message, after.exit_code) == (wanted, "r", "m", 3)
        assert (after.finished_at is not None) == (wanted in FINAL)
    else:
        with pytest.raises(Conflict, match=f"is {current} and cannot become {wanted}"):
            sqlite_store.tasks.become(task.id, wanted)
        assert sqlite_store.tasks.get(task.id) == task


def test_start_and_end_are_stamped_once(store: Store, new_task: MakeNewTask) -> None:
    started = brought_to(store, new_task(store), TaskStatus.STARTED)
    deployed = store.tasks.become(started.id, TaskStatus.DEPLOYED)
    finished = store.tasks.become(started.id, TaskStatus.FINISHED, reason="finished")

    assert started.started_at is not None
    assert deployed.started_at == finished.started_at == started.started_at
    assert finished.finished_at is not None
    assert finished.finished_at >= started.started_at


def test_a_task_given_back_belongs_to_nobody(store: Store, task: Task) -> None:
    store.tasks.claim("a")
    given_back = store.tasks.become(task.id, TaskStatus.QUEUED)

    assert given_back.agent_id is None
    assert store.tasks.held_by("a") == []
    assert store.tasks.claim("b") is not None


def test_stopping_a_queued_task_ends_it_at_once(store: Store, task: Task) -> None:
    stopped = store.tasks.request_stop(task.id)

    assert (stopped.status, stopped.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert stopped.finished_at is not None
    assert store.tasks.claim("a") is None


@pytest.mark.parametrize("status", [TaskStatus.CONSUMED, TaskStatus.STARTED, TaskStatus.DEPLOYED])
def test_stopping_a_running_task_makes_it_terminating(store: Store, new_task: MakeNewTask, status: TaskStatus) -> None:
    task = brought_to(store, new_task(store), status)
    assert not store.tasks.stop_requested(task.id)

    stopping = store.tasks.request_stop(task.id)

    assert stopping.status is TaskStatus.TERMINATING
    assert store.tasks.stop_requested(task.id)
    assert store.tasks.request_stop(task.id) == stopping


@pytest.mark.parametrize("status", sorted(FINAL))
def test_stopping_an_ended_task_changes_nothing(store: Store, new_task: MakeNewTask, status: TaskStatus) -> None:
    task = brought_to(store, new_task(store), status)

    assert store.tasks.request_stop(task.id) == task
    assert not store.tasks.stop_requested(task.id)


def test_what_happens_to_a_task_is_recorded(store: Store, task: Task) -> None:
    result = store.projects.add(NewProject("result", "", {}, "2" * 64, []))

    store.tasks.set_step(task.id, Step.DOWNLOAD)
    store.tasks.launching(task.id, engine="docker", spec={"image": "x"}, image_digest="sha256:1")
    store.tasks.launched(task.id, container_id="c0ffee")
    store.tasks.set_result_project(task.id, result.id)

    assert store.tasks.get(task.id) == replace(
        task,
        step=Step.DOWNLOAD,
        engine="docker",
        container_id="c0ffee",
        container_spec={"image": "x"},
        image_digest="sha256:1",
        result_project_id=result.id,
    )


def test_text_that_no_database_accepts_is_replaced_visibly(store: Store, new_task: MakeNewTask) -> None:
    task = store.tasks.add(new_task(store, name="a\0b\ud800c", config={"key\ud800": "value\0"}))

    assert task.name == "a␀b\ufffdc"
    assert task.config == {"key\ud800": "value\0"}
