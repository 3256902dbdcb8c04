from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agent.domain import NewImage, NewProject, NewTask, Project, Task, TaskOptions, TaskStatus, TaskType
from agent.errors import Conflict, NotFound
from agent.store import EvaluationStatus, NewEvaluation, Part, Planned, ProjectChanged, Store, contents_of
from tests.support.together import at_once

LABELLED = '{"objects": [{"classTitle": "apple"}], "tags": []}'


@pytest.fixture
def add_project(store: Store) -> Callable[..., Project]:
    def add_project(name: str, *images: str, annotation: str = LABELLED, sha256: str = "") -> Project:
        rows = [NewImage(one, "ab" * 32, 3, 8, 6, "image/png", annotation) for one in images or ("a.png", "b.png")]
        meta: dict[str, Any] = {"classes": [], "tags": []}
        return store.projects.add(NewProject(name, "", meta, sha256 or name.ljust(64, "0"), [("ds", rows)]))

    return add_project


@pytest.fixture
def new(store: Store) -> Callable[..., NewEvaluation]:
    def new(truth: Project, predicted: Project, key: str = "k" * 64, **changes: Any) -> NewEvaluation:
        contents = (contents_of(truth), contents_of(predicted))
        planned = Planned(key=key, contents=contents, plan={"classes": ["apple"]}, images_total=2)
        return NewEvaluation(**{"truth_id": truth.id, "predicted_id": predicted.id, "planned": planned, **changes})

    return new


def part(number: int, images: int = 1) -> Part:
    return Part(number, images, {"tags": []}, bytes([number]))


def test_the_same_evaluation_is_made_once_and_a_failed_one_is_queued_again(store, add_project, new) -> None:
    wanted = new(add_project("truth"), add_project("net"), model_id=7, asked={"suffix": "_nn"})
    added = store.evaluations.add(wanted)

    assert (added.status, added.key, added.model_id) == (EvaluationStatus.QUEUED, "k" * 64, 7)
    assert store.evaluations.add(wanted) == store.evaluations.get(added.id) == added
    assert store.evaluations.results(added.id).plan == {"classes": ["apple"]}
    assert store.evaluations.control(added.id, "one", {}, instead_of=None)
    store.evaluations.fail(added.id, "one", "why")
    assert store.evaluations.get(added.id).reason == "why"
    assert store.evaluations.waiting() == []

    again = store.evaluations.add(wanted)

    assert (again.id, again.status, again.reason) == (added.id, EvaluationStatus.QUEUED, None)


def test_who_asks_for_the_same_at_the_same_time_gets_the_same(store, add_project, new, new_task) -> None:
    task = inference(store, new_task, add_project("other"))
    store.tasks.become(task.id, TaskStatus.FINISHED)
    (waits,) = store.evaluations.list()  # for its plan, which is worked out while it is asked for
    store.evaluations.control(waits.id, "one", {}, instead_of=None)
    of_task = new(*(store.projects.get(id_) for id_ in (waits.truth_id, waits.predicted_id)))
    wanted = new(add_project("truth"), add_project("net"), "p" * 64)

    added = at_once(*[lambda: store.evaluations.add(wanted)] * 5)
    planned = at_once(
        lambda: store.evaluations.plan(waits.id, "one", of_task.planned),
        *[lambda: store.evaluations.add(of_task)] * 5,
    )

    assert len({one.id for one in added}) == 1
    assert len({one.id for one in planned}) == 1


def test_no_part_stays_of_an_evaluation_that_is_forgotten_meanwhile(store, add_project, new) -> None:
    wanted = new(add_project("truth"), add_project("net"))
    for _ in range(5):
        id_ = store.evaluations.add(wanted).id
        store.evaluations.control(id_, "one", {}, instead_of=None)

        *told, _ = at_once(
            *(partial(store.evaluations.add_part, id_, "one", part(number)) for number in range(4)),
            partial(store.evaluations.remove, id_),
        )

        assert all(one is None or isinstance(one, Conflict) for one in told), told
        assert store.evaluations.part_numbers("k" * 64) == {}


def test_a_project_that_is_gone_is_judged_no_more(store, add_project, new) -> None:
    wanted = new(add_project("truth"), net := add_project("net"))
    store.projects.remove(net.id)
    store.projects.purge(net.id)

    with pytest.raises(NotFound, match=f"There is no project {net.id}"):
        store.evaluations.add(wanted)


def test_parts_survive_their_controller_and_none_is_kept_twice(store, add_project, new) -> None:
    id_ = store.evaluations.add(new(add_project("truth"), add_project("net"))).id
    assert store.evaluations.control(id_, "one", {"pid": 1}, instead_of=None)
    store.evaluations.add_part(id_, "one", part(0))
    assert not store.evaluations.control(id_, "two", {}, instead_of=None), "another has it"

    assert store.evaluations.control(id_, "two", {}, instead_of="one")
    for late in (lambda: store.evaluations.add_part(id_, "one", part(1)), lambda: store.evaluations.beat(id_, "one")):
        with pytest.raises(Conflict, match="another process"):
            late()
    store.evaluations.add_part(id_, "two", part(0, 99))
    store.evaluations.add_part(id_, "two", part(1))

    assert store.evaluations.part_numbers("k" * 64) == {0: 1, 1: 1}
    assert [one.data for one in store.evaluations.parts("k" * 64)] == [b"\0", b"\1"]
    assert store.evaluations.get(id_).images_done == 2
    store.evaluations.finish(id_, "two", figures={"a": 1}, headline={"mean_iou": 0.5}, remarks=["x"])
    store.evaluations.release(id_, "two")
    done = store.evaluations.get(id_)
    assert (done.status, done.headline, done.controller) == (EvaluationStatus.DONE, {"mean_iou": 0.5}, None)
    assert store.evaluations.results(id_).remarks == ("x",)


def test_one_that_is_left_waits_in_the_queue(store, add_project, new) -> None:
    id_ = store.evaluations.add(new(add_project("truth"), add_project("net"))).id
    assert store.evaluations.control(id_, "one", {}, instead_of=None)
    assert [one.status for one in store.evaluations.waiting()] == [EvaluationStatus.RUNNING]

    store.evaluations.release(id_, "one")

    assert [(one.status, one.controller) for one in store.evaluations.waiting()] == [(EvaluationStatus.QUEUED, None)]


def test_equal_content_is_not_counted_again(store, add_project, new) -> None:
    truth = add_project("truth")
    first = store.evaluations.add(new(truth, add_project("net"))).id
    store.evaluations.control(first, "one", {}, instead_of=None)
    store.evaluations.add_part(first, "one", part(0, 2))
    waits = store.evaluations.add(new(truth, add_project("early"))).id
    store.evaluations.finish(first, "one", figures={"a": 1}, headline={}, remarks=[])

    other = store.evaluations.add(new(truth, add_project("same")))

    assert (other.status, other.images_done) == (EvaluationStatus.DONE, 2)
    assert other.id != first
    assert store.evaluations.results(other.id).figures == {"a": 1}
    assert store.evaluations.get(waits).status is EvaluationStatus.QUEUED
    store.evaluations.remove(first)
    assert list(store.evaluations.parts("k" * 64)), "another has them"
    store.evaluations.remove(other.id)
    store.evaluations.remove(waits)
    assert not list(store.evaluations.parts("k" * 64))
    with pytest.raises(NotFound, match="There is no evaluation"):
        store.evaluations.remove(first)


def test_a_project_that_changes_ends_what_is_counted_of_it(store, add_project, new) -> None:
    truth = add_project("truth")
    id_ = store.evaluations.add(new(truth, add_project("net"))).id
    store.evaluations.control(id_, "one", {}, instead_of=None)
    store.evaluations.add_part(id_, "one", part(0))
    image = store.evaluations.images(truth.id)[0]
    store.images.annotate({image.id: "{}"})

    with pytest.raises(ProjectChanged, match=rf"Project {truth.id} was changed while it was evaluated"):
        store.evaluations.add_part(id_, "one", part(1))
    with pytest.raises(ProjectChanged):
        store.evaluations.finish(id_, "one", figures={}, headline={}, remarks=[])
    store.evaluations.fail(id_, "one", "changed", forgets_parts=True)

    assert store.evaluations.part_numbers("k" * 64) == {}
    changed = store.projects.get(truth.id)
    assert contents_of(changed) != contents_of(truth)
    assert contents_of(changed) == contents_of(store.projects.get(truth.id))


@pytest.mark.parametrize("side", [0, 1])
def test_a_project_takes_its_evaluations_with_it(store, add_project, new, side: int) -> None:
    both = (add_project("truth"), add_project("net"))
    id_ = store.evaluations.add(new(*both)).id
    store.evaluations.control(id_, "one", {}, instead_of=None)
    store.evaluations.add_part(id_, "one", part(0))
    store.projects.remove(both[side].id)
    assert store.evaluations.get(id_).id == id_, "it is in the trash only"

    assert store.projects.purge(both[side].id)

    with pytest.raises(NotFound):
        store.evaluations.get(id_)
    with pytest.raises(Conflict, match="was removed"):
        store.evaluations.add_part(id_, "one", part(1))
    assert store.evaluations.part_numbers("k" * 64) == {}


def test_images_are_found_by_names_in_one_order(store, add_project) -> None:
    project = add_project("truth", "b.png", "Z.png", "a.png")

    assert [(one.dataset, one.name, one.width) for one in store.evaluations.images(project.id)] == [
        ("ds", "Z.png", 8),
        ("ds", "a.png", 8),
        ("ds", "b.png", 8),
    ]
    ids = [one.id for one in store.evaluations.images(project.id)]
    other = add_project("other", "a.png", "c.png", "Z.png")
    assert store.evaluations.count_common(project.id, other.id) == 2
    assert store.evaluations.annotations([*ids, 10**9]) == dict.fromkeys(ids, LABELLED)
    assert store.evaluations.has_labels(project.id)
    assert not store.evaluations.has_labels(add_project("bare", annotation='{"objects": [], "tags": []}').id)


def inference(store: Store, new_task: Callable[..., NewTask], result: Project, **options: Any) -> Task:
    task = store.tasks.add(new_task(store, type=TaskType.INFERENCE, options=TaskOptions(**options)))
    store.tasks.set_result_project(task.id, result.id)
    for status in (TaskStatus.CONSUMED, TaskStatus.STARTED):
        store.tasks.become(task.id, status)
    return task


def test_the_end_of_an_inference_queues_its_evaluation(store, add_project, new_task, new) -> None:
    task = inference(store, new_task, add_project("net"))
    other = inference(store, new_task, add_project("other"), evaluate=False)
    failed = inference(store, new_task, add_project("bad"))
    asked = store.asked()

    store.tasks.become(task.id, TaskStatus.FINISHED)
    assert store.asked() != asked, "agents are woken"
    store.tasks.become(other.id, TaskStatus.FINISHED)
    store.tasks.become(failed.id, TaskStatus.ERROR)

    (queued,) = store.evaluations.list()
    ended = store.tasks.get(task.id)
    assert (queued.truth_id, queued.predicted_id) == (ended.project_id, ended.result_project_id)
    assert (queued.task_id, queued.model_id, queued.key) == (task.id, task.model_id, None)
    assert store.evaluations.list(task_id=task.id) == store.evaluations.of_models([task.model_id]) == [queued]
    assert store.evaluations.list(model_id=task.model_id) == [queued]
    assert store.evaluations.list(model_id=10**9) == []
    assert store.evaluations.list(project_id=ended.result_project_id) == [queued]
    assert store.evaluations.list(project_id=10**9) == store.evaluations.list(before_id=queued.id) == []

    store.evaluations.control(queued.id, "one", {}, instead_of=None)
    wanted = new(*(store.projects.get(id_) for id_ in (queued.truth_id, queued.predicted_id)))
    assert wanted.planned is not None
    assert store.evaluations.plan(queued.id, "one", wanted.planned).key == "k" * 64
    assert store.evaluations.add(wanted).id == queued.id


def test_one_without_a_plan_and_one_that_is_asked_for_are_the_same(store, add_project, new_task, new) -> None:
    first, second = (inference(store, new_task, add_project(name)) for name in ("one", "two"))
    for task in (first, second):
        store.tasks.become(task.id, TaskStatus.FINISHED)
    ids = {one.task_id: one.id for one in store.evaluations.list()}
    truth, *made = (store.projects.get(id_) for id_ in (first.project_id, *_results(store, first, second)))

    asked = store.evaluations.add(new(truth, made[0]))
    assert (asked.id, asked.key) == (ids[first.id], "k" * 64), "the one that waited for its plan"

    other = store.evaluations.add(new(truth, made[1], asked={"suffix": "_x"}))
    assert other.id not in ids.values()
    store.evaluations.control(ids[second.id], "one", {}, instead_of=None)
    planned = new(truth, made[1]).planned
    assert store.evaluations.plan(ids[second.id], "one", planned).id == other.id
    with pytest.raises(NotFound):
        store.evaluations.get(ids[second.id])


def _results(store: Store, *tasks: Task) -> list[int]:
    return [store.tasks.get(task.id).result_project_id or 0 for task in tasks]
