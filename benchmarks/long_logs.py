"""The memory that long logs take: of many lines while they are recorded, of long lines while they are read.

Memory is the peak of the process's resident memory, which the kernel keeps. Ten million lines come from memory, as an
engine sends them. Eight hundred lines of a megabyte are read from a running web server as pages, whole pages, a stream
and a download, and by `agent task logs`; then all of it again, which must not take more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import httpx2
import psutil

from agent.domain import TaskStatus
from agent.engines import Frame
from agent.events.model import Stream
from agent.recorder import Recorder
from agent.run.collect import collect
from agent.settings import Settings
from agent.store import open_store
from benchmarks import Ratio, _web_ours
from benchmarks.log_loop import collect_lines
from benchmarks.store import new_task

LINES, LINES_LIMIT_MB = 10_000_000, 100
LONG_LINES, LONG_BYTES, LONG_LIMIT_MB = 800, 1_000_000, 150
_FLAT = 0.9  # of the memory of the second reading, at least, was taken by the first


def measure(rounds: int) -> Iterable[Ratio]:  # noqa: ARG001  a round takes a minute
    folder = Path(tempfile.mkdtemp(prefix="bench-long-"))
    try:
        began = time.perf_counter()
        peak_mb = _in_a_process("many", folder)
        rate = LINES / (time.perf_counter() - began)
        said = f"{peak_mb:.0f} MB, {rate:,.0f} lines/s"
        yield _at_most(f"{LINES / 1e6:g} million lines recorded", "agent", LINES_LIMIT_MB, peak_mb, said)
        peak_mb = _in_a_process("long", folder)
        name = f"{LONG_LINES} lines of 1 MB"
        yield _at_most(f"{name} recorded", "agent", LONG_LIMIT_MB, peak_mb)
        yield from _reading(name, folder)
    finally:
        shutil.rmtree(folder)


def _at_most(name: str, ours: str, limit_mb: float, peak_mb: float, said: str = "") -> Ratio:
    return Ratio(name, ours, f"{limit_mb:g} MB", (limit_mb / peak_mb,), 1.0, said or f"{peak_mb:.0f} MB")


def _reading(name: str, home: Path) -> Iterable[Ratio]:
    with _web_ours.serving(home) as web:
        address = f"http://{web.address[0]}:{web.address[1]}"
        with httpx2.Client(base_url=address, headers={"x-api-key": web.token}, timeout=60) as client:
            peaks = []
            for _ in range(2):
                _read(client)
                peaks.append(max(map(_peak_mb, web.processes())))
    yield _at_most(f"{name} read", "web", LONG_LIMIT_MB, peaks[-1])
    yield Ratio(f"{name} read again", "web", "the first time", (peaks[0] / peaks[1],), _FLAT, f"{peaks[0]:.0f} MB then")
    yield _at_most(f"{name} read", "agent task logs", LONG_LIMIT_MB, _logs(home))


def _read(client: httpx2.Client) -> None:
    """All lines in each way."""
    for raw in ("", "&raw=true"):
        after: int | None = 0
        while after is not None:
            after = client.get(f"/api/tasks/1/events?limit=10000&after={after}{raw}").raise_for_status().json()["next"]
    received = 0
    with client.stream("GET", "/api/tasks/1/log") as answer:
        received = sum(len(chunk) for chunk in answer.iter_bytes())
    assert received > LONG_LINES * LONG_BYTES
    with client.stream("GET", "/api/tasks/1/stream") as stream:  # of an ended task: it ends
        assert any(line == "event: end" for line in stream.iter_lines())


def _logs(home: Path) -> float:
    command = [sys.executable, "-m", "agent.cli", "task", "logs", "1"]
    process = subprocess.Popen(command, env={**os.environ, "AGENT_HOME": str(home)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0
    return used.ru_maxrss / 1024


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _in_a_process(what: str, folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.long_logs", what, str(folder)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _many(folder: Path) -> None:
    home = folder / "many"
    home.mkdir()
    with open_store(f"sqlite:///{home / 'store.db'}") as store:
        collect_lines(store, new_task(store), home, LINES)
    shutil.rmtree(home)  # gigabytes


def _long(home: Path) -> None:
    frame: Frame = (Stream.STDERR, b'{"level": "info", "message": "' + b"x" * LONG_BYTES + b'"}\n')
    with open_store(Settings(home=home).store) as store:
        task_id = new_task(store)
        recorder = Recorder(store, task_id, lines_read=0, last_seq=0, log_path=home / "log.txt")
        collect(iter([[frame]] * LONG_LINES), recorder, on_checkpoint=print, on_applied=print)
        store.tasks.claim("bench", task_id=task_id)
        store.tasks.become(task_id, TaskStatus.STARTED)
        store.tasks.become(task_id, TaskStatus.FINISHED)


if __name__ == "__main__":
    {"many": _many, "long": _long}[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write(str(getrusage(RUSAGE_SELF).ru_maxrss / 1024))
