"""An MLflow tracking server with the same amount of data, in an environment of its own, and the requests of its page.

The benchmark writes the five million points to MLflow's SQLite file by plain SQL, in the form that MLflow's API writes.
Through that API, which takes at most a thousand points per request, it would take more than an hour. MLflow itself
creates the schema, the experiment and the runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from benchmarks._http import Connection
from benchmarks._run_rows import RunRow

ENVIRONMENT = Path(__file__).parents[1] / ".build" / "mlflow"
REQUIREMENT = "mlflow>=3.17.2,<3.18"
BROWSER_CONNECTIONS = 6  # at a time to a server
LOG_EVERY_S = 0.1
_STARTS_WITHIN_S = 120
_METRICS_INDEXES = {"index_metrics_run_uuid": "run_uuid", "index_metrics_run_uuid_key_step": "run_uuid, key, step"}


def make_environment() -> None:
    """Make the environment, once for all runs of the benchmark."""
    complete = ENVIRONMENT / ".complete"  # written last: an interrupted installation starts again
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with FileLock(f"{ENVIRONMENT}.lock"):
        if not complete.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
            install: list[str | Path] = [ENVIRONMENT / "bin/python", "-m", "pip", "install", "-q", REQUIREMENT]
            subprocess.run(install, check=True, stdout=sys.stderr)
            complete.touch()


@contextmanager
def serving(folder: Path) -> Iterator[Mlflow]:
    """`mlflow server` with default settings, on an SQLite file."""
    folder.mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command: list[str | Path] = [
        ENVIRONMENT / "bin/mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "PATH": f"{ENVIRONMENT}/bin:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"},
            start_new_session=True,
        )
    try:
        server = Mlflow(folder / "mlflow.db", ("127.0.0.1", port))
        server.wait(process, folder / "server.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Mlflow:
    """The server as a browser and a training use it. Several threads may use it; each has its own connection."""

    def __init__(self, database: Path, address: tuple[str, int]) -> None:
        self.address = address
        self._database = database
        self._local = threading.local()
        self._browser = ThreadPoolExecutor(BROWSER_CONNECTIONS)

    def wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                self.version = self._get("/version").decode()
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError(f"The MLflow server did not start:\n{log.read_text()[-2000:]}")

    def _get(self, path: str, body: Any = None) -> bytes:
        try:
            connection: Connection = self._local.connection
        except AttributeError:
            connection = self._local.connection = Connection(self.address)
        return connection.ask(path, body)[1]

    def new_run(self, name: str) -> str:
        asked = {"experiment_id": "0", "run_name": name, "start_time": time.time_ns() // 1_000_000}
        made = json.loads(self._get("/api/2.0/mlflow/runs/create", asked))
        run: str = made["run"]["info"]["run_id"]
        return run

    def log(self, run: str, metrics: list[dict[str, Any]]) -> None:
        """Log at most a thousand metrics."""
        self._get("/api/2.0/mlflow/runs/log-batch", {"run_id": run, "metrics": metrics})

    def fill(self, run: str, values: NDArray[np.float64], runs: int) -> None:
        """Write a metric for every column of (steps, metrics), and `runs` further runs with a metric each."""
        now_ms = time.time_ns() // 1_000_000
        with closing(sqlite3.connect(self._database, timeout=60)) as database:
            database.execute("PRAGMA synchronous=OFF")
            for index in _METRICS_INDEXES:  # creating the indexes afterwards takes half the time
                database.execute(f"DROP INDEX {index}")
            for number, column in enumerate(values.T):
                key = f"metric{number:02}"
                steps = enumerate(column.tolist())
                database.executemany(
                    "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
                    ((key, value, now_ms + step, run, step) for step, value in steps),
                )
                last = len(column) - 1
                database.execute(
                    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
                    "VALUES (?, ?, ?, ?, 0, ?)",
                    (key, float(column[-1]), now_ms + last, last, run),
                )
            for index, columns in _METRICS_INDEXES.items():
                database.execute(f"CREATE INDEX {index} ON metrics ({columns})")
            self._fill_runs(database, run, runs)
            database.commit()

    def _fill_runs(self, database: sqlite3.Connection, template: str, runs: int) -> None:
        """Write copies of a run that are older than the run."""
        columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
        chosen = ", ".join(
            {"run_uuid": "printf('%032x', i)", "start_time": "start_time - i"}.get(c, c) for c in columns
        )
        numbers = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        database.execute(
            f"{numbers} INSERT INTO runs ({', '.join(columns)}) "
            f"SELECT {chosen} FROM n, (SELECT * FROM runs WHERE run_uuid = ?)",
            (runs, template),
        )
        database.execute(
            f"{numbers} INSERT INTO tags (key, value, run_uuid) "
            "SELECT key, value, printf('%032x', i) FROM n, (SELECT key, value FROM tags WHERE run_uuid = ?)",
            (runs, template),
        )
        database.execute(
            f"{numbers} INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
            "SELECT 'loss', 0.5, 0, 9, 0, printf('%032x', i) FROM n",
            (runs,),
        )

    def fill_compared(self, template: str, rows: Iterable[RunRow]) -> None:
        """Write a run for each row: its config as params, its metrics as their latest values, curves of some."""
        with closing(sqlite3.connect(self._database, timeout=60)) as database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
            found = dict(
                zip(
                    columns,
                    database.execute("SELECT * FROM runs WHERE run_uuid = ?", (template,)).fetchone(),
                    strict=True,
                )
            )
            marks = ", ".join("?" * len(columns))
            for row in rows:
                run = f"{row.number:032x}"
                changed = {"run_uuid": run, "name": f"run {row.number}", "start_time": found["start_time"] - row.number}
                values = [{**found, **changed, "status": "FINISHED"}[column] for column in columns]
                database.execute(f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})", values)
                database.executemany(
                    "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
                    [(key, str(value), run) for key, value in row.params.items()],
                )
                database.executemany(
                    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
                    "VALUES (?, ?, 0, 9, 0, ?)",
                    [(key, value, run) for key, value in row.metrics.items()],
                )
                if row.is_compared:
                    database.executemany(
                        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
                        [
                            (key, value, step, run, step)
                            for key in row.metrics
                            for step, value in enumerate(row.curve(key))
                        ],
                    )
            database.commit()

    def search_s(self, bound: float, runs: int) -> float:
        """Seconds for the best runs above a bound, as the page asks for them."""
        wanted = {
            "experiment_ids": ["0"],
            "max_results": runs,
            "filter": f"metrics.`val.iou` > {bound}",
            "order_by": ["metrics.`val.iou` DESC"],
        }
        start = time.perf_counter()
        found = json.loads(self._get("/api/2.0/mlflow/runs/search", wanted))
        took = time.perf_counter() - start
        assert len(found["runs"]) == runs
        return took

    def compare_s(self, numbers: Iterable[int], metrics: Iterable[str], steps: int) -> float:
        """Seconds until the page that compares runs has them: each run, six at a time, then the curves, by metric."""
        runs = [f"{number:032x}" for number in numbers]

        def get(run: str) -> int:
            said = json.loads(self._get(f"/api/2.0/mlflow/runs/get?run_id={run}"))
            return len(said["run"]["data"]["params"])

        def curves(metric: str) -> int:
            chosen = "&".join(f"run_ids={run}" for run in runs)
            query = f"{chosen}&metric_key={metric}&max_results={steps}"
            said = json.loads(self._get(f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{query}"))
            return len(said["metrics"])

        start = time.perf_counter()
        params = list(self._browser.map(get, runs))
        counts = list(self._browser.map(curves, metrics))
        took = time.perf_counter() - start
        assert min(params) == 20, params
        assert min(counts) >= len(runs) * steps // 2, counts
        return took

    def charts_s(self, run: str, metrics: int, points: int) -> float:
        """Seconds until the page has a chart for each metric: a request for each metric, six at a time."""

        def ask(number: int) -> int:
            query = f"run_ids={run}&metric_key=metric{number:02}&max_results={points}"
            said = json.loads(self._get(f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{query}"))
            return len(said["metrics"])

        start = time.perf_counter()
        counts = list(self._browser.map(ask, range(metrics)))
        took = time.perf_counter() - start
        assert all(points // 2 < count <= 2 * points for count in counts), counts
        return took

    def list_s(self, runs: int) -> float:
        """Seconds for the newest runs, as in the first request of the page for an experiment."""
        wanted = {"experiment_ids": ["0"], "max_results": runs, "order_by": ["attributes.start_time DESC"]}
        start = time.perf_counter()
        found = json.loads(self._get("/api/2.0/mlflow/runs/search", wanted))
        took = time.perf_counter() - start
        assert len(found["runs"]) == runs
        return took

    async def watch(self, run: str, watchers: int, lines: int) -> list[tuple[float, float]]:
        """(logged, seen) of a metric that is logged a thousand times a second, for each watcher.

        MLflow has no event streams, so each watcher polls: it requests the run again as soon as it has an answer. An
        answer holds the newest value only; the values before count as seen with it.
        """
        logged: list[float] = []
        logging = threading.Thread(target=self._log_all, args=(run, lines, logged))
        watching = [asyncio.create_task(self._watch(run, lines)) for _ in range(watchers)]
        logging.start()
        seen = await asyncio.gather(*watching)
        logging.join()
        return [(logged[step], moment) for steps in seen for step, moment in enumerate(steps)]

    def _log_all(self, run: str, lines: int, logged: list[float]) -> None:
        start, at_once = time.monotonic(), round(1000 * LOG_EVERY_S)
        for number in range(0, lines, at_once):
            time.sleep(max(0.0, start + number / 1000 - time.monotonic()))
            now = time.time()
            batch = [
                {"key": "loss", "value": step / lines, "timestamp": int(now * 1000), "step": step}
                for step in range(number, min(lines, number + at_once))
            ]
            logged += [now] * len(batch)
            self.log(run, batch)

    async def _watch(self, run: str, lines: int) -> list[float]:
        reader, writer = await asyncio.open_connection(*self.address, limit=1 << 20)
        asked = f"GET /api/2.0/mlflow/runs/get?run_id={run} HTTP/1.1\r\nHost: 127.0.0.1:{self.address[1]}\r\n\r\n"
        seen: list[float] = []
        while len(seen) < lines:
            writer.write(asked.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            size = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            found = json.loads(await reader.readexactly(size))["run"]["data"].get("metrics", [])
            newest = max((int(metric["step"]) + 1 for metric in found), default=0)
            seen += [time.time()] * (newest - len(seen))
        writer.close()
        return seen
