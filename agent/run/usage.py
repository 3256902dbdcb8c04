"""What a running task uses of its machine: read now and then, kept beside the task, never a reason for anything."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING

from agent.engines.gpus import Gpus, GpuUse
from agent.engines.usage import Usage
from agent.errors import AgentError
from agent.store import UsageSample

if TYPE_CHECKING:
    from agent.engines import Container
    from agent.store import Store

_FIRST_S = 5.0  # of a task: a reading each second, so that a short task has some, too
_LEAST_S, _MOST_S = 5.0, 60.0  # between two readings afterwards
_SHARE = 60  # of the time that the task has run already
_END_S = 2.0  # how long the end of a task waits for a reading that is on its way

log = logging.getLogger("agent.run")


def pause_s(ran_s: float) -> float:
    """The time to the next reading: short at first, then a part of what the task has run. 210 readings in an hour."""
    return 1.0 if ran_s < _FIRST_S else min(_MOST_S, max(_LEAST_S, ran_s / _SHARE))


def sample_of(before: Usage, now: Usage, seconds: float, gpu: GpuUse | None, time_us: int) -> UsageSample:
    """Two readings and the time between them → a sample. A count that has fallen, as when processes end, rests."""

    def rate(first: float | None, second: float | None) -> float | None:
        return None if first is None or second is None else max(0.0, second - first) / seconds

    return UsageSample(
        time_us=time_us,
        cpu_percent=100 * max(0.0, now.cpu_s - before.cpu_s) / seconds,
        memory_bytes=now.memory_bytes,
        processes=now.processes,
        received_per_s=rate(before.received_bytes, now.received_bytes),
        sent_per_s=rate(before.sent_bytes, now.sent_bytes),
        read_per_s=rate(before.read_bytes, now.read_bytes),
        written_per_s=rate(before.written_bytes, now.written_bytes),
        gpu_percent=None if gpu is None else gpu.busy_percent,
        gpu_memory_bytes=None if gpu is None else gpu.memory_bytes,
    )


@contextmanager
def measuring(
    container: Container,
    find_gpus: Callable[[], Gpus],
    store: Store,
    task_id: int,
    *,
    pause: Callable[[float], float] = pause_s,
) -> Iterator[None]:
    """While the block runs, a thread reads what the container uses. What cannot be read or kept is left out."""
    done = threading.Event()

    def usage(*, with_pids: bool = False) -> Usage | None:
        try:
            return container.usage(with_pids=with_pids)
        except AgentError as error:  # an engine that is away
            log.debug("task %s: no reading (%s)", task_id, error)
            return None

    def measure() -> None:
        started = last = time.monotonic()
        gpus = find_gpus()
        before = usage()
        while not done.wait(pause(last - started)):
            now, moment = usage(with_pids=gpus.are_there), time.monotonic()
            if now is not None and before is not None and moment > last:
                sample = sample_of(before, now, moment - last, gpus.use(now.pids), time.time_ns() // 1000)
                try:
                    store.usage.add(task_id, sample)
                except AgentError as error:  # a busy or refusing store has other worries
                    log.debug("task %s: a reading is not kept (%s)", task_id, error)
            before, last = now, moment

    context = copy_context()  # the log knows the task by it
    reader = threading.Thread(target=context.run, args=(measure,), name=f"usage-{task_id}", daemon=True)
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join(_END_S)  # an engine that does not answer keeps no task from its end
