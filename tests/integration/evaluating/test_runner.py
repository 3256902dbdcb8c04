"""Evaluations are computed to their end, whatever happens on the way."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from agent.errors import BadInput, Conflict
from agent.evaluating import runner
from agent.evaluating.control import CountingFailed
from agent.evaluating.inside import Row
from agent.evaluating.processes import Processes
from agent.evaluating.runner import compute
from agent.library.evaluations import EvaluationRequest, Matching, evaluate
from agent.store import Evaluation, EvaluationStatus, Store
from tests.support.evaluated_projects import (
    META,
    add_images,
    add_predictions,
    add_truth,
    annotation,
    box,
    new_inference,
)


def done(evaluation: Evaluation | None) -> Evaluation:
    assert evaluation is not None
    assert evaluation.status is EvaluationStatus.DONE, evaluation.reason
    return evaluation


def test_an_inference_is_judged_over_all_images(store: Store, queued: Evaluation) -> None:
    computed = done(compute(store, queued.id, part_images=3))

    results = store.evaluations.results(queued.id)
    assert (computed.images_total, computed.images_done, computed.controller) == (8, 8, None)
    assert results.figures is not None
    assert results.plan is not None
    assert results.plan["classes"] == ["apple", "pear", "leaf"]
    assert set(computed.headline) == {"segmentation", "detection"}
    assert results.figures["images"] == 8
    (leaf,) = (one for one in results.figures["segmentation"]["classes"] if one["title"] == "leaf")
    assert leaf["iou"] == pytest.approx(7 / 8, abs=0.02), "two of eight leaves are found by half"
    assert computed.key is not None
    assert store.evaluations.part_numbers(computed.key) == {0: 3, 1: 3, 2: 2}


def test_the_same_is_not_computed_again_whoever_asks(store: Store, queued: Evaluation) -> None:
    first = done(compute(store, queued.id))

    again = evaluate(store, EvaluationRequest(predictions=queued.predicted_id))
    by_hand = evaluate(store, EvaluationRequest(truth="fruit", predictions="guesses", matching=Matching(suffix="_nn")))

    assert again.id == by_hand.id == first.id
    with pytest.raises(Conflict, match="is over"):
        compute(store, first.id)


def test_parts_that_exist_are_not_counted_again(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:

    def has_parts() -> bool:
        key = store.evaluations.get(queued.id).key
        return key is not None and bool(store.evaluations.part_numbers(key))

    left = compute(store, queued.id, stop=has_parts, part_images=1)
    assert left is not None
    assert (left.status, left.controller) == (EvaluationStatus.QUEUED, None)
    assert left.key is not None
    counted_before = store.evaluations.part_numbers(left.key)
    assert counted_before
    asked: list[int] = []
    read = runner._rows

    def noted(store, pairs):
        asked.append(len(pairs))
        return read(store, pairs)

    monkeypatch.setattr(runner, "_rows", noted)

    done(compute(store, queued.id, part_images=1))

    assert sum(asked) == 8 - sum(counted_before.values())


def test_a_killed_process_costs_a_try_and_twice_the_evaluation(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    class Killed(Processes):
        def count(self, parts, *, stop):
            tries.append(1)
            if len(tries) < 3:
                raise CountingFailed("killed")
            yield from super().count(parts, stop=stop)

    monkeypatch.setattr(runner, "Processes", Killed)
    failed = compute(store, queued.id)
    assert failed is not None
    assert (failed.status, failed.reason) == (EvaluationStatus.ERROR, "killed")

    evaluate(store, EvaluationRequest(predictions=queued.predicted_id))
    done(compute(store, queued.id))
    assert len(tries) == 3


def test_after_a_killed_process_one_alone_goes_on(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Noted(Processes):
        def __init__(self, plan: bytes, most: int) -> None:
            asked.append(most)
            super().__init__(plan, most)

        def count(self, parts, *, stop):
            if len(asked) == 1:
                raise CountingFailed("killed")
            yield from super().count(parts, stop=stop)

    monkeypatch.setattr(runner, "Processes", Noted)
    done(compute(store, queued.id, part_images=1))
    assert asked == [8, 1]


@pytest.mark.parametrize("lack", [BlockingIOError(11, "Resource temporarily unavailable"), MemoryError()])
def test_what_the_machine_lacks_ends_an_evaluation_on_the_last_try_only(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch, lack: Exception
) -> None:
    def refused(*_given: object, **_named: object) -> None:
        raise lack

    with monkeypatch.context() as patched:
        patched.setattr(runner, "Processes", refused)
        with pytest.raises(CountingFailed, match="This machine could not count"):
            compute(store, queued.id, is_last_try=False)
        left = store.evaluations.get(queued.id)
        assert (left.status, left.controller) == (EvaluationStatus.QUEUED, None)
    done(compute(store, queued.id))


def test_parts_are_cut_by_the_bytes_of_annotations_too(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    rows = runner._rows

    def noted(store, pairs):
        texts = rows(store, pairs)
        read.append(sum(len(row.truth) + len(row.predicted) for row in texts))
        return texts

    monkeypatch.setattr(runner, "_rows", noted)
    monkeypatch.setattr(runner, "PART_CHARACTERS", 2000)
    done(compute(store, queued.id))
    assert len(read) > 1
    largest = max(read)
    assert largest <= 2000 or len(read) == 8


def test_a_project_without_labels_leaves_no_evaluation(store: Store) -> None:
    bare = add_images(store, "bare", META, [annotation(), annotation()])
    task = add_predictions(store, bare)
    (queued,) = store.evaluations.list(task_id=task.id)

    assert compute(store, queued.id) is None
    assert store.evaluations.list() == []


def test_projects_that_change_meanwhile_end_it_with_a_reason(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = store.evaluations.images(queued.truth_id)[0]
    add_part = store.evaluations.add_part

    def changed(*args):
        store.images.annotate({image.id: annotation()})
        add_part(*args)

    monkeypatch.setattr(store.evaluations, "add_part", changed)

    failed = compute(store, queued.id)

    assert failed is not None
    assert failed.status is EvaluationStatus.ERROR
    assert failed.reason == f"Project {queued.truth_id} was changed while it was evaluated. Evaluate it again."
    assert failed.key is not None
    assert store.evaluations.part_numbers(failed.key) == {}
    monkeypatch.undo()
    again = evaluate(store, EvaluationRequest(predictions=queued.predicted_id))
    assert again.id != queued.id, "the project is another"
    done(compute(store, again.id))


def test_a_project_that_is_removed_for_good_meanwhile_takes_it_along(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_part = store.evaluations.add_part

    def purged(*args):
        store.projects.remove(queued.predicted_id)
        assert store.projects.purge(queued.predicted_id)
        add_part(*args)

    monkeypatch.setattr(store.evaluations, "add_part", purged)

    assert compute(store, queued.id) is None


def test_one_that_is_removed_meanwhile_ends_in_the_middle_of_a_part(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that takes very long is being counted: its process ends, and nothing is kept."""
    read = runner._rows
    many = annotation(*(box("apple_nn", 1, 1, 60, 40) for _ in range(20_000)))

    def endless(store: Store, pairs: Any) -> list[Row]:
        store.evaluations.remove(queued.id)
        return [row._replace(truth=many.replace("_nn", ""), predicted=many) for row in read(store, pairs)]

    monkeypatch.setattr(runner, "_rows", endless)
    started = process_time_of_children()

    assert compute(store, queued.id) is None
    assert process_time_of_children() - started < 6, "the images were counted to their end, or to their limit"
    assert store.evaluations.list() == []


def test_figures_that_take_too_much_fail_with_a_reason(
    store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Processes, "judge", too_much)

    failed = compute(store, queued.id)

    assert failed is not None
    assert (failed.status, failed.reason) == (EvaluationStatus.ERROR, "too much")
    assert failed.key is not None
    assert store.evaluations.part_numbers(failed.key), "what was counted stays"


def too_much(*_: object, **__: object) -> None:
    raise BadInput("too much")


def process_time_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def test_projects_that_do_not_match_are_said(store: Store) -> None:
    truth = add_images(store, "truth", META, [annotation(box("apple", 1, 1, 9, 9))] * 4)
    other = add_images(store, "other", META, [annotation(box("apple", 1, 1, 9, 9)), "no JSON", annotation()])
    wrong = store.evaluations.images(other.id)[2]
    store.images.remove([wrong.id])

    evaluation = done(compute(store, evaluate(store, EvaluationRequest(truth=truth.id, predictions=other.id)).id))

    remarks = " ".join(store.evaluations.results(evaluation.id).remarks)
    assert evaluation.images_total == 2
    assert (
        "2 images of the ground truth have no predictions, so they are not judged: ds2/002.png, ds2/003.png." in remarks
    )
    assert "1 image has labels that could not be compared, for instance ds1/001.png: Its annotation in the " in remarks


def test_kept_labels_that_look_like_predictions_are_said(store: Store) -> None:
    truth = add_truth(store)
    task = store.tasks.add(replace(new_inference(store, truth), config={}))
    texts = [annotation(box("apple", 1, 1, 9, 9))] * 8
    made = add_images(store, "no suffix", META, texts, task_id=task.id)

    asked = evaluate(store, EvaluationRequest(predictions=made.id))

    assert "names no suffix" in (store.evaluations.results(asked.id).plan or {})["remarks"][-1]
