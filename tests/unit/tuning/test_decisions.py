from __future__ import annotations

from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import Step, Task, TaskOptions, TaskStatus, TaskType
from agent.errors import BadInput
from agent.store import StudyState
from agent.tuning.decisions import (
    Ask,
    End,
    Follow,
    Metric,
    Stop,
    Tell,
    TrialState,
    end_of,
    is_reported,
    next_actions,
    read_metric,
    steps_of,
)
from tests.support.fuzzing import fuzz

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING, COMPLETE = TrialState.RUNNING, TrialState.COMPLETE


def a_task(status: TaskStatus, *, stop_requested: bool = False, message: str | None = None) -> Task:
    return Task(
        id=7, type=TaskType.TRAIN, status=status, name="net", plugin_id=1, project_id=1, model_id=1, config={},
        options=TaskOptions(), step=Step.NOTHING, engine=None, container_id=None, container_spec=None,
        image_digest=None, stop_requested=stop_requested, reason=None, message=message, exit_code=None, lines_read=0,
        events_count=0, agent_id=None, result_project_id=None, created_at=NOW, started_at=None, finished_at=None,
    )  # fmt: skip


def actions(trials, tasks, state=StudyState.RUNNING, wanted=10, jobs=2):
    unended = [number for number, trial in trials.items() if trial is RUNNING]
    return next_actions(unended, tasks, count=len(trials), state=state, wanted=wanted, jobs=jobs)


def test_a_new_study_asks_for_as_many_trials_as_may_run_at_once():
    assert actions({}, {}) == [Ask(), Ask()]
    assert actions({}, {}, wanted=1) == [Ask()]


def test_a_trial_whose_task_was_deleted_is_told_and_never_runs_again():
    assert actions({0: RUNNING}, {}, wanted=1) == [Tell(0)]
    assert actions({0: RUNNING}, {}, wanted=2) == [Tell(0), Ask()]
    deleted = end_of(None, [], metric="val.iou", direction="maximize", is_pruned=False)
    assert (deleted.state, deleted.sentence) == (TrialState.FAILED, "its task was deleted before its value was read")


def test_a_trial_whose_task_has_ended_is_told_and_makes_room():
    tasks = {0: a_task(TaskStatus.FINISHED), 1: a_task(TaskStatus.STARTED)}

    assert actions({0: RUNNING, 1: RUNNING}, tasks) == [Tell(0), Follow(1), Ask()]


def test_a_trial_that_was_told_is_left_alone():
    assert actions({0: COMPLETE}, {0: a_task(TaskStatus.FINISHED)}, wanted=1) == []


def test_a_stopped_study_stops_its_tasks_once_and_asks_for_nothing():
    tasks = {0: a_task(TaskStatus.STARTED), 1: a_task(TaskStatus.TERMINATING, stop_requested=True)}

    found = actions({0: RUNNING, 1: RUNNING, 2: RUNNING}, tasks, state=StudyState.STOPPED)

    assert found == [Follow(0), Stop(0), Follow(1), Tell(2)]


_TASKS = st.sampled_from([None, *TaskStatus])


@fuzz(50)
@given(
    found=st.lists(st.tuples(st.sampled_from(TrialState), _TASKS), max_size=8),
    state=st.sampled_from(StudyState),
    wanted=st.integers(1, 12),
    jobs=st.integers(1, 4),
)
def test_never_too_many_trials_and_no_trial_is_forgotten(found, state, wanted, jobs):
    trials = {number: trial for number, (trial, _) in enumerate(found)}
    tasks = {number: a_task(status) for number, (_, status) in enumerate(found) if status is not None}

    made = actions(trials, tasks, state, wanted, jobs)

    asked = made.count(Ask())
    assert len(trials) + asked <= max(wanted, len(trials))
    live = [n for n, trial in trials.items() if trial is RUNNING and n in tasks and not tasks[n].status.is_final]
    assert len(live) + asked <= max(jobs, len(live))
    assert asked == 0 or state is StudyState.RUNNING
    concerned = {action.number for action in made if not isinstance(action, Ask)}
    assert concerned == {number for number, trial in trials.items() if trial is RUNNING}


def test_a_metric_is_named_with_its_kind():
    assert read_metric("val.mean_iou") == Metric("val", "mean_iou")
    assert read_metric("train.loss.box") == Metric("train", "loss.box")
    for text in ("mean_iou", "val.", "test.loss", ""):
        with pytest.raises(BadInput, match=r"write train\. or val\."):
            read_metric(text)


@pytest.mark.parametrize(
    ("epochs", "values", "running", "ended"),
    [
        ([1, 2, 3], [0.1, 0.2, 0.3], [(0, 0.1), (1, 0.2), (2, 0.3)], None),  # validation: a point for each epoch
        ([0, 1, 2], [5.0, 4.0, 3.0], [(0, 5.0), (1, 4.0), (2, 3.0)], None),
        ([0.5, 1, 1.5], [9.0, 8.0, 7.0], [(0, 8.0)], [(0, 8.0), (1, 7.0)]),  # training: the last of each epoch
        ([None, None], [0.1, 0.2], [(0, 0.1), (1, 0.2)], None),  # no epochs: each point is a step
        ([1, 2, 3], [0.1, None, 0.3], [(0, 0.1), (2, 0.3)], None),  # no number: the step counts all the same
        ([1, 2], [nan, inf], [], None),
        ([nan, inf], [0.1, 0.2], [(0, 0.1), (1, 0.2)], None),
        ([], [], [], None),
    ],
)
def test_steps_are_the_values_of_the_epochs_in_their_order(epochs, values, running, ended):
    assert steps_of(epochs, values, ended=False) == running
    assert steps_of(epochs, values, ended=True) == (running if ended is None else ended)


@fuzz(50)
@given(points=st.lists(st.tuples(st.floats(0, 5) | st.none(), st.floats(-1, 1)), max_size=12))
def test_a_step_that_was_reported_never_changes(points):
    epochs, values = [epoch for epoch, _ in points], [value for _, value in points]
    whole = dict(steps_of(epochs, values, ended=True))

    for count in range(len(points)):
        early = steps_of(epochs[:count], values[:count], ended=False)
        assert early == [(step, whole[step]) for step, _ in early]


def end(status, values=(), *, is_pruned=False, metric="val.iou", direction="maximize", message=None):
    task = a_task(status, message=message)
    return end_of(task, values, metric=metric, direction=direction, is_pruned=is_pruned)


def test_a_trial_is_worth_its_best_step():
    assert end(TaskStatus.FINISHED, [0.1, 0.5, 0.4]) == End(COMPLETE, 0.5)
    assert end(TaskStatus.FINISHED, [0.3, 0.2, 0.4], direction="minimize") == End(COMPLETE, 0.2)


def test_a_trial_that_finished_before_its_stop_arrived_is_complete():
    assert end(TaskStatus.FINISHED, [0.1], is_pruned=True) == End(COMPLETE, 0.1)
    assert end(TaskStatus.STOPPED, [0.1], is_pruned=True) == End(TrialState.PRUNED)


def test_failed_stopped_and_silent_tasks_are_failed_trials_with_a_sentence():
    assert end(TaskStatus.ERROR, [0.1], message="exit code 1").sentence == "task 7 failed: exit code 1"
    assert end(TaskStatus.STOPPED, [0.1]).sentence == "task 7 was stopped"
    assert end(TaskStatus.ERROR, [0.1], is_pruned=True).state is TrialState.FAILED
    silent = end(TaskStatus.FINISHED)
    assert silent.state is TrialState.FAILED
    assert silent.sentence.startswith("task 7 finished without a value of val.iou")


def test_without_a_metric_a_finished_task_is_a_complete_trial():
    assert end(TaskStatus.FINISHED, metric=None, direction=None) == End(COMPLETE)


def test_a_search_hears_of_few_steps_of_a_long_trial_the_same_in_each():
    reported = [step for step in range(1_000_000) if is_reported(step)]
    assert reported[:1000] == list(range(1000))
    assert reported[1000:1003] == [1000, 1010, 1020]
    assert reported[-1] == 999_000
    assert len(reported) == 1000 + 3 * 900
