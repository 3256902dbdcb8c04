from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.store.turns import Turns


@pytest.fixture
def new_turns(tmp_path: Path) -> Iterator[Callable[[], Turns]]:
    """Turns as another process would have them: each opens the file by itself."""
    file = tmp_path / "store.db-changed"
    file.touch()
    made: list[Turns] = []

    def new() -> Turns:
        made.append(Turns(file))
        return made[-1]

    yield new
    for turns in made:
        turns.close()


def test_one_writer_has_the_turn_at_a_time(new_turns: Callable[[], Turns]) -> None:
    first, second = new_turns(), new_turns()

    assert first.take(0)
    assert not second.take(0)
    first.give_back()
    assert second.take(60)
    assert not first.take(0)


def test_a_turn_that_is_given_back_goes_to_who_waits(new_turns: Callable[[], Turns]) -> None:
    first, second = new_turns(), new_turns()
    got: list[bool] = []
    assert first.take(0)
    waiting = threading.Thread(target=lambda: got.append(second.take(60)))
    waiting.start()

    first.give_back()
    waiting.join()

    assert got == [True]


def test_a_turn_that_comes_too_late_is_given_back(new_turns: Callable[[], Turns]) -> None:
    first, second, third = new_turns(), new_turns(), new_turns()
    assert first.take(0)
    assert not second.take(0)

    first.give_back()

    assert third.take(60)
    third.give_back()
    assert second.take(60)


def test_who_asks_again_has_the_turn_that_was_asked_for_before(new_turns: Callable[[], Turns]) -> None:
    first, second = new_turns(), new_turns()
    assert first.take(0)
    assert not second.take(0)
    assert not second.take(0)
    first.give_back()

    assert second.take(60)
    assert not first.take(0)


def test_the_end_of_a_writer_gives_its_turn_back(new_turns: Callable[[], Turns]) -> None:
    first, second = new_turns(), new_turns()
    assert first.take(0)

    first.close()

    assert second.take(60)


def test_many_writers_never_write_at_once(new_turns: Callable[[], Turns]) -> None:
    writing, most, count = [0], [0], 0

    def write(turns: Turns) -> None:
        for _ in range(50):
            assert turns.take(60)
            writing[0] += 1
            most[0] = max(most[0], writing[0])
            writing[0] -= 1
            turns.give_back()

    threads = [threading.Thread(target=write, args=(new_turns(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        count += 1

    assert (most, count) == ([1], 8)
