"""A hundred tasks that print 300 lines a second each into one SQLite file, against limits.

The hard case is an agent process for each task: SQLite has one writer, and processes take turns by asking again and
again. The ordinary case is `agent run --parallel`, one process whose threads queue. Every line is read back and
compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import Ratio
from benchmarks._load import Load, load

TASKS, LINES_PER_S, LOAD_S = 100, 300, 8.0
LATENCY_LIMIT_S = 1.0  # from print to committed, at the 99th percentile


def measure(rounds: int) -> Iterable[Ratio]:  # noqa: ARG001  a round would take a minute
    for processes, ours in ((TASKS, f"{TASKS} agents"), (1, f"an agent, {TASKS} tasks")):
        with tempfile.TemporaryDirectory(prefix="bench-sqlite-") as folder:
            url = f"sqlite:///{Path(folder) / 'store.db'}"
            found = load(url, tasks=TASKS, per_s=LINES_PER_S, seconds=LOAD_S, processes=processes)
        yield from ratios("sqlite", ours, found)


def ratios(name: str, ours: str, found: Load) -> Iterable[Ratio]:
    """Of the lines that were to be printed, and of the time that each waited."""
    wanted = TASKS * LINES_PER_S
    said = f"{found.lines_per_s:,.0f} lines/s in {found.commits_per_s:,.0f} commits/s, {found.cpu_s:.1f} s of processor"
    yield Ratio(f"{name} lines", ours, f"{wanted:,} lines/s", (found.lines_per_s / wanted,), 0.9, said)
    p50, p99 = found.waited_at(50), found.waited_at(99)
    waited = f"print → committed, median {p50 * 1000:.0f} ms, 99th percentile {p99 * 1000:.0f} ms"
    yield Ratio(f"{name} latency", ours, f"{LATENCY_LIMIT_S:g} s", (LATENCY_LIMIT_S / p99,), 1.0, waited)
