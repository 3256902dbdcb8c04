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
_SHOWN_AT_ONCE_S = 20.0  # so long each reading is kept at once: somebody may be looking at a new task
_KEPT_EVERY_S = 15.0  # afterwards those of so long are kept together
_END_S = 2.0  # how long the end of a task waits for a reading that is on its way

log = logging.getLogger("agent.run")


def pause_s(ran_s: float) -> float:
    """The time to the next reading: short at first, then a part of what the task has run. 210 readings in an hour."""
    return 1.0 if ran_s < _FIRST_S else min(_MOST_S, max(_LEAST_S, ran_s / _SHARE))


def is_kept_now(ran_s: float, oldest_s: float) -> bool:
    """Whether readings are kept now, of which the first was taken `oldest_s` after the start, the last at `ran_s`."""
    return ran_s < _SHOWN_AT_ONCE_S or ran_s - oldest_s + pause_s(ran_s) > _KEPT_EVERY_S


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

    def keep(samples: list[UsageSample]) -> None:
        try:
            store.usage.add(task_id, *samples)
        except AgentError as error:  # a busy or refusing store has other worries
            log.debug("task %s: readings are not kept (%s)", task_id, error)
        samples.clear()

    def measure() -> None:
        started = last = oldest = time.monotonic()
        gpus = find_gpus()
        before = usage()
        samples: list[UsageSample] = []
        while not done.wait(pause(last - started)):
            now, moment = usage(with_pids=gpus.are_there), time.monotonic()
            if now is not None and before is not None and moment > last:
                oldest = oldest if samples else moment
                samples.append(sample_of(before, now, moment - last, gpus.use(now.pids), time.time_ns() // 1000))
                if is_kept_now(moment - started, oldest - started):
                    keep(samples)
            before, last = now, moment
        if samples:
            keep(samples)

    context = copy_context()  # the log knows the task by it
    reader = threading.Thread(target=context.run, args=(measure,), name=f"usage-{task_id}", daemon=True)
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join(_END_S)  # an engine that does not answer keeps no task from its end
