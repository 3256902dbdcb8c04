"""An installation with much data, its web server in a process of its own, and clients of that server.

`python -m benchmarks._web_ours STORE_FILE TASK LINES` is a plugin that prints, and the agent that records it: the real
code from bytes to committed rows, without an engine.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
from numpy.typing import NDArray

from agent.domain import TaskStatus
from agent.engines import Frame
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.recorder import Recorder
from agent.run.collect import collect
from agent.settings import Settings
from agent.store import EventRow, open_store
from benchmarks._http import Connection
from benchmarks.store import fill_task_list, new_task

ROOT = Path(__file__).parents[1]
SERIES, STEPS = 20, 250_000  # of the long task: five million points
PRINT_EVERY_S = 0.01
_BATCH = 4000
_LOGIN_LINK = re.compile(r"open (http://([\d.]+):(\d+)/\S*)")


def metric_values() -> NDArray[np.float64]:
    """The values of the long task, (steps, series): random walks with a few spikes."""
    random = np.random.default_rng(5)
    walks = random.normal(0, 0.01, (STEPS, SERIES)).cumsum(axis=0)
    walks[random.integers(0, STEPS, 50), random.integers(0, SERIES, 50)] += 10
    rounded: NDArray[np.float64] = walks.round(6)
    return rounded


def fill(home: Path, values: NDArray[np.float64], tasks: int) -> tuple[int, list[int]]:
    """Write a long task and many other tasks, two of them running; return the ids of the long and the running ones."""
    home.mkdir()
    with open_store(Settings(home=home).store) as store:
        fill_task_list(store, tasks - 3)
        long, *running = new_task(store), new_task(store), new_task(store)
        for task_id in (long, *running):
            store.tasks.claim("bench", task_id=task_id)
            store.tasks.become(task_id, TaskStatus.STARTED)
        names = [f"metric{number:02}" for number in range(SERIES)]
        for start in range(0, STEPS, _BATCH):
            rows = [
                EventRow(
                    start + n + 1,
                    parse_line(_line((start + n) / 1000, dict(zip(names, row, strict=True))), Stream.STDERR, n),
                )
                for n, row in enumerate(values[start : start + _BATCH].tolist())
            ]
            store.events.append(long, rows, lines_read=rows[-1].seq)
        store.tasks.become(long, TaskStatus.FINISHED)
    return long, running


def _line(epoch: float, values: dict[str, float]) -> str:
    line = {"message": "metrics", "event_type": "EventType.METRICS", "type": "train", "epoch": epoch, "metrics": values}
    return orjson.dumps({**line, "timestamp": "2026-11-22T09:28:39.527Z", "level": "info"}).decode()


class Web:
    """The server as its clients use it, over a connection that stays open."""

    def __init__(self, home: Path, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        found = next((match for line in process.stderr if (match := _LOGIN_LINK.search(line))), None)
        assert found, "the server ended before it served"
        self.login_link = found[1]  # for a browser, once
        self.address = found[2], int(found[3])
        self.pid = process.pid
        self.token = (home / "token").read_text().strip()
        self._process = process
        self._connection = Connection(self.address, {"x-api-key": self.token})

    def processes(self) -> list[psutil.Process]:
        """The server with what watches it."""
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    def ask(self, path: str) -> tuple[float, Any]:
        """Seconds until the whole answer has arrived, and its content."""
        took, said = self._connection.ask(path)
        return took, orjson.loads(said)


@contextmanager
def serving(home: Path) -> Iterator[Web]:
    """`agent up` without an agent."""
    command = [sys.executable, "-m", "agent.cli", "up", "--no-agent", "--port", "0"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AGENT_")}
    process = subprocess.Popen(
        command, env={**environ, "AGENT_HOME": str(home), "COLUMNS": "500"}, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield Web(home, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


# ---------------------------------------------------------------- a task that prints while clients listen


def print_metrics(store_file: Path, task_id: int, lines: int) -> None:
    """Print and record a metric every millisecond; its epoch is the time at which it was printed."""
    with open_store(store_file) as store:
        log_path = store_file.with_suffix(".txt")
        recorder = Recorder(store, task_id, lines_read=0, last_seq=0, log_path=log_path)
        collect(_printed(lines), recorder, on_checkpoint=print, on_applied=print)
        recorder.flush()
        store.tasks.become(task_id, TaskStatus.FINISHED)


def _printed(lines: int) -> Iterator[list[Frame]]:
    start, at_once = time.monotonic(), round(1000 * PRINT_EVERY_S)
    for number in range(0, lines, at_once):
        time.sleep(max(0.0, start + number / 1000 - time.monotonic()))
        burst = [_line(time.time(), {"loss": (number + n) / lines}) for n in range(min(at_once, lines - number))]
        yield [(int(Stream.STDERR), "".join(f"{line}\n" for line in burst).encode())]


@functools.lru_cache(maxsize=256)  # every stream receives the same messages, so each is read once
def _events(data: bytes) -> tuple[list[int], list[float]]:
    """The numbers of the events in a message, and the times at which they were printed."""
    events = orjson.loads(data)["events"]
    return [event["seq"] for event in events], [event["body"]["epoch"] for event in events]


async def _listen(web: Web, task_id: int, listening: asyncio.Semaphore) -> tuple[list[int], list[tuple[float, float]]]:
    """Read a stream to its end: the numbers of its events in order, and (printed, received) of each message."""
    reader, writer = await asyncio.open_connection(*web.address, limit=1 << 24)
    path = f"/api/tasks/{task_id}/stream?after=0"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {web.token}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    listening.release()
    numbers: list[int] = []
    moments: list[tuple[float, float]] = []
    waiting = b""
    while size := int(await reader.readline(), 16):
        waiting += await reader.readexactly(size)
        await reader.readexactly(2)
        *messages, waiting = waiting.split(b"\n\n")
        for message in messages:
            _, is_batch, data = message.partition(b"event: batch\ndata: ")
            if is_batch:
                received = time.time()
                seqs, printed = _events(data.partition(b"\nid: ")[0])
                numbers += seqs
                moments += [(moment, received) for moment in printed]
    writer.close()
    return numbers, moments


async def listen(web: Web, home: Path, task_id: int, streams: int, lines: int) -> list[tuple[float, float]]:
    """(printed, received) of every event at every stream; raises unless every stream had all events in order."""
    listening = asyncio.Semaphore(0)
    listeners = [asyncio.create_task(_listen(web, task_id, listening)) for _ in range(streams)]
    for _ in range(streams):
        await listening.acquire()
    store_file = str(Settings(home=home).store)
    printing = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks._web_ours", store_file, str(task_id), str(lines), cwd=ROOT
    )
    received = await asyncio.wait_for(asyncio.gather(*listeners), 120)
    assert await printing.wait() == 0
    for numbers, _ in received:
        if numbers != list(range(1, lines + 1)):
            raise RuntimeError(f"A stream received {len(numbers)} events of {lines}, or not in their order.")
    return [moment for _, moments in received for moment in moments]


if __name__ == "__main__":
    print_metrics(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
