"""A process that prints for many tasks at once into one store: `python -m benchmarks._postgres_load URL …`.

A hundred agents do not fit on two cores, so one process has a recorder and a committer for each of many tasks, as an
agent has for one. A single thread prints for all of them: it reads the lines as the agent reads what a container
prints. The answer is JSON on standard output.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.recorder import Committer, Recorder
from agent.store import EventRow, Store, open_store
from benchmarks.log_loop import lines

TICK_S = 0.02
_FIRST_S = 1.0  # in which all tasks open their connections at once: the waits of its lines are left out
_BATCH = 4000  # as `agent/run/collect.py`


class _Timed:
    """The store as a recorder needs it; notes how long each line waited."""

    def __init__(self, store: Store) -> None:
        self._append = store.events.append
        self.events = self
        self.outage, self.name = store.outage, store.name
        self.counted_from_us = 0
        self.waited_us: list[int] = []
        self.commits = 0

    def append(self, task_id: int, rows: Sequence[EventRow], **position: Any) -> None:
        self._append(task_id, rows, **position)
        now_us = time.time_ns() // 1000
        if rows[0].event.time_us >= self.counted_from_us:
            self.waited_us += [now_us - row.event.time_us for row in rows]
        self.commits += 1


def main(url: str, first: int, tasks: int, per_s: int, seconds: float, start_at: float) -> None:
    with open_store(url) as store, ExitStack() as stack:
        timed = _Timed(store)
        recorders = [
            Recorder(timed, first + n, lines_read=0, last_seq=0, log_path=Path("/dev/null"))  # type: ignore[arg-type]
            for n in range(tasks)
        ]
        for recorder in recorders:
            recorder._log_path = None
            stack.enter_context(Committer(recorder, _BATCH))
        texts = cycle(list(lines(20_000)))
        at_once = max(1, round(per_s * TICK_S))
        time.sleep(max(0.0, start_at - time.time()))
        started = time.monotonic()
        timed.counted_from_us = time.time_ns() // 1000 + int(_FIRST_S * 1e6)
        ticks = round(seconds / TICK_S)
        for tick in range(ticks):
            for number, recorder in enumerate(recorders):
                # Tasks print evenly over the tick, not all at its beginning.
                due = started + (tick + number / tasks) * TICK_S
                if (wait_s := due - time.monotonic()) > 0.002:
                    time.sleep(wait_s)
                now_us = time.time_ns() // 1000
                recorder.record([parse_line(text, Stream.STDERR, now_us) for text in islice(texts, at_once)])
        printed_s = time.monotonic() - started
        for recorder in recorders:
            recorder.flush()
        took_s = time.monotonic() - started
    said = {
        "lines": ticks * at_once * tasks,
        "printed_s": printed_s,
        "took_s": took_s,
        "commits": timed.commits,
        "waited_us": sorted(timed.waited_us)[:: max(1, len(timed.waited_us) // 10_000)],
        "cpu_s": time.process_time(),
    }
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    main(url, *map(int, numbers[:3]), *map(float, numbers[3:]))
