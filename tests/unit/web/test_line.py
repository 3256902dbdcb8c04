"""The requests to a deployed model: nothing is lost, nobody waits behind a crowd, everything is bounded."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.support.fuzzing import fuzz
from web_stub.broker.errors import TooMany
from web_stub.broker.line import AT_MODEL, FORGOTTEN_S, MOST_BREAKS, RESERVED, WAITING, Line, Request, Times
from web_stub.broker.room import Room


def request(name: str, client: str = "a") -> Request:
    return Request(name, client, b"{}", Times(0.0))


def filled(**counts: int) -> Line:
    line = Line(at_model=1)
    for client, count in counts.items():
        for number in range(count):
            line.add(request(f"{client}{number}", client))
    return line


def filled_for_many(count: int) -> Line:
    """For a model that takes more than one at a time."""
    line = Line()
    for number in range(count):
        line.add(request(f"a{number}"))
    return line


def one_by_one(line: Line) -> list[str]:
    """The order in which a model that takes one at a time is asked."""
    order = []
    while taken := line.take(0.0):
        order += [one.id for one in taken]
        line.answer(taken[0].id)
    return order


def test_clients_take_turns() -> None:
    assert one_by_one(filled(a=3, b=1, c=2)) == ["a0", "b0", "c0", "a1", "c1", "a2"]


def test_a_few_are_sent_ahead_and_the_next_one_for_each_answer() -> None:
    line = Line()
    for number in range(20):
        line.add(request(str(number)))
    assert [one.id for one in line.take(0.0)] == [str(number) for number in range(AT_MODEL)]
    assert (line.take(0.0), line.waiting, line.running) == ([], 20 - AT_MODEL, AT_MODEL)
    assert line.answer("3") is not None
    assert [one.id for one in line.take(0.0)] == [str(AT_MODEL)]


def test_the_first_answer_counts() -> None:
    line = filled(a=1)
    line.take(0.0)
    assert line.answer("a0") is not None
    assert (line.answer("a0"), line.answer("unknown")) == (None, None)


def test_a_model_that_asks_anew_gets_what_it_had_before_all_others() -> None:
    line = Line(at_model=2)
    for name in "abcd":
        line.add(request(name))
    assert [one.id for one in line.take(0.0)] == ["a", "b"]
    line.answer("a")
    line.take(0.0)
    line.reopen()
    assert (line.running, line.find("b") is not None) == (2, True)
    line.reopen()
    assert [one.id for one in line.take(0.0)] == ["b", "c"]
    line.reopen()
    assert line.answer("c") is not None  # the answer was on its way
    assert [one.id for one in line.take(0.0)] == ["b", "d"]


def test_a_request_that_ends_every_model_is_not_sent_for_ever_and_those_behind_it_are() -> None:
    line = filled_for_many(3)
    for _ in range(MOST_BREAKS - 1):
        assert [one.id for one in line.take(0.0)] == ["a0", "a1", "a2"]
        assert line.reopen() is None
        assert line.reopen() is None  # it has been sent nothing in between
    line.take(0.0)
    given_up = line.reopen()
    assert given_up is not None
    assert (given_up.id, [one.id for one in line]) == ("a0", ["a1", "a2"])
    assert [one.breaks for one in line] == [0, 0]


def test_a_model_that_breaks_at_work_for_nobody_is_not_held_against_the_next_request() -> None:
    line = filled_for_many(2)
    first, second = line.take(0.0)
    line.drop(first, 0.0)
    assert (line.reopen(), second.breaks) == (None, 0)


def test_times_are_those_of_the_last_sending() -> None:
    line, one = Line(), request("a")
    line.add(one)
    line.take(1.0)
    one.times = Times(0.0, sent=1.0, fetched=2.0, answering=3.0)
    line.reopen()
    line.take(4.0)
    assert (one.times.sent, one.times.fetched, one.times.answering) == (4.0, None, None)


def test_dropped_requests_are_not_sent_and_not_sent_again() -> None:
    line = filled(a=3)
    first, second, third = list(line)
    line.take(0.0)
    line.drop(second, 0.0)
    line.drop(first, 0.0)
    line.drop(first, 0.0)
    assert (list(line), line.running, line.find("a0")) == ([third], 0, None)
    assert line.take(1.0) == []  # the model has work
    line.reopen()
    assert line.take(1.0) == [third]
    line.reopen()
    line.drop(third, 1.0)
    assert (line.take(1.0), list(line)) == ([], [])


def test_a_forgotten_request_holds_its_place_for_a_minute() -> None:
    line = filled(a=2)
    (first,) = line.take(0.0)
    line.drop(first, 5.0)
    assert line.take(4.0 + FORGOTTEN_S) == []
    assert [one.id for one in line.take(5.0 + FORGOTTEN_S)] == ["a1"]


def test_the_answer_to_a_forgotten_request_makes_place() -> None:
    line = filled(a=2)
    (first,) = line.take(0.0)
    line.drop(first, 0.0)
    assert line.answer("a0") is None
    assert [one.id for one in line.take(0.0)] == ["a1"]


def test_a_full_line_refuses_all_but_the_first_of_others() -> None:
    line = filled(a=WAITING)
    with pytest.raises(TooMany, match=f"{WAITING} requests wait"):
        line.add(request("one more"))
    for number in range(RESERVED):
        line.add(request(f"b{number}", f"b{number}"))
    for client in ("b0", "c"):
        with pytest.raises(TooMany):
            line.add(request("x", client))


def test_a_room_has_so_many_bytes() -> None:
    room = Room(10)
    with room.part() as one, room.part() as other:
        one.take(6)
        other.take(4)
        with pytest.raises(TooMany, match="MiB together"):
            one.take(1)
    assert room.taken == 0


class Lines(RuleBasedStateMachine):
    """Any order of events: each request is answered, dropped, or still there, and never sent twice to one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(waiting=6, reserved=2, at_model=3)
        self.now = 0.0
        self.names = map(str, itertools.count())
        self.open: dict[str, Request] = {}  # somebody waits
        self.sent: set[str] = set()  # in this stream
        self.ever: list[Request] = []

    @rule(client=st.sampled_from("abc"))
    def add(self, client: str) -> None:
        one = request(next(self.names), client)
        full = self.line.waiting >= 6
        try:
            self.line.add(one)
        except TooMany:
            assert full
            return
        self.open[one.id] = one
        self.ever.append(one)

    @rule()
    def take(self) -> None:
        for one in self.line.take(self.now):
            assert one.id in self.open
            assert one.id not in self.sent
            self.sent.add(one.id)

    @rule()
    def reopen(self) -> None:
        if (given_up := self.line.reopen()) is not None:
            assert given_up.breaks == MOST_BREAKS
            del self.open[given_up.id]
        self.sent.clear()

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.ever)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.ever))
        was_asked = one.times.sent is not None
        if was_asked:
            found = self.line.answer(one.id)
            assert (found is one) == (one.id in self.open)
            self.open.pop(one.id, None)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(list(self.open.values())))
        self.line.drop(one, self.now)
        del self.open[one.id]

    @invariant()
    def all_are_there_once(self) -> None:
        there = [one.id for one in self.line]
        assert sorted(there) == sorted(self.open)
        assert self.line.waiting + self.line.running == len(there)
        assert self.line.waiting <= 8
        assert len(self.sent & set(self.open)) <= 3

    def teardown(self) -> None:
        self.reopen()
        sent = []
        while taken := self.line.take(self.now):
            sent += taken
            for one in taken:
                assert self.line.answer(one.id) is one
        assert {one.id for one in sent} == set(self.open)
        assert list(self.line) == []


def test_any_order_of_events() -> None:
    limits: Any = fuzz(30, stateful_step_count=40)
    run_state_machine_as_test(Lines, settings=limits)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_nobody_waits_for_more_than_one_round(counts: list[int]) -> None:
    line = filled(**{f"c{index}x": count for index, count in enumerate(counts)})
    order = [name.partition("x")[0] for name in one_by_one(line)]
    for client in set(order):
        places = [index for index, name in enumerate(order) if name == client]
        gaps = [after - before for before, after in itertools.pairwise([-1, *places])]
        assert max(gaps) <= len(counts)
