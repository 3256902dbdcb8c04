"""A long log of an ended task: its bytes in the store, a page of it anywhere, and a word looked for in all of it.

The peer of the search is `zstdgrep` on one core over the same lines in one file of Zstandard, as it is by default. The
word is in no line, so all are read. Metrics have the numbers that a network gives, which have four bytes of their own.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, Store, open_store
from agent.store.schema import line_blocks, point_blocks
from benchmarks import Ratio
from benchmarks.log_loop import lines, new_task

LINES, BATCH = 2_000_000, 4000
LINE_BYTES, POINT_BYTES, PAGE_S = 40, 6, 0.03
WORD = "zebra"
_US = 1_700_000_000_000_000


def measure(rounds: int) -> Iterable[Ratio]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with open_store(f"sqlite:///{folder / 'store.db'}") as store:
            task_id = new_task(store)
            raw_bytes = fill(store, task_id, folder / "log.zst")
            store.tasks.request_stop(task_id)
            while store.metrics.pack_ended(portions=100):
                pass
            yield from sizes(store, raw_bytes)
            yield search(store, task_id, folder / "log.zst", rounds)
            yield pages(store, task_id, rounds)
    finally:
        shutil.rmtree(folder)


def fill(store: Store, task_id: int, file: Path) -> int:
    """Append the lines, and write them as text beside it; the bytes of the text."""
    size, seq = 0, 0
    with file.open("wb") as out, subprocess.Popen(["zstd", "-q", "-c"], stdin=subprocess.PIPE, stdout=out) as zstd:
        assert zstd.stdin is not None
        for batch in _batches(lines(LINES, of_a_network=True)):
            rows = [
                EventRow(n, parse_line(line, Stream.STDERR, _US + n * 997)) for n, line in enumerate(batch, seq + 1)
            ]
            seq = rows[-1].seq
            store.events.append(task_id, rows, lines_read=seq)
            text = "".join(f"{line}\n" for line in batch).encode()
            zstd.stdin.write(text)
            size += len(text)
        zstd.stdin.close()
    return size


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(texts, BATCH)):
        yield batch


def sizes(store: Store, raw_bytes: int) -> Iterator[Ratio]:
    columns = (point_blocks.c.epochs, point_blocks.c.point_values, point_blocks.c.seqs, point_blocks.c.times_us)
    with store._db.reading() as connection:
        packed = connection.execute(sa.select(sa.func.sum(sa.func.length(line_blocks.c.data)))).scalar_one()
        points = connection.execute(sa.select(sa.func.sum(point_blocks.c.count))).scalar_one()
        of_points = sum(connection.execute(sa.select(sa.func.sum(sa.func.length(one)))).scalar_one() for one in columns)
    line, point = packed / LINES, of_points / points
    remark = f"{line:.1f} B, of {raw_bytes / LINES:.0f}"
    yield Ratio("log bytes per line", "line_blocks", f"{LINE_BYTES} B", (LINE_BYTES / line,), 1.0, remark)
    yield Ratio(
        "log bytes per point", "point_blocks", f"{POINT_BYTES} B", (POINT_BYTES / point,), 1.0, f"{point:.1f} B"
    )


def search(store: Store, task_id: int, file: Path, rounds: int) -> Ratio:
    ours, peer = [], []
    core = str(min(os.sched_getaffinity(0)))
    for _ in range(rounds + 1):
        start = time.perf_counter()
        found, _ = store.events.page(task_id, text=WORD)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        grep = subprocess.run(
            ["taskset", "-c", core, "zstdgrep", "-c", WORD, str(file)], capture_output=True, check=False
        )
        peer.append(time.perf_counter() - start)
        assert (found, grep.stdout.strip()) == ([], b"0")
    values = tuple(theirs / mine for theirs, mine in zip(peer[1:], ours[1:], strict=True))  # the first fills the cache
    return Ratio("log search", "events.page", "zstdgrep", values, 1.0, f"{LINES:,} lines in {min(ours):.2f} s at best")


def pages(store: Store, task_id: int, rounds: int) -> Ratio:
    chance, took = random.Random(1), []
    for _ in range(10 * rounds):
        start = time.perf_counter()
        found, _ = store.events.page(task_id, chance.randrange(LINES - 200), limit=200)
        took.append(time.perf_counter() - start)
        assert len(found) == 200
    values = tuple(PAGE_S / seconds for seconds in took)
    return Ratio(
        "log page", "events.page", f"{PAGE_S * 1000:.0f} ms", values, 1.0, f"{max(took) * 1000:.0f} ms at most"
    )
