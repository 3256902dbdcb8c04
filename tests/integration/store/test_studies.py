from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from agent.domain import NewTask, Task, TaskStatus
from agent.errors import Conflict, NotFound
from agent.store import NewStudy, NewTrial, Store, StudyState, Trial
from tests.support.together import at_once


@pytest.fixture
def new_study(store: Store, new_task: Callable[..., NewTask]) -> Callable[..., NewStudy]:
    def new_study(**changes: Any) -> NewStudy:
        values: dict[str, Any] = {
            "name": "rates",
            "task": new_task(store, config={"lr": 0.1, "opt": {"name": "sgd"}}),
            "space": {"lr": {"choices": [0.1, "a", None]}},
            "metric": "val.iou",
            "direction": "maximize",
            "trials": 3,
            "jobs": 2,
            "sampler": "tpe",
            "pruner": "none",
            "seed": 7,
        }
        return NewStudy(**(values | changes))

    return new_study


def test_a_study_comes_back_as_it_was_asked_for(store: Store, new_study: Callable[..., NewStudy]) -> None:
    wanted = new_study()
    added = store.studies.add(wanted)

    for found in (store.studies.get(added.id), store.studies.find("rates"), store.studies.list()[0]):
        assert found == added
        assert all(getattr(found, name) == getattr(wanted, name) for name in NewStudy.__dataclass_fields__)
        assert (found.state, found.controller, found.controller_info) == (StudyState.RUNNING, None, {})


def test_a_name_is_given_once(store: Store, new_study: Callable[..., NewStudy]) -> None:
    store.studies.add(new_study())

    with pytest.raises(Conflict, match=r"Study 1 has the name 'rates' already; `agent tune resume 1`"):
        store.studies.add(new_study())


def test_a_name_is_given_once_also_at_the_same_time(store: Store, new_study: Callable[..., NewStudy]) -> None:
    told = at_once(*[partial(store.studies.add, new_study())] * 5)

    assert len(store.studies.list()) == 1
    assert sorted(type(one).__name__ for one in told) == [*["Conflict"] * 4, "Study"]


def test_an_unknown_study_is_not_found(store: Store) -> None:
    for ask in (lambda: store.studies.get(2**70), lambda: store.studies.find("x"), lambda: store.studies.stop(9)):
        with pytest.raises(NotFound, match="There is no study"):
            ask()


@pytest.fixture
def add_trial(store: Store, new_task: Callable[..., NewTask]) -> Callable[[int, int], Task]:
    def add_trial(study_id: int, number: int) -> Task:
        held = store.studies.get(study_id).controller
        if held is None:
            held = "a"
            assert store.studies.control(study_id, held, {}, instead_of=None)
        trial = NewTrial(number, new_task(store, name=f"trial {number}"))
        store.studies.append(study_id, held, len(store.studies.journal(study_id)), ["x"], trial=trial)
        return store.studies.tasks(study_id)[number]

    return add_trial


def test_a_trial_is_made_with_its_task_and_has_one(
    store: Store,
    new_study: Callable[..., NewStudy],
    new_task: Callable[..., NewTask],
    add_trial: Callable[[int, int], Task],
) -> None:
    study = store.studies.add(new_study())
    first, other = add_trial(study.id, 0), add_trial(study.id, 1)
    alone = store.tasks.add(new_task(store))

    assert (first.name, first.status, first.config) == ("trial 0", TaskStatus.QUEUED, alone.config)
    assert store.studies.tasks(study.id) == {0: first, 1: other}
    assert store.studies.tasks(study.id, [1, 7]) == {1: other}
    assert store.studies.of_tasks([first.id, other.id, alone.id]) == {
        first.id: Trial(study.id, 0),
        other.id: Trial(study.id, 1),
    }


def test_a_task_that_cannot_be_added_leaves_no_trace_in_the_journal(
    store: Store, new_study: Callable[..., NewStudy], new_task: Callable[..., NewTask]
) -> None:
    studies, id_ = store.studies, store.studies.add(new_study()).id
    studies.control(id_, "a", {}, instead_of=None)
    homeless = NewTrial(0, replace(new_task(store), project_id=99))

    with pytest.raises(NotFound, match="There is no project 99"):
        studies.append(id_, "a", 0, ["x"], trial=homeless)
    with pytest.raises(Conflict, match="Another process controls"):
        studies.append(id_, "b", 0, ["x"], trial=NewTrial(0, new_task(store)))

    assert (studies.journal(id_), studies.tasks(id_)) == ([], {})


def test_the_task_of_a_trial_is_found_in_the_trash_and_not_when_it_is_deleted_for_good(
    store: Store, new_study: Callable[..., NewStudy], add_trial: Callable[[int, int], Task]
) -> None:
    study_id = store.studies.add(new_study()).id
    task = add_trial(study_id, 0)
    store.tasks.request_stop(task.id)

    store.tasks.remove(task.id)
    assert store.studies.tasks(study_id)[0].deleted_at is not None
    store.tasks.give_up(task.id)
    assert store.studies.tasks(study_id) == {}
    assert store.tasks.purge(task.id)
    assert store.studies.tasks(study_id) == {}


def test_one_process_controls_a_study_and_only_it_appends(store: Store, new_study: Callable[..., NewStudy]) -> None:
    studies, id_ = store.studies, store.studies.add(new_study()).id

    assert studies.control(id_, "a", {"pid": 1}, instead_of=None)
    assert not studies.control(id_, "b", {}, instead_of=None)
    with pytest.raises(Conflict, match="Another process controls"):
        studies.append(id_, "b", 0, ["x"])
    with pytest.raises(Conflict, match="Another process controls"):
        studies.beat(id_, "b")
    assert studies.control(id_, "b", {"pid": 2}, instead_of="a")
    assert studies.get(id_).controller_info == {"pid": 2}
    studies.release(id_, "a")  # no longer its own
    assert studies.get(id_).controller == "b"
    studies.release(id_, "b")
    assert studies.get(id_).controller is None


def test_the_journal_takes_each_number_once(store: Store, new_study: Callable[..., NewStudy]) -> None:
    studies = store.studies
    ids = [studies.add(new_study(name=name)).id for name in ("one", "two")]
    for id_ in ids:
        studies.control(id_, "a", {}, instead_of=None)
    studies.append(ids[0], "a", 0, ["x", "y"])
    studies.append(ids[0], "a", 2, ["z"])
    studies.append(ids[1], "a", 0, ["other"])

    for first in (0, 2, 4):
        with pytest.raises(Conflict):
            studies.append(ids[0], "a", first, ["again"])
    assert studies.journal(ids[0]) == ["x", "y", "z"]
    assert studies.journal(ids[0], 2) == ["z"]
    assert studies.journal(ids[1]) == ["other"]


def test_a_study_finishes_once_and_never_after_a_stop(store: Store, new_study: Callable[..., NewStudy]) -> None:
    studies, id_ = store.studies, store.studies.add(new_study()).id
    studies.control(id_, "a", {}, instead_of=None)

    assert not studies.finish(id_, "a", 2), "three trials are wanted"
    assert not studies.finish(id_, "b", 3), "it is not theirs"
    assert studies.stop(id_).state is StudyState.STOPPED
    assert not studies.finish(id_, "a", 3), "it was stopped"
    assert studies.resume(id_, trials=3, jobs=4).jobs == 4
    assert studies.finish(id_, "a", 3)
    assert studies.stop(id_).state is StudyState.FINISHED
    assert studies.resume(id_, trials=5, jobs=1).state is StudyState.RUNNING


def test_the_first_request_to_stop_says_why(
    store: Store, new_study: Callable[..., NewStudy], new_task: Callable[..., NewTask]
) -> None:
    queued, running = store.tasks.add(new_task(store)), store.tasks.add(new_task(store))
    store.tasks.claim("a:1:x", task_id=running.id)
    store.tasks.become(running.id, TaskStatus.STARTED)

    assert store.tasks.request_stop(queued.id, cause="trial_pruned").reason == "trial_pruned"
    store.tasks.request_stop(running.id, cause="trial_pruned")
    store.tasks.request_stop(running.id)
    assert store.tasks.stop_cause(running.id) == "trial_pruned"


def test_an_agent_of_a_study_takes_its_tasks_only(
    store: Store,
    new_study: Callable[..., NewStudy],
    new_task: Callable[..., NewTask],
    add_trial: Callable[[int, int], Task],
) -> None:
    study = store.studies.add(new_study())
    alone = store.tasks.add(new_task(store))
    assert store.tasks.engines_wanted("a:1:x", "process", study_id=study.id) == set()
    own = add_trial(study.id, 0)

    claimed = store.tasks.claim("a:1:x", study_id=study.id)
    assert claimed is not None
    assert claimed.id == own.id
    assert store.tasks.claim("a:1:x", study_id=study.id) is None
    store.tasks.claim("dead:1:x", task_id=alone.id)
    assert store.tasks.take_over("a:1:x", gone={"dead:1:x"}, study_id=study.id) == []
    assert [task.id for task in store.tasks.take_over("a:1:x", gone={"dead:1:x"})] == [alone.id]
