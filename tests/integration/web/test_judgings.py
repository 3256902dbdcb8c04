"""Counts of evaluations are kept between requests, within a bound, and read once however many ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agent.errors import Conflict
from agent.library.judging import open_judging
from agent.store import Evaluation, Store
from tests.support.evaluated_projects import add_predictions, add_truth, compute_here
from web_stub import judgings as module
from web_stub.judgings import Judgings


@pytest.fixture
def done(store: Store) -> list[Evaluation]:
    truth = add_truth(store)
    for name in ("one", "two"):
        add_predictions(store, truth, name=name)
    return [compute_here(store, one.id) for one in store.evaluations.waiting()]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The evaluations that were read, each time."""
    numbers: list[int] = []

    def noted(store: Store, evaluation: Evaluation) -> Any:
        numbers.append(evaluation.id)
        return open_judging(store, evaluation)

    monkeypatch.setattr(module, "open_judging", noted)
    return numbers


def test_many_who_ask_at_once_read_once(store: Store, done: list[Evaluation], opened: list[int]) -> None:
    judgings, together = Judgings(store), threading.Barrier(4)

    def ask(_: int) -> int:
        together.wait()
        with judgings.of(done[0]) as judging:
            return len(judging.images)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {8}
    assert opened == [done[0].id]


def test_the_least_recently_asked_goes_first(store: Store, done: list[Evaluation], opened: list[int]) -> None:
    with Judgings(store).of(done[0]) as judging:
        room = judging.nbytes
    judgings = Judgings(store, most_bytes=room + 1)
    opened.clear()
    for evaluation in (done[0], done[0], done[1], done[1], done[0]):
        with judgings.of(evaluation):
            pass

    assert opened == [done[0].id, done[1].id, done[0].id]
    tight = Judgings(store, most_bytes=1)
    opened.clear()
    for _ in range(2):
        with tight.of(done[0]) as judging:
            assert judging.figures()["images"] == 8
    assert opened == [done[0].id], "larger than the bound, and kept alone"


def test_one_that_is_not_done_leaves_nothing_behind(store: Store) -> None:
    add_predictions(store, add_truth(store))
    (queued,) = store.evaluations.waiting()
    judgings = Judgings(store)

    with pytest.raises(Conflict, match="is not done yet"), judgings.of(queued):
        pass

    with judgings.of(compute_here(store, queued.id)) as judging:
        assert len(judging.images) == 8
