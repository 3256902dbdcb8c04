"""Processes that print for many tasks at once into one store: `python -m benchmarks._load URL …`.

Each process has a recorder and a committer for each of its tasks, as an agent has for one, and a single thread that
prints for all of them: it reads the lines as the agent reads what a container prints. A process for each task is forked
from one that has loaded the code, because a hundred interpreters would need a minute to start on two cores. The answer
is a line of JSON for each process on standard output.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from agent.events.lines import Lines
from agent.events.model import Stream
from agent.events.reading import ReadLines
from agent.recorder import Committer, Recorder
from agent.store import NumberedEvents, Store, open_store
from benchmarks.log_loop import lines
from benchmarks.store import new_task

TICK_S = 0.02
_FIRST_S = 1.0  # in which all tasks open their connections at once: the waits of its lines are left out
_BATCH = 8000  # as `agent/run/collect.py`
_START = struct.Struct("d")
_TEXTS = 20_000


@dataclass(frozen=True, slots=True)
class Load:
    """What became of a load. Every line was kept, in its order."""

    lines_per_s: float  # from the first print to the last commit
    waited_s: list[float]  # from print to commit, in ascending order
    commits_per_s: float
    cpu_s: float  # of all processes that print

    def waited_at(self, percent: int) -> float:
        return self.waited_s[len(self.waited_s) * percent // 100]


def load(url: str, *, tasks: int, per_s: int, seconds: float, processes: int) -> Load:
    """Let new tasks print so many lines per second each. Raises AssertionError if one was lost or came out of order."""
    with open_store(url) as store:
        first = min([new_task(store) for _ in range(tasks)])
    command = [sys.executable, "-m", "benchmarks._load", url]
    numbers = (first, tasks, processes, per_s, seconds)
    said = subprocess.run([*command, *map(str, numbers)], stdout=subprocess.PIPE, text=True, check=True, timeout=240)
    told = [json.loads(line) for line in said.stdout.splitlines()]
    printed, took_s = sum(one["lines"] for one in told), max(one["took_s"] for one in told)
    with open_store(url) as store:
        for task_id in range(first, first + tasks):
            _check(store, task_id, printed // tasks)
    return Load(
        printed / took_s,
        sorted(us / 1e6 for one in told for us in one["waited_us"]),
        sum(one["commits"] for one in told) / took_s,
        sum(one["cpu_s"] for one in told),
    )


def _check(store: Store, task_id: int, count: int) -> None:
    printed = islice(cycle(lines(_TEXTS)), count)
    for seq, (text, event) in enumerate(zip(printed, store.events.each(task_id), strict=True), 1):
        assert (event.seq, event.raw) == (seq, text), f"line {seq} of task {task_id} is {event.seq}: {event.raw}"


class _Timed:
    """The store as a recorder needs it; notes how long each line waited."""

    def __init__(self, store: Store) -> None:
        self._append = store.events.append
        self.events = self
        self.outage, self.name = store.outage, store.name
        self.counted_from_us = 0
        self.waited_us: list[int] = []
        self.commits = 0

    def append(self, task_id: int, rows: NumberedEvents, **position: Any) -> None:
        self._append(task_id, rows, **position)
        now_us = time.time_ns() // 1000
        if rows.events.times_us[0] >= self.counted_from_us:
            self.waited_us += [now_us - time_us for time_us in rows.events.times_us]
        self.commits += 1


class _Starts:
    """Processes begin together, when all have opened the store."""

    def __init__(self) -> None:
        self._ready, self._start = os.pipe(), os.pipe()

    def wait(self) -> float:
        """In a child that is ready: the time, as `time.time`, at which printing begins."""
        os.write(self._ready[1], b".")
        (start_at,) = _START.unpack(os.read(self._start[0], _START.size))
        return float(start_at)

    def give(self, children: int) -> None:
        for _ in range(children):
            os.read(self._ready[0], 1)
        os.write(self._start[1], _START.pack(time.time() + 0.2) * children)


def main(url: str, first: int, tasks: int, processes: int, per_s: int, seconds: float) -> None:
    texts = list(lines(_TEXTS))
    each = tasks // processes
    starts = _Starts()
    children = []
    for n in range(processes):
        child = os.fork()
        if not child:
            task_ids, late_s = range(first + n * each, first + (n + 1) * each), n / processes * TICK_S
            said = print_for(url, task_ids, texts, per_s, seconds, starts, late_s)
            os.write(sys.stdout.fileno(), f"{json.dumps(said)}\n".encode())
            os._exit(0)
        children.append(child)
    starts.give(processes)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    sys.exit(1 if any(statuses) else 0)


def print_for(
    url: str, task_ids: range, texts: list[str], per_s: int, seconds: float, starts: _Starts, late_s: float
) -> dict[str, Any]:
    """Print the texts for each of the tasks, again and again; what there is to say afterwards.

    `late_s`: tasks print evenly over a tick, not all at its beginning.
    """
    with open_store(url) as store, ExitStack() as stack:
        timed = _Timed(store)
        recorders = [
            Recorder(timed, task_id, lines_read=0, last_seq=0, log_path=Path("/dev/null"))  # type: ignore[arg-type]
            for task_id in task_ids
        ]
        for recorder in recorders:
            recorder._log_path = None
            stack.enter_context(Committer(recorder, _BATCH))
        sources = [cycle(texts) for _ in recorders]
        at_once = max(1, round(per_s * TICK_S))
        time.sleep(max(0.0, starts.wait() + late_s - time.time()))
        started, used = time.monotonic(), time.process_time()
        timed.counted_from_us = time.time_ns() // 1000 + int(_FIRST_S * 1e6)
        ticks = round(seconds / TICK_S)
        for tick in range(ticks):
            for number, (recorder, source) in enumerate(zip(recorders, sources, strict=True)):
                due = started + (tick + number / len(recorders)) * TICK_S
                if (wait_s := due - time.monotonic()) > 0.002:
                    time.sleep(wait_s)
                printed = Lines(list(islice(source, at_once)), [Stream.STDERR] * at_once)
                recorder.record(ReadLines(printed, time.time_ns() // 1000).columns())
        for recorder in recorders:
            recorder.flush()
        took_s = time.monotonic() - started
    return {
        "lines": ticks * at_once * len(recorders),
        "took_s": took_s,
        "commits": timed.commits,
        "waited_us": sorted(timed.waited_us)[:: max(1, len(timed.waited_us) // 1_000)],
        "cpu_s": time.process_time() - used,
    }


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    first, tasks, processes, per_s = map(int, numbers[:4])
    main(url, first, tasks, processes, per_s, float(numbers[4]))
