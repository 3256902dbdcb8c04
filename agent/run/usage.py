"""What a running task uses of its machine: read now and then, kept beside the task, never a reason for anything."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from agent.engines.gpus import Gpus, GpuUse
from agent.engines.usage import Usage
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

_Value = TypeVar("_Value")

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
        gpu_memory_bytes=None if gpu is None else gpu.told_memory_bytes,
    )


@contextmanager
def measuring(
    container: Container,
    find_gpus: Callable[[], Gpus],
    store: Store,
    task_id: int,
    *,
    on_shared_gpus: Callable[[], object] = lambda: None,
    pause: Callable[[float], float] = pause_s,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """While the block runs, a thread reads what the container uses. What cannot be read or kept is left out.

    A reading that arrives when the next one is due, or after the block, is left out as well: nobody knows of which
    moment it is. `on_shared_gpus` is called once, when the memory of a task cannot be told from that of other programs.
    """
    done = threading.Event()
    reader = _Reader(container, find_gpus, store, task_id, on_shared_gpus, pause, clock, done)
    context = copy_context()  # the log knows the task by it
    thread = threading.Thread(target=context.run, args=(reader.run,), name=f"usage-{task_id}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the machine gives no thread
        log.debug("task %s: no readings (%s)", task_id, error)
        yield
        return
    try:
        yield
    finally:
        done.set()
        thread.join(_END_S)  # an engine that does not answer keeps no task from its end


class _Reader:
    """The thread of `measuring`. Never raises."""

    def __init__(
        self,
        container: Container,
        find_gpus: Callable[[], Gpus],
        store: Store,
        task_id: int,
        on_shared_gpus: Callable[[], object],
        pause: Callable[[float], float],
        clock: Callable[[], float],
        done: threading.Event,
    ) -> None:
        self._container = container
        self._find_gpus = find_gpus
        self._store = store
        self._task_id = task_id
        self._on_shared_gpus = on_shared_gpus
        self._pause = pause
        self._clock = clock
        self._done = done
        self._gpus = Gpus(None)
        self._gpu_memory_of: str | None = None  # "task" or "all" once it is known; one curve never mixes the two

    def run(self) -> None:
        started = last = oldest = self._clock()
        self._gpus = self._quietly(self._find_gpus) or self._gpus
        before, _ = self._read(started)
        samples: list[UsageSample] = []
        while not self._done.wait(self._pause(last - started)):
            (now, gpu), moment = self._read(started), self._clock()
            if now is not None and before is not None and moment > last:
                oldest = oldest if samples else moment
                samples.append(sample_of(before, now, moment - last, self._known(gpu), time.time_ns() // 1000))
            if samples and is_kept_now(moment - started, oldest - started):
                self._quietly(partial(self._store.usage.add, self._task_id, *samples))
                samples = []
            before, last = now, moment
        if samples:
            self._quietly(partial(self._store.usage.add, self._task_id, *samples))

    def _read(self, started: float) -> tuple[Usage | None, GpuUse | None]:
        asked = self._clock()
        now = self._quietly(lambda: self._container.usage(with_pids=self._gpus.are_there))
        gpu = None if now is None else self._quietly(lambda: self._gpus.use(now.pids))
        if self._done.is_set() or self._clock() - asked > self._pause(asked - started):
            return None, None
        return now, gpu

    def _known(self, gpu: GpuUse | None) -> GpuUse | None:
        """The use of the GPUs without memory that is of others, where the curve is that of the task's own, or said."""
        if gpu is None:
            return None
        of = "task" if gpu.memory_bytes is not None else "all" if gpu.all_memory_bytes is not None else None
        if of is not None and self._gpu_memory_of is None:
            self._gpu_memory_of = of
            if of == "all":
                self._quietly(self._on_shared_gpus)
        return gpu if of == self._gpu_memory_of else GpuUse(gpu.busy_percent, None)

    def _quietly(self, call: Callable[[], _Value]) -> _Value | None:
        """What the call gives; None when it fails. An engine that is away and a busy store have other worries."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - figures are never a reason for anything
            log.debug("task %s: a reading is left out (%s: %s)", self._task_id, type(error).__name__, error)
            return None
