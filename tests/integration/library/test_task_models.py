"""`task:1/best` and `task:1/latest`: the best is the checkpoint that the plugin called the best, and never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import library
from agent.artifacts import Artifacts, open_artifacts
from agent.domain import NewModel, TaskType
from agent.errors import BadInput, Conflict, NotFound
from agent.settings import Settings
from agent.store import Store, open_store
from agent.submission import TaskRequest, new_task
from tests.support import demo_store
from tests.support.training import Training


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return open_artifacts(str(tmp_path / "artifacts"))


@pytest.fixture
def training(store: Store, artifacts: Artifacts) -> Training:
    return Training(store, artifacts)


def resolve(store: Store, artifacts: Artifacts, reference: str) -> int:
    return library.resolve_model(store, artifacts, reference).id


def test_the_best_is_the_last_that_was_better_than_all_before_it(store, artifacts, training) -> None:
    training.report(best=True, loss=0.9)
    second = training.report(best=True, loss=0.5)
    last = training.report(best=False, loss=0.7)

    assert resolve(store, artifacts, f"task:{training.id}/best") == second.model_id
    assert resolve(store, artifacts, f"task:{training.id}/latest") == last.model_id


def test_a_first_checkpoint_that_stays_the_best_is_the_best(store, artifacts, training) -> None:
    first = training.report(best=True, loss=0.5)
    training.report(best=False, loss=0.7)

    assert resolve(store, artifacts, f"task:{training.id}/best") == first.model_id


def test_metrics_of_charts_count_as_measured_like_those_of_checkpoints(store, artifacts, training) -> None:
    first = training.report(best=True)
    training.report(best=False)
    with pytest.raises(NotFound, match="no best checkpoint"):
        resolve(store, artifacts, f"task:{training.id}/best")
    training.story.metrics("val", 1.0, loss=0.5)
    training.story.flush()

    assert resolve(store, artifacts, f"task:{training.id}/best") == first.model_id


def test_what_a_plugin_calls_the_best_counts_without_any_metric(store, artifacts, training) -> None:
    training.report(best=True)
    second = training.report(best=True)
    training.report(best=False)

    assert resolve(store, artifacts, f"task:{training.id}/best") == second.model_id


def test_an_only_checkpoint_is_the_best_when_the_plugin_says_so(store, artifacts, training) -> None:
    only = training.report(best=True)

    assert resolve(store, artifacts, f"task:{training.id}/best") == only.model_id


def test_the_mark_that_the_sdk_puts_on_every_first_checkpoint_makes_no_best(store, artifacts, training) -> None:
    training.report(best=True)
    training.report(best=False)
    last = training.report(best=False)

    with pytest.raises(NotFound) as caught:
        resolve(store, artifacts, f"task:{training.id}/best")
    assert str(caught.value) == (
        "Task 1 has no best checkpoint: its plugin called none of 3 the best, for it reported no validation metric. "
        "Write task:1/latest, or the id of a model from `agent task checkpoints 1`."
    )
    assert resolve(store, artifacts, f"task:{training.id}/latest") == last.model_id


def test_a_plugin_that_measures_and_calls_none_the_best_has_none(store, artifacts, training) -> None:
    training.report(best=False, loss=0.5)

    with pytest.raises(NotFound, match=r"called none of 1 the best\. Write task:1/latest"):
        resolve(store, artifacts, "task:1/best")


@pytest.mark.parametrize("which", ["best", "latest"])
def test_a_checkpoint_without_a_model_is_never_replaced_by_another(store, artifacts, training, which) -> None:
    training.report(best=True, loss=0.9)
    reported = training.report(best=True, publish=False, loss=0.5)
    with pytest.raises(Conflict, match=f"Checkpoint 1, the {which} of task 1, is not a model yet"):
        resolve(store, artifacts, f"task:1/{which}")
    store.checkpoints.fail(reported.id, "checkpoint_changed")

    with pytest.raises(NotFound, match=rf"the {which} of task 1, was not kept \(checkpoint_changed\)"):
        resolve(store, artifacts, f"task:1/{which}")


def test_a_best_checkpoint_whose_model_was_deleted_is_explained(store, artifacts, training) -> None:
    best = training.report(best=True, loss=0.9)
    store.models.remove(best.model_id)
    assert resolve(store, artifacts, "task:1/best") == best.model_id  # as by its id, until the trash is emptied
    store.models.purge(best.model_id)

    with pytest.raises(NotFound, match="it was deleted"):
        resolve(store, artifacts, "task:1/best")


def test_an_unknown_task_or_a_task_without_checkpoints_is_explained(store, artifacts, training) -> None:
    with pytest.raises(NotFound, match="no task 77"):
        resolve(store, artifacts, "task:77/best")
    with pytest.raises(NotFound, match=r"Task 1 has reported no checkpoint yet\."):
        resolve(store, artifacts, "task:1/best")
    inference = demo_store.new_task(store, training.inputs, "seen", TaskType.INFERENCE)
    with pytest.raises(NotFound, match="is an inference"):
        resolve(store, artifacts, f"task:{inference.id}/latest")


@pytest.mark.parametrize(
    "reference", ["task:1/newest", "task:1/", "task:one/best", "task:/best", "task:²/best", "task:1"]
)
def test_a_misspelt_reference_is_refused_with_the_spelling(store, artifacts, training, reference) -> None:
    with pytest.raises(BadInput, match="write task:1/best or task:1/latest"):
        resolve(store, artifacts, reference)


def test_a_model_may_have_a_name_that_looks_similar(store, artifacts, training) -> None:
    for name in ("task:1", "task: best"):
        added = store.models.add(NewModel(name, "f" * 64, 1, {}))

        assert resolve(store, artifacts, name) == added.id


def test_every_way_to_submit_accepts_a_reference_to_a_checkpoint(store, training) -> None:
    best = training.report(best=True, loss=0.9)
    request = TaskRequest(
        type="inference", plugin=training.inputs.plugin_id, project=training.inputs.project_id, model="task:1/best"
    )

    assert new_task(store, Settings(), request).model_id == best.model_id
