"""The web with much data, against limits and against an MLflow server with the same amount of data.

The data is five million points in a task, ten thousand tasks, and two hundred event streams. All requests go over real
connections to a server in a process of its own, alternately with MLflow's server.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from numpy.typing import NDArray

from benchmarks import Ratio, _web_mlflow, _web_ours
from benchmarks._web_mlflow import Mlflow
from benchmarks._web_ours import SERIES, STEPS, Web

POINTS = 2000  # at most, per series
CHART_LIMIT_S = 0.3
TASKS, SHOWN, LIST_LIMIT_S = 10_000, 100, 0.05
STREAMS, LINES = 200, 5000
STREAM_LIMITS_S = {1: 0.05, STREAMS: 0.1}  # at the 99th percentile, for so many streams
MLFLOW_CHARTS, MLFLOW_LINES = 2, 2000  # rounds and lines; each round takes half a minute
PARTS = 5
PRINTED = "printed → received"
_ASKED = 5  # requests per round; the median counts


def measure(rounds: int) -> Iterable[Ratio]:
    _web_mlflow.make_environment()
    folder = Path(tempfile.mkdtemp(prefix="bench-web-"))
    try:
        values = _web_ours.metric_values()
        long, running = _web_ours.fill(folder / "ours", values, TASKS)
        with _web_ours.serving(folder / "ours") as web, _web_mlflow.serving(folder / "mlflow") as mlflow:
            run = mlflow.new_run("long")
            mlflow.fill(run, values, TASKS - 2)
            yield from charts(web, long, mlflow, run, rounds)
            yield check_zoom(web, long, values)
            yield from task_list(web, mlflow, rounds)
            yield from streams(web, folder / "ours", running, mlflow)
    finally:
        shutil.rmtree(folder)


def charts(web: Web, task_id: int, mlflow: Mlflow, run: str, rounds: int) -> Iterable[Ratio]:
    """All charts of a task's page: a single request of this project, a request per metric of MLflow."""
    address = f"/api/tasks/{task_id}/points?max_points={POINTS}"
    first, data = web.ask(address)
    if [(one["count"], one["shown"] <= POINTS) for one in data["series"]] != [(STEPS, True)] * SERIES:
        raise RuntimeError("The chart does not show every series, thinned.")
    ours = [median(web.ask(address)[0] for _ in range(_ASKED)) for _ in range(rounds)]
    theirs = [mlflow.charts_s(run, SERIES, POINTS) for _ in range(min(rounds, MLFLOW_CHARTS))]
    name, shown = f"chart of {SERIES} x {STEPS:,} points", f"{POINTS:,} a series"
    yield Ratio(
        name, shown, *within(CHART_LIMIT_S, ours), 1.0, f"{best(ours)} at best, the first {first * 1000:.0f} ms"
    )
    pairs = tuple(their / our for their, our in zip(theirs, ours, strict=False))
    yield Ratio(name, shown, f"MLflow {mlflow.version}", pairs, 1.0, f"theirs {best(theirs)}, SQLite filled by SQL")


def check_zoom(web: Web, task_id: int, values: NDArray[np.float64]) -> Ratio:
    """Check that narrower and narrower windows end at exactly the points that were printed; else raise an error."""
    exact = 0
    for width in (STEPS // 2, 20_000, POINTS - 2, 100, 1):
        for start in (0, STEPS // 3, STEPS - width):
            stop = start + width  # steps, half open; a step is a thousandth of an epoch
            window = f"from={start / 1000!r}&to={(stop - 1) / 1000!r}"
            _, data = web.ask(f"/api/tasks/{task_id}/points?max_points={POINTS}&{window}")
            for column, one in enumerate(data["series"]):
                steps = slice(max(0, start - 1), stop + 1)  # with a neighbour on either side
                printed = list(
                    zip((np.arange(STEPS)[steps] / 1000).tolist(), values[steps, column].tolist(), strict=True)
                )
                drawn = list(zip(one["x"], one["y"], strict=True))
                should = width <= POINTS - 2
                if (
                    one["in_window"] != width
                    or one["exact"] != should
                    or not (drawn == printed if should else set(drawn) <= set(printed))
                ):
                    raise RuntimeError(f"{one['name']} of steps {start} to {stop} is not what was printed.")
                exact += should
    return Ratio("zoom", f"{exact} exact windows", "the points printed", (1.0,), 1.0, "x and y compared one by one")


def task_list(web: Web, mlflow: Mlflow, rounds: int) -> Iterable[Ratio]:
    """The newest hundred of ten thousand tasks, as on the first page; and the tasks with a word in their name."""
    address = f"/api/tasks?limit={SHOWN}"
    first, data = web.ask(address)
    if len(data["items"]) != SHOWN:
        raise RuntimeError(f"The list shows {len(data['items'])} tasks.")
    mlflow.list_s(SHOWN)
    ours, theirs, searched = [], [], []
    for _ in range(rounds):
        ours.append(median(web.ask(address)[0] for _ in range(_ASKED)))
        theirs.append(median(mlflow.list_s(SHOWN) for _ in range(_ASKED)))
        searched.append(median(web.ask(f"{address}&text=NET%2077")[0] for _ in range(_ASKED)))
    name, shown = f"list of {TASKS:,} tasks", f"the newest {SHOWN}"
    yield Ratio(name, shown, *within(LIST_LIMIT_S, ours), 1.0, f"{best(ours)} at best, the first {first * 1000:.0f} ms")
    pairs = tuple(their / our for their, our in zip(theirs, ours, strict=True))
    yield Ratio(name, shown, f"MLflow {mlflow.version}", pairs, 1.0, f"theirs {best(theirs)}")
    yield Ratio(name, "a word in the name", *within(LIST_LIMIT_S, searched), 1.0, f"{best(searched)} at best")


def streams(web: Web, home: Path, task_ids: list[int], mlflow: Mlflow) -> Iterable[Ratio]:
    """The time from printing a metric to its arrival at each client.

    Raises unless all clients get all metrics in order.
    """
    ours: list[list[float]] = []
    for task_id, (count, limit_s) in zip(task_ids, STREAM_LIMITS_S.items(), strict=True):
        ours = by_part(asyncio.run(_web_ours.listen(web, home, task_id, count, LINES)))
        worst = [quantiles(part, n=100)[98] for part in ours]
        middle = median(median(part) for part in ours)
        remark = f"99th percentile; {count * LINES:,} events, each in its order; median {middle * 1000:.0f} ms"
        yield Ratio(streams_of(count), PRINTED, *within(limit_s, worst), 1.0, remark)
    theirs = by_part(asyncio.run(mlflow.watch(mlflow.new_run("watched"), STREAMS, MLFLOW_LINES)))
    pairs = tuple(median(their) / median(our) for their, our in zip(theirs, ours, strict=True))
    remark = f"theirs {median(median(part) for part in theirs) * 1000:.0f} ms, asked again and again: no streams"
    yield Ratio(streams_of(STREAMS), PRINTED, f"MLflow {mlflow.version}", pairs, 1.0, remark)


def streams_of(count: int) -> str:
    return f"{count} stream{'s' * (count > 1)}, 1,000 metrics/s"


def by_part(moments: Iterable[tuple[float, float]]) -> list[list[float]]:
    """Latencies in seconds, for each fifth of the printed metrics."""
    latencies = np.array(sorted(moments))
    return [(part[:, 1] - part[:, 0]).tolist() for part in np.array_split(latencies, PARTS)]


def within(limit_s: float, took: list[float]) -> tuple[str, tuple[float, ...]]:
    """A limit in the role of the peer, and the ratios to it."""
    return f"{limit_s * 1000:.0f} ms", tuple(limit_s / seconds for seconds in took)


def best(took: list[float]) -> str:
    return f"{min(took) * 1000:,.0f} ms"
