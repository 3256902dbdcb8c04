"""Agents compute evaluations that nobody computes, one of them each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.errors import Conflict, StoreBusy
from agent.evaluating import runner
from agent.evaluating.control import computing, is_computed
from agent.liveness import this_process
from agent.run.shutdown import Shutdown
from agent.store import Evaluation, EvaluationStatus, Store
from agent.worker import keeper
from agent.worker.evaluations import EvaluationKeeper
from tests.support.evaluated_projects import add_predictions

PATIENCE = 400  # looks, each after a change of the store or its timeout


@pytest.fixture
def agents(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Two agents; each call lets both of them look."""
    monkeypatch.setattr(keeper, "LOOK_S", 0.0)
    shutdown = Shutdown()
    with ThreadPoolExecutor(4) as pool:
        keepers = [EvaluationKeeper(store, shutdown) for _ in range(2)]

        def look() -> None:
            for one in keepers:
                one.take_when_due(pool)

        yield look
        shutdown.leave()


def until(store: Store, look: Callable[[], None], reached: Callable[[], bool]) -> None:
    for _ in range(PATIENCE):
        look()
        if reached():
            return
        store.wait_for_change(0.1)
    raise AssertionError("it takes too long")


def test_what_waits_is_computed(store: Store, queued: Evaluation, agents: Callable[[], None]) -> None:
    other = add_predictions(store, store.projects.get(queued.truth_id), name="more")

    until(store, agents, lambda: not store.evaluations.waiting())
    until(store, agents, lambda: all(one.controller is None for one in store.evaluations.list()))

    assert [one.status for one in store.evaluations.list()] == [EvaluationStatus.DONE] * 2
    (same,) = store.evaluations.list(task_id=other.id)
    assert same.key == store.evaluations.get(queued.id).key, "equal predictions are counted once"


def test_one_that_lives_is_left_alone_and_a_dead_one_is_replaced(store: Store, queued: Evaluation) -> None:
    with computing(store, queued.id):
        assert is_computed(store.evaluations.get(queued.id))
        with pytest.raises(Conflict, match="computed by another process"), computing(store, queued.id):
            pass
    dead = {**this_process(), "started": 1}
    assert store.evaluations.control(queued.id, "dead", dead, instead_of=None)
    assert not is_computed(store.evaluations.get(queued.id))
    with computing(store, queued.id) as name:
        assert store.evaluations.get(queued.id).controller == name


def test_a_busy_store_costs_a_pause(
    store: Store, queued: Evaluation, agents: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def busy(_store, id_, **_given):
        tries.append(id_)
        raise StoreBusy("busy")

    monkeypatch.setattr(runner, "compute", busy)
    until(store, agents, lambda: len(tries) >= 2)
    for _ in range(20):
        agents()

    assert len(tries) == 2, "each agent waits for two seconds at least"


def test_a_mistake_of_ours_ends_it(store: Store, queued: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(runner, "pair_images", broken)
    with pytest.raises(ZeroDivisionError):
        runner.compute(store, queued.id)

    assert "ZeroDivisionError" in (store.evaluations.get(queued.id).reason or "")
