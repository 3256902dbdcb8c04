"""However many calls models make, the web reads few answers at once and gives them few threads."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any, cast

from web_stub.broker.broker import THREADS, Broker


def broker() -> Broker:
    return Broker(cast("Any", None), cast("Any", None))


def test_answers_that_nobody_waits_for_are_read_one_at_a_time() -> None:
    asked = broker()
    held = asked.receiving(7)
    assert asked.receiving(7) is held
    assert asked.receiving(8) is not held
    del held
    gc.collect()
    assert len(asked._unasked) == 0, "nothing is kept of tasks that are gone"


def test_the_calls_of_models_take_few_threads() -> None:
    asked, lock = broker(), threading.Lock()
    now = most = 0
    together = threading.Barrier(THREADS)

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(30)  # as many as there are places are at work
        with lock:
            now -= 1

    async def many() -> None:
        await asyncio.gather(*(asked.in_thread(work) for _ in range(THREADS * 5)))

    asyncio.run(many())
    assert most == THREADS
