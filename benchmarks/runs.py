"""The table of runs against a limit and against an MLflow server with the same runs.

Ten thousand ended runs, each with a config of twenty values and four metrics. The questions: the best hundred of those
whose metric lies above a bound, the runs in groups by a config value, and the columns that there are. MLflow answers
the first; it has no groups and no list of columns.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from agent.settings import Settings
from agent.store import open_store
from benchmarks import Ratio, _web_mlflow, _web_ours
from benchmarks._run_rows import RUNS, fill_runs, rows
from benchmarks._web_mlflow import Mlflow
from benchmarks._web_ours import Web
from benchmarks.web import best, within

SHOWN, LIMIT_S = 100, 0.1
_ASKED = 5  # requests per round; the median counts
BOUND = 0.75
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
            fill_runs(store)
        with _web_ours.serving(home) as web, _web_mlflow.serving(folder / "mlflow") as mlflow:
            mlflow.fill_compared(mlflow.new_run("template"), rows())
            yield from questions(web, mlflow, rounds)
    finally:
        shutil.rmtree(folder)


def questions(web: Web, mlflow: Mlflow, rounds: int) -> Iterable[Ratio]:
    name = f"table of {RUNS:,} runs"
    for what, (path, query) in QUESTIONS.items():
        address = f"{path}?{urlencode({**query, 'limit': SHOWN} if path != '/api/runs/columns' else query)}"
        first, data = web.ask(address)
        if path == "/api/runs" and not data["rows"]:
            raise RuntimeError(f"No run is {what}.")
        ours = [median(web.ask(address)[0] for _ in range(_ASKED)) for _ in range(rounds)]
        remark = f"{best(ours)} at best, the first {first * 1000:.0f} ms"
        yield Ratio(name, what, *within(LIMIT_S, ours), 1.0, remark)
    # The same runs in the same order, with all their params and metrics: MLflow's page asks for no fewer.
    same = {
        "columns": ",".join(["id", *_every_column()]),
        "where": f"metrics.val.iou > {BOUND}",
        "sort": "-metrics.val.iou",
    }
    address = f"/api/runs?{urlencode({**same, 'limit': SHOWN})}"
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(median(web.ask(address)[0] for _ in range(_ASKED)))
        theirs.append(median(mlflow.compare_s(BOUND, SHOWN) for _ in range(_ASKED)))
    pairs = tuple(their / our for their, our in zip(theirs, ours, strict=True))
    what = f"best {SHOWN}, every column"
    yield Ratio(name, what, f"MLflow {mlflow.version}", pairs, 1.0, f"ours {best(ours)}, theirs {best(theirs)}")


def _every_column() -> list[str]:
    """The config values and metrics of the runs."""
    run = next(rows())
    return [*(f"config.{path}" for path in run.params), *(f"metrics.{name}" for name in run.metrics)]
