"""PostgreSQL as the store of many machines, against limits and against plain COPY of the same rows.

A hundred tasks print 300 lines a second each, for some seconds, into a throw-away server whose commits wait for the
disk. The load shares the machine with the server (`_postgres_load.py` says how). The task that prints nothing has a
server of its own, and settles meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

import psycopg

from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, open_store
from agent.store.append import gather
from benchmarks import Ratio
from benchmarks._silent_task import silent_task
from benchmarks.log_loop import lines
from benchmarks.store import new_task
from tests.support.postgres import programs_missing, started_postgres

TASKS, LINES_PER_S, LOAD_S = 100, 300, 8.0
PROCESSES = 2
LATENCY_LIMIT_S = 1.0  # from print to committed, at the 99th percentile
COPIED_ROWS, COPIED_AT_ONCE = 60_000, 1000
_COPIED = {"seq": "int8", "time_us": "int8", "stream": "int2", "level": "int2", "event_type": "text", "raw": "text"}
SILENT_S = 20.0
TRANSACTIONS_LIMIT, CONNECTIONS_LIMIT, MEMORY_LIMIT_MIB, STOP_LIMIT_S = 0.5, 1.0, 66.0, 0.5


def measure(rounds: int) -> Iterable[Ratio]:  # noqa: ARG001  a round would take a minute
    if missing := programs_missing():
        sys.stderr.write(f"postgres: left out, {missing}\n")
        return []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-pg-")))
        silent = stack.enter_context(silent_task(stack.enter_context(started_postgres(syncs=True)).url, folder))
        busy = stack.enter_context(started_postgres(syncs=True, connections=150)).url
        before = copy(busy)
        rate, waited_s, commits = load(busy)
        after = copy(busy)
        cost = silent.cost(SILENT_S)
    wanted, limit = TASKS * LINES_PER_S, (before + after) / 2
    p50, p99 = waited_s[len(waited_s) // 2], waited_s[len(waited_s) * 99 // 100]
    said = f"{rate:,.0f} lines/s in {commits:,.0f} commits/s; COPY {limit:,.0f} rows/s"
    waited = f"median {p50 * 1000:.0f} ms, 99th percentile {p99 * 1000:.0f} ms"
    return [
        Ratio("postgres lines", f"{TASKS} tasks", f"{wanted:,} lines/s", (rate / wanted,), 0.9, said),
        # No more is printed than 30,000 lines a second, so a faster disk makes this ratio smaller.
        Ratio("postgres lines", f"{TASKS} tasks", "plain COPY", (rate / limit,), 0.1, "lines, points, bars, counts"),
        Ratio("postgres latency", "print → committed", f"{LATENCY_LIMIT_S:g} s", (LATENCY_LIMIT_S / p99,), 1.0, waited),
        _at_most("transactions", cost.transactions_per_s, TRANSACTIONS_LIMIT, "/s"),
        _at_most("connections", cost.connections, CONNECTIONS_LIMIT, ""),
        _at_most("memory", cost.memory_mib, MEMORY_LIMIT_MIB, " MiB"),
        _at_most("stop noticed", cost.stop_s, STOP_LIMIT_S, " s"),
    ]


def _at_most(what: str, value: float, limit: float, unit: str) -> Ratio:
    return Ratio(
        f"silent task {what}", "agent run --task", f"{limit:g}{unit}", (limit / value,), 1.0, f"{value:.2f}{unit}"
    )


def load(url: str) -> tuple[float, list[float], float]:
    """Lines per second from the first print to the last commit, the wait of each in ascending order, commits/s."""
    with open_store(url) as store:
        first = min([new_task(store) for _ in range(TASKS)])
    each, starts_at = TASKS // PROCESSES, time.time() + 3.0
    command = [sys.executable, "-m", "benchmarks._postgres_load", url]
    running = [
        subprocess.Popen(
            [*command, *map(str, (first + n * each, each, LINES_PER_S, LOAD_S, starts_at))],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    told = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    printed, took_s = sum(one["lines"] for one in told), max(one["took_s"] for one in told)
    with open_store(url) as store:
        kept = sum(store.tasks.get(first + n).events_count for n in range(TASKS))
    assert kept == printed, f"{kept} of {printed} lines were kept"
    waited_s = sorted(us / 1e6 for one in told for us in one["waited_us"])
    return printed / took_s, waited_s, sum(one["commits"] for one in told) / took_s


def copy(url: str) -> float:
    """Rows per second of COPY into a table with a row for each line, in one connection, without points and counts."""
    texts = list(lines(20_000))
    events = [
        EventRow(seq, parse_line(text, Stream.STDERR, seq))
        for seq, text in enumerate(islice(cycle(texts), COPIED_ROWS), 1)
    ]
    rows = [(1, *line[: len(_COPIED)]) for line in gather(events).lines]
    columns = ", ".join(f"{name} {kind}" for name, kind in _COPIED.items())
    statement = f"COPY copied_lines (task_id, {', '.join(_COPIED)}) FROM STDIN (FORMAT BINARY)"
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE copied_lines (task_id int8, {columns}, PRIMARY KEY (task_id, seq))")
        connection.commit()
        started = time.perf_counter()
        for at in range(0, len(rows), COPIED_AT_ONCE):
            with connection.cursor().copy(statement) as copying:
                copying.set_types(["int8", *_COPIED.values()])
                for row in rows[at : at + COPIED_AT_ONCE]:
                    copying.write_row(row)
            connection.commit()
        return len(rows) / (time.perf_counter() - started)
