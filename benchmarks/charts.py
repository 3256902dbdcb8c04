"""Charts of the largest tasks, against limits: ten million points in 20 series, and ten thousand metrics in one task.

Every first request is that of a server which has just started, and has drawn one small chart. Of each request the clock
of its client and the processor time of the server count, the longer of the two.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import orjson
import psutil

from agent.domain import TaskStatus
from agent.events.model import Event, Level, Metrics, Stream
from agent.settings import Settings
from agent.store import EventRow, Store, open_store
from benchmarks import Ratio
from benchmarks._web_ours import Web, serving
from benchmarks.store import fill_task_list, new_task

SERIES, STEPS = 20, 500_000
NAMES = 10_000
FIRST_S, AGAIN_S = 0.3, 0.05
NAMES_S, LIST_S = 0.3, 0.05
ROW_BYTES = 20_000
_BATCH = 4000
_ASKED = 5
_ROUNDS = 3  # each starts servers


def measure(rounds: int) -> Iterable[Ratio]:
    home = Path(tempfile.mkdtemp(prefix="bench-charts-"))
    try:
        with open_store(Settings(home=home).store) as store:
            fill_task_list(store, 100)
            small, long, wide = fill_small(store), fill_long(store), fill_wide(store)
        warm = f"/api/tasks/{small}/points"
        rounds = min(rounds, _ROUNDS)
        yield from long_task(home, warm, long, rounds)
        yield from wide_task(home, warm, wide, rounds)
    finally:
        shutil.rmtree(home)


def fill_long(store: Store) -> int:
    """Random walks with a few spikes, in the digits that trainings print, of a task that has ended."""
    random = np.random.default_rng(5)
    walks = random.normal(0, 0.01, (STEPS, SERIES)).cumsum(axis=0)
    walks[random.integers(0, STEPS, 50), random.integers(0, SERIES, 50)] += 10
    walks = walks.round(6)
    names = [f"metric{number:02}" for number in range(SERIES)]
    task_id = _started(store)
    for start in range(0, STEPS, _BATCH):
        rows = [
            _metrics(start + n + 1, (start + n) / 1000, dict(zip(names, values, strict=True)))
            for n, values in enumerate(walks[start : start + _BATCH].tolist())
        ]
        store.events.append(task_id, rows, lines_read=rows[-1].seq)
    _end(store, task_id)
    return task_id


def fill_small(store: Store) -> int:
    task_id = _started(store)
    rows = [_metrics(step + 1, float(step), {"loss": 1 / (step + 1)}) for step in range(_BATCH)]
    store.events.append(task_id, rows, lines_read=_BATCH)
    _end(store, task_id)
    return task_id


def fill_wide(store: Store) -> int:
    task_id = _started(store)
    for step in range(3):
        values = {f"layer{number:05}/norm": number + step / 10 for number in range(NAMES)}
        store.events.append(task_id, [_metrics(step + 1, float(step), values)], lines_read=step + 1)
    _end(store, task_id)
    return task_id


def _started(store: Store) -> int:
    task_id = new_task(store)
    store.tasks.claim("bench", task_id=task_id)
    store.tasks.become(task_id, TaskStatus.STARTED)
    return task_id


def _metrics(seq: int, epoch: float, values: dict[str, float]) -> EventRow:
    return EventRow(
        seq, Event("x", Stream.STDERR, seq * 1000, Level.INFO, "x", "METRICS", Metrics("train", epoch, values))
    )


def _end(store: Store, task_id: int) -> None:
    store.tasks.become(task_id, TaskStatus.FINISHED)
    while store.metrics.pack_ended(portions=16):
        pass


def long_task(home: Path, warm: str, task_id: int, rounds: int) -> Iterable[Ratio]:
    for thin in ("extremes", "mean"):
        address = f"/api/tasks/{task_id}/points?thin={thin}"
        first, again = [], []
        for _ in range(rounds):
            with serving(home) as web:
                web.ask(warm)
                first.append(cost(web, address))
                again.append(median(cost(web, address) for _ in range(_ASKED)))
        name = f"chart of {SERIES} x {STEPS:,} points, {thin}"
        yield limited(name, "the first request", FIRST_S, first)
        yield limited(name, "again", AGAIN_S, again)


def wide_task(home: Path, warm: str, task_id: int, rounds: int) -> Iterable[Ratio]:
    points, series, listed, size = [], [], [], 0
    for _ in range(rounds):
        with serving(home) as web:
            web.ask(warm)
            points.append(cost(web, f"/api/tasks/{task_id}/points"))
            series.append(cost(web, f"/api/tasks/{task_id}/series"))
            listed.append(median(cost(web, "/api/tasks?limit=100") for _ in range(_ASKED)))
            (row,) = web.ask("/api/tasks?limit=1")[1]["items"]
            size = len(orjson.dumps(row))
    yield limited(f"points of {NAMES:,} metrics", "the first request", NAMES_S, points)
    yield limited(f"last values of {NAMES:,} metrics", "the first request", NAMES_S, series)
    yield limited("list with such a task", "100 tasks", LIST_S, listed)
    yield Ratio("row of such a task", "of a list", f"{ROW_BYTES:,} B", (ROW_BYTES / size,), 1.0, f"{size:,} B")


def cost(web: Web, address: str) -> float:
    """Seconds: by the clock, or of the server's processors, whichever is more."""
    before = _processor_s(web)
    clock, _ = web.ask(address)
    return max(clock, _processor_s(web) - before)


def _processor_s(web: Web) -> float:
    processes = [psutil.Process(web.pid), *psutil.Process(web.pid).children(recursive=True)]
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def limited(name: str, what: str, limit_s: float, took: Sequence[float]) -> Ratio:
    ratios = tuple(limit_s / seconds for seconds in took)
    return Ratio(name, what, f"{limit_s * 1000:.0f} ms", ratios, 1.0, f"{median(took) * 1000:.0f} ms")
