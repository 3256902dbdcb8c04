"""Calls are made again while the store does not answer, as long as somebody is patient."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest

from agent.errors import Conflict, StoreAway, StoreBusy
from agent.patience import Patience, pauses
from agent.store import Store
from agent.store.outage import Outage


class Noun:
    """It answers each question after it has been away so many times."""

    def __init__(self, away: int) -> None:
        self.away = away

    def ask(self, word: str, *, times: int = 1) -> str:
        self._come_back()
        return word * times

    def each(self) -> Iterator[int]:
        for number in range(5):
            if number in (0, 3):
                self._come_back()
            yield number

    def refuse(self) -> None:
        raise Conflict("it is not allowed")

    def _come_back(self) -> None:
        self.away, is_away = self.away - 1, self.away > 0
        if is_away:
            raise StoreAway("the server does not answer")


class FakeStore:
    name = "postgresql://host/name"

    def __init__(self, away: int) -> None:
        self.outage = Outage()
        self.noun = Noun(away)

    def wait_for_change(self) -> bool:
        return True


def store(away: int) -> Any:
    return FakeStore(away)


def of(patience: Patience, away: int) -> Any:
    return patience.of(cast("Store", FakeStore(away)))


def test_a_call_is_made_again_until_it_is_answered() -> None:
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    patient = of(Patience(wait), away=3)
    assert patient.noun.ask("a", times=2) == "aa"
    assert len(waited) == 3
    assert patient.name == "postgresql://host/name"


def test_items_that_were_given_are_not_given_again() -> None:
    assert list(of(Patience(lambda _: False), away=2).noun.each()) == [0, 1, 2, 3, 4]
    patient = of(Patience(lambda _: False), away=0)
    items = patient.noun.each()
    assert [next(items), next(items)] == [0, 1]
    patient._inner.noun.away = 2
    assert list(items) == [2, 3, 4]


def test_a_refusal_is_an_answer() -> None:
    with pytest.raises(Conflict):
        of(Patience(lambda _: pytest.fail("nothing is waited for")), away=0).noun.refuse()


def test_waiting_ends_when_it_is_asked_to() -> None:
    with pytest.raises(StoreAway):
        of(Patience(lambda _: True), away=1).noun.ask("a")


def test_waiting_ends_at_its_limit() -> None:
    far = store(away=99)
    with pytest.raises(StoreBusy):
        Patience(lambda _: False).call(far, lambda: far.noun.ask("a"), limit_s=0)
    assert far.noun.away == 98


def test_pauses_grow_up_to_a_limit() -> None:
    few = [next(pause) for pause in [pauses()] for _ in range(20)]
    assert few[0] <= 0.1
    assert max(few) <= 2.0
    assert min(few[10:]) >= 1.0


def test_the_log_says_once_that_the_store_is_away_and_once_that_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="agent")
    patient = of(Patience(lambda _: False), away=5)
    assert not patient.outage.was_within(60)
    patient.outage.noticed(StoreAway("the server does not answer"))
    patient.wait_for_change()  # says nothing of the store
    patient.noun.ask("a")
    patient.noun.ask("a")
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == ("the store does not answer; everything goes on when it does: the server does not answer")
    assert said[1].startswith("the store answers again, after ")
    assert len(said) == 2
    assert patient.outage.was_within(60)
