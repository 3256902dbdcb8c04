"""PostgreSQL as the store of many machines, against limits and against plain COPY of the same lines.

A hundred tasks print 300 lines a second each, for some seconds, into a throw-away server whose commits wait for the
disk. The load shares the machine with the server (`_load.py` says how). Then one task prints as fast as its lines are
taken. The task that prints nothing has a server of its own, and settles meanwhile.

The peer is what somebody would write who keeps a row for each line: COPY of these rows, in binary, a thousand in each
transaction. This store keeps blocks of lines, and beside them points, bars and counts; it reads each line, too.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import mean

import psycopg

from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, NumberedEvents, open_store
from agent.store.gathering import gather
from benchmarks import Ratio
from benchmarks._load import load
from benchmarks._silent_task import silent_task
from benchmarks.log_loop import collect_lines, lines
from benchmarks.sqlite import LINES_PER_S, LOAD_S, TASKS, ratios
from benchmarks.store import new_task
from tests.support.postgres import programs_missing, started_postgres

PROCESSES = 2
LINES_OF_ONE = 200_000
COPIED_ROWS, COPIED_AT_ONCE = 60_000, 1000
_COPIED = {"seq": "int8", "time_us": "int8", "stream": "int2", "level": "int2", "event_type": "text", "raw": "text"}
SILENT_S = 20.0
TRANSACTIONS_LIMIT, CONNECTIONS_LIMIT, MEMORY_LIMIT_MIB, STOP_LIMIT_S = 0.5, 1.0, 66.0, 0.5


def measure(rounds: int) -> Iterable[Ratio]:
    if missing := programs_missing():
        sys.stderr.write(f"postgres: left out, {missing}\n")
        return []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-pg-")))
        silent = stack.enter_context(silent_task(stack.enter_context(started_postgres(syncs=True)).url, folder))
        busy = stack.enter_context(started_postgres(syncs=True, connections=150)).url
        many = load(busy, tasks=TASKS, per_s=LINES_PER_S, seconds=LOAD_S, processes=PROCESSES)
        copied, taken = [copy(busy)], []
        for _ in range(rounds):
            taken.append(one_task(busy, folder))
            copied.append(copy(busy))
        cost = silent.cost(SILENT_S)
    around = [mean(pair) for pair in pairwise(copied)]
    said = f"best {max(taken):,.0f} lines/s; COPY {max(copied):,.0f} rows/s"
    pairs = tuple(our / their for our, their in zip(taken, around, strict=True))
    return [
        *ratios("postgres", f"{TASKS} tasks", many),
        Ratio("postgres lines", "one task", "plain COPY", pairs, 0.8, said),
        _at_most("transactions", cost.transactions_per_s, TRANSACTIONS_LIMIT, "/s"),
        _at_most("connections", cost.connections, CONNECTIONS_LIMIT, ""),
        _at_most("memory", cost.memory_mib, MEMORY_LIMIT_MIB, " MiB"),
        _at_most("stop noticed", cost.stop_s, STOP_LIMIT_S, " s"),
    ]


def _at_most(what: str, value: float, limit: float, unit: str) -> Ratio:
    return Ratio(
        f"silent task {what}", "agent run --task", f"{limit:g}{unit}", (limit / value,), 1.0, f"{value:.2f}{unit}"
    )


def one_task(url: str, folder: Path) -> float:
    """Lines per second of one task, from the bytes of its output to the last commit."""
    with open_store(url) as store:
        task_id = new_task(store)
        started = time.perf_counter()
        collect_lines(store, task_id, folder, LINES_OF_ONE)
        took = time.perf_counter() - started
        assert store.tasks.get(task_id).events_count == LINES_OF_ONE
    return LINES_OF_ONE / took


def copy(url: str) -> float:
    """Rows per second of COPY into a table with a row for each line, in one connection, without points and counts."""
    texts = list(lines(20_000))
    events = [
        EventRow(seq, parse_line(text, Stream.STDERR, seq))
        for seq, text in enumerate(islice(cycle(texts), COPIED_ROWS), 1)
    ]
    rows = [(1, *line[: len(_COPIED)]) for line in gather(NumberedEvents.of(events)).lines]
    columns = ", ".join(f"{name} {kind}" for name, kind in _COPIED.items())
    statement = f"COPY copied_lines (task_id, {', '.join(_COPIED)}) FROM STDIN (FORMAT BINARY)"
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS copied_lines")
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
