"""A controller in a process of its own, and what it costs.

`python -m benchmarks._controller FILE CLUSTER` is `agent run --cluster CLUSTER` that counts its requests to Kubernetes,
and writes their number into FILE at the signal URG.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

_READY = "tasks are placed on"  # what it logs when it begins
_START_S = 60.0
_SETTLED_S = 11.0  # an idle process of the server tells its counts within ten seconds


@dataclass(frozen=True, slots=True)
class Cost:
    cpu_percent: float  # of one processor
    transactions_per_s: float
    requests_per_s: float  # to the API server
    connections: float  # to the store, mean
    memory_mib: float  # resident


class ControllerProcess:
    def __init__(self, process: subprocess.Popen[bytes], log: Path, count: Path, store_url: str) -> None:
        self.process = psutil.Process(process.pid)
        self._log, self._count, self._url = log, count, store_url
        self.began_at = self._until_ready(process)  # time.monotonic()

    def cpu_s(self) -> float:
        return sum(self.process.cpu_times()[:2])

    def requests(self) -> int:
        self._count.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGURG)
        while not self._count.exists():
            time.sleep(0.01)
        return int(self._count.read_text())

    def cost(self, seconds: float) -> Cost:
        """Count for so long."""
        with psycopg.connect(self._url, dbname="template1", autocommit=True) as watching:
            time.sleep(_SETTLED_S)
            before = _transactions(watching), self.requests(), self.cpu_s()
            started, connections = time.monotonic(), []
            while time.monotonic() - started < seconds:
                count = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres'"
                connections.append(_one(watching, count))
                time.sleep(1.0)
            after = _transactions(watching), self.requests(), self.cpu_s()
            passed_s = time.monotonic() - started
        transactions, requests, cpu_s = (b - a for a, b in zip(before, after, strict=True))
        mean = sum(connections) / len(connections)
        memory = self.process.memory_info().rss / 2**20
        return Cost(100 * cpu_s / passed_s, transactions / passed_s, requests / passed_s, mean, memory)

    def _until_ready(self, process: subprocess.Popen[bytes]) -> float:
        deadline = time.monotonic() + _START_S
        while _READY not in self._log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the controller did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.005)
        return time.monotonic()


@contextmanager
def controller(folder: Path, env: Mapping[str, str], cluster: str = "kubernetes") -> Iterator[ControllerProcess]:
    folder.mkdir(parents=True, exist_ok=True)
    log, count = folder / "log", folder / "requests"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._controller", str(count), cluster],
            env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
    try:
        yield ControllerProcess(process, log, count, env["AGENT_STORE_URL"])
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            process.kill()


def _transactions(connection: psycopg.Connection[Any]) -> int:
    counted = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'"
    return _one(connection, counted)


def _one(connection: psycopg.Connection[Any], question: str) -> int:
    row = connection.execute(question).fetchone()
    assert row is not None
    return int(row[0])


def main(file: Path, cluster: str) -> None:
    import httpx2

    from agent.cli.cluster_runs import place_on

    count, send = 0, httpx2.Client.send

    def counted(client: httpx2.Client, request: httpx2.Request, **given: Any) -> httpx2.Response:
        nonlocal count
        count += 1
        return send(client, request, **given)

    def tell(*_: object) -> None:
        new = file.with_suffix(".new")
        new.write_text(str(count))
        new.rename(file)

    httpx2.Client.send = counted  # type: ignore[assignment, method-assign]
    signal.signal(signal.SIGURG, tell)
    place_on(cluster)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
