"""The table of runs against a limit, and the questions that MLflow answers too against a server with the same runs.

Ten thousand ended runs, each with a config of twenty values and four metrics; the newest hundred have curves of all
metrics. Both are asked for the newest runs, for the best above a bound, and for a hundred runs compared. MLflow has no
groups and no list of columns.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from agent.settings import Settings
from agent.store import open_store
from benchmarks import Ratio, _web_mlflow, _web_ours
from benchmarks._run_rows import COMPARED, RUNS, STEPS, fill_runs, rows
from benchmarks._web_mlflow import Mlflow
from benchmarks._web_ours import Web
from benchmarks.web import best, within

SHOWN, LIMIT_S = 100, 0.1
LIMITS_S = {"the columns": 0.25}  # counts all values of all configs, two hundred thousand
_ASKED = 5  # requests per round; the median counts
BOUND = 0.75
DRAWN = ("val.iou", "train.loss")
TIMES = 5.0  # as fast as MLflow, at least
QUESTIONS = {
    "filtered, sorted by a metric": (
        "/api/runs",
        {
            "columns": "name,status,duration,config.lr,config.batch_size.train,metrics.val.loss,metrics.val.iou@max",
            "where": f'metrics.val.iou > {BOUND} and config.lr < 0.01 and status == "finished"',
            "sort": "-metrics.val.iou",
        },
    ),
    "sorted by a config value": ("/api/runs", {"columns": "name,config.key07", "sort": "-config.key07"}),
    "a word in the name": ("/api/runs", {"text": "run 77", "sort": "-metrics.val.iou"}),
    "in groups": (
        "/api/runs/groups",
        {"group": "config.lr,config.optimizer", "columns": "metrics.val.iou@max,metrics.val.loss", "sort": "-count"},
    ),
    "the columns": ("/api/runs/columns", {}),
}


def measure(rounds: int) -> Iterable[Ratio]:
    _web_mlflow.make_environment()
    folder = Path(tempfile.mkdtemp(prefix="bench-runs-"))
    try:
        home = folder / "ours"
        home.mkdir()
        with open_store(Settings(home=home).store) as store:
            template = fill_runs(store)
        with _web_ours.serving(home) as web, _web_mlflow.serving(folder / "mlflow") as mlflow:
            mlflow.fill_compared(mlflow.new_run("template"), rows())
            yield from questions(web, rounds)
            yield from beside_mlflow(web, mlflow, template, rounds)
    finally:
        shutil.rmtree(folder)


def questions(web: Web, rounds: int) -> Iterable[Ratio]:
    name = f"table of {RUNS:,} runs"
    for what, (path, query) in QUESTIONS.items():
        address = f"{path}?{urlencode({**query, 'limit': SHOWN} if path != '/api/runs/columns' else query)}"
        first, data = web.ask(address)
        if path == "/api/runs" and not data["rows"]:
            raise RuntimeError(f"No run is {what}.")
        ours = [median(web.ask(address)[0] for _ in range(_ASKED)) for _ in range(rounds)]
        remark = f"{best(ours)} at best, the first {first * 1000:.0f} ms"
        yield Ratio(name, what, *within(LIMITS_S.get(what, LIMIT_S), ours), 1.0, remark)


def beside_mlflow(web: Web, mlflow: Mlflow, template: int, rounds: int) -> Iterable[Ratio]:
    """The newest runs, the best above a bound, and a hundred compared, with all their config values and metrics."""
    every = ",".join(["id", *_every_column()])
    newest = {"columns": every, "limit": SHOWN}
    found = {"columns": every, "limit": SHOWN, "where": f"metrics.val.iou > {BOUND}", "sort": "-metrics.val.iou"}
    compared = range(RUNS - COMPARED + 1, RUNS + 1)
    chosen = ",".join(str(template + number) for number in compared)
    values = [f"/api/runs/compared?runs={chosen}"]
    values += [
        f"/api/runs/points?{urlencode({'runs': chosen, 'kind': kind, 'name': name, 'max_points': STEPS})}"
        for kind, _, name in (metric.partition(".") for metric in DRAWN)
    ]
    yield from pairs(
        "the newest 100, every column", web, [_table(newest)], mlflow, lambda: mlflow.list_s(SHOWN), rounds
    )
    yield from pairs(
        "the best 100, every column", web, [_table(found)], mlflow, lambda: mlflow.search_s(BOUND, SHOWN), rounds
    )
    yield from pairs(
        f"{COMPARED} compared, {len(DRAWN)} charts",
        web,
        values,
        mlflow,
        lambda: mlflow.compare_s(compared, DRAWN, STEPS),
        rounds,
    )


def pairs(
    what: str, web: Web, addresses: Sequence[str], mlflow: Mlflow, ask_mlflow: Callable[[], float], rounds: int
) -> Iterable[Ratio]:
    """The same question to both, alternately."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(median(sum(web.ask(address)[0] for address in addresses) for _ in range(_ASKED)))
        theirs.append(median(ask_mlflow() for _ in range(_ASKED)))
    ratios = tuple(their / our for their, our in zip(theirs, ours, strict=True))
    remark = f"ours {best(ours)}, theirs {best(theirs)}"
    yield Ratio(f"table of {RUNS:,} runs", what, f"MLflow {mlflow.version}", ratios, TIMES, remark)


def _table(query: Mapping[str, object]) -> str:
    return f"/api/runs?{urlencode(query)}"


def _every_column() -> list[str]:
    """The config values and metrics of the runs."""
    run = next(rows())
    return [*(f"config.{path}" for path in run.params), *(f"metrics.{name}" for name in run.metrics)]
