"""Work that several requests wait for is done once, and not at all when all of them have left before it began."""

from __future__ import annotations

import asyncio
import threading

import pytest

from web_stub.budget import TooBusy, still_wanted
from web_stub.shared_work import SharedWork


@pytest.fixture
def shared():
    made: SharedWork[int] = SharedWork("test", threads=1, most=3)
    yield made
    made.close()


@pytest.fixture
def gate():
    """Work that occupies the only thread until the gate is opened."""
    opened = threading.Event()
    yield opened
    opened.set()


def test_equal_work_is_done_once(shared, gate):
    done = []

    def work() -> int:
        gate.wait(10)
        done.append(1)
        return 7

    async def ask() -> list[int]:
        waiting = [asyncio.ensure_future(shared.result("key", work)) for _ in range(5)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(ask()) == [7] * 5
    assert done == [1]


def test_work_that_nobody_waits_for_any_more_never_begins(shared, gate):
    begun: list[str] = []

    def note(name: str, value: int) -> int:
        begun.append(name)
        return value

    async def ask() -> None:
        first = asyncio.ensure_future(shared.result("first", lambda: gate.wait(10)))
        left = [asyncio.ensure_future(shared.result("left", lambda: note("left", 1))) for _ in range(2)]
        stays = asyncio.ensure_future(shared.result("stays", lambda: note("stays", 2)))
        await asyncio.sleep(0)
        for asker in left:
            asker.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        gate.set()
        assert (await first, await stays) == (True, 2)

    asyncio.run(ask())
    assert begun == ["stays"]


def test_an_asker_that_leaves_takes_nothing_from_those_who_stay(shared, gate):
    async def ask() -> int:
        leaves, stays = (
            asyncio.ensure_future(shared.result("key", lambda: gate.wait(10) and 3)),
            asyncio.ensure_future(shared.result("key", lambda: 0)),
        )
        await asyncio.sleep(0)
        leaves.cancel()
        await asyncio.sleep(0)
        gate.set()
        return await stays

    assert asyncio.run(ask()) == 3


def test_more_work_than_may_wait_is_refused_at_once(shared, gate):
    async def ask() -> None:
        waiting = [asyncio.ensure_future(shared.result(key, lambda: gate.wait(10))) for key in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await shared.result("one more", lambda: 1)
        gate.set()
        await asyncio.gather(*waiting)
        assert await shared.result("later", lambda: 5) == 5

    asyncio.run(ask())


def test_a_failure_reaches_everybody_who_waits(shared, gate):
    def work() -> int:
        gate.wait(10)
        raise ValueError("broken")

    async def ask() -> list[object]:
        waiting = [asyncio.ensure_future(shared.result("key", work)) for _ in range(3)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [str(error) for error in asyncio.run(ask())] == ["broken"] * 3


def test_closing_drops_what_waits_and_ends_with_what_has_begun(shared, gate):
    begun = []

    def work() -> int:
        begun.append(1)
        gate.wait(10)
        return 1

    async def ask() -> list[object]:
        waiting = [asyncio.ensure_future(shared.result(key, work)) for key in range(3)]
        while not begun:
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(shared.close))
        await asyncio.wait(waiting[1:])  # dropped at once, while the first still runs
        gate.set()
        await closing
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, *others = asyncio.run(ask())
    assert (first, len(begun)) == (1, 1)
    assert all(isinstance(other, TooBusy) for other in others)
    assert asyncio.run(shared.result("anew", lambda: 2)) == 2


@pytest.fixture
def ending():
    made: SharedWork[int] = SharedWork("test", threads=1, most=3, ends_unwanted=True)
    yield made
    made.close()


def endless(begun: threading.Semaphore, ended: threading.Semaphore) -> int:
    begun.release()
    try:
        while True:
            still_wanted()
    finally:
        ended.release()


def test_work_may_end_when_nobody_waits_for_it_any_more_and_begins_anew_for_who_comes_then(ending):
    begun, ended = threading.Semaphore(0), threading.Semaphore(0)

    async def ask() -> int:
        leaves, too = (asyncio.ensure_future(ending.result("key", lambda: endless(begun, ended))) for _ in range(2))
        assert await asyncio.to_thread(begun.acquire, timeout=10)
        leaves.cancel()
        await asyncio.wait([leaves])
        assert not ended.acquire(blocking=False), "one still waits"
        too.cancel()
        await asyncio.wait([too])
        return await ending.result("key", lambda: 4)

    assert asyncio.run(ask()) == 4
    assert ended.acquire(timeout=10)


def test_closing_ends_work_that_may_end(ending):
    begun, ended = threading.Semaphore(0), threading.Semaphore(0)

    async def ask() -> None:
        waits = asyncio.ensure_future(ending.result("key", lambda: endless(begun, ended)))
        assert await asyncio.to_thread(begun.acquire, timeout=10)
        await asyncio.to_thread(ending.close)
        with pytest.raises(TooBusy):
            await waits

    asyncio.run(ask())
