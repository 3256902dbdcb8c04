"""The performance of the store, against plain sqlite3 and against limits.

Appending is compared with `executemany` of the same rows into the same table. The difference is the cost of the
points, the counts and the conversion of events.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from agent.domain import NewModel, NewProject, NewTask, TaskType
from agent.events.model import Event, Level, Metrics, Stream
from agent.events.parse import parse_line
from agent.store import EventRow, NumberedEvents, Store, open_store
from agent.store.gathering import gather
from agent.store.line_blocks import KeptLine
from benchmarks import Ratio

ROWS, BATCH = 100_000, 4000
WANTED_ROWS_PER_S = 150_000
SERIES, POINTS = 20, 250_000  # per task
CHART_LIMIT_S = 0.3
TASKS, LISTED, LIST_LIMIT_S = 10_000, 1000, 0.05
WAKE_LIMIT_S = 0.01

LINE = (
    '{{"message": "metrics", "event_type": "EventType.METRICS", "type": "train", "epoch": {epoch}, '
    '"metrics": {{"loss": {loss}}}, "timestamp": "2026-11-22T09:28:39.527Z", "level": "info"}}'
)


def measure(rounds: int) -> Iterable[Ratio]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        events = [
            EventRow(n, parse_line(LINE.format(epoch=n / 1000, loss=1 / n), Stream.STDERR, n))
            for n in range(1, ROWS + 1)
        ]
        batches = [events[at : at + BATCH] for at in range(0, ROWS, BATCH)]
        pairs = [append(folder / str(number), batches) for number in range(rounds + 1)][1:]  # the first warms up
        best = ROWS / min(ours for ours, _ in pairs)
        yield Ratio(
            "store append",
            "events.append",
            "sqlite3 executemany",
            tuple(peer / ours for ours, peer in pairs),
            0.5,
            f"best {best:,.0f} rows/s",
        )
        yield Ratio(
            "store append rate",
            "events.append",
            f"{WANTED_ROWS_PER_S:,} rows/s",
            tuple(ROWS / ours / WANTED_ROWS_PER_S for ours, _ in pairs),
            1.0,
        )
        with open_store(f"sqlite:///{folder / 'charts.db'}") as store:
            yield charts(store, rounds)
            yield task_list(store, rounds)
            yield wake_up(store, rounds)
    finally:
        shutil.rmtree(folder)


ROW = ("task_id", *KeptLine._fields)  # of a table with a row for each line


def append(folder: Path, batches: Sequence[Sequence[EventRow]]) -> tuple[float, float]:
    """Seconds of this project and of the peer, each with a new database made by the same migration."""
    folder.mkdir()
    with open_store(f"sqlite:///{folder / 'ours.db'}") as store:
        task_id = new_task(store)
        start = time.perf_counter()
        for batch in batches:
            store.events.append(task_id, batch, lines_read=batch[-1].seq)
        ours = time.perf_counter() - start

    rows = [[(task_id, *line) for line in gather(NumberedEvents.of(batch)).lines] for batch in batches]
    peer = sqlite3.connect(folder / "peer.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "wal_autocheckpoint=2000"):
        peer.execute(f"PRAGMA {pragma}")
    peer.execute(f"CREATE TABLE lines ({', '.join(ROW)}, PRIMARY KEY (task_id, seq)) WITHOUT ROWID")
    insert = f"INSERT INTO lines VALUES ({', '.join('?' * len(ROW))})"
    start = time.perf_counter()
    for tuples in rows:
        peer.execute("BEGIN IMMEDIATE")
        peer.executemany(insert, tuples)
        peer.execute("COMMIT")
    took = time.perf_counter() - start
    peer.close()
    return ours, took


def charts(store: Store, rounds: int) -> Ratio:
    """Every point of twenty long series, as arrays."""
    task_id = new_task(store)
    values = {f"metric{n}": 0.5 for n in range(SERIES)}
    for at in range(0, POINTS, 2000):
        batch = [
            EventRow(seq, Event("x", Stream.STDERR, seq, Level.INFO, "x", "METRICS", Metrics("val", seq / 9, values)))
            for seq in range(at + 1, at + 2001)
        ]
        store.events.append(task_id, batch, lines_read=at + 2000)
    took = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        read = sum(len(store.metrics.points_arrays(series.id).value) for series in store.metrics.series(task_id))
        took.append(time.perf_counter() - start)
        assert read == SERIES * POINTS
    ratios = tuple(CHART_LIMIT_S / seconds for seconds in took[1:])
    remark = f"{SERIES * POINTS:,} points in {min(took) * 1000:.0f} ms at best"
    return Ratio("store charts", "metrics.points_arrays", f"{CHART_LIMIT_S * 1000:.0f} ms", ratios, 1.0, remark)


def fill_task_list(store: Store, tasks: int) -> None:
    """Write ended tasks, each with a progress bar and a metric, as after a training."""
    template = new_task(store)
    with store._db.writing() as connection:  # a single transaction, because ten thousand would only measure the disk
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO tasks "
            "(type, status, name, plugin_id, project_id, model_id, created_us, started_us, finished_us, reason, "
            "metric_kind, metric_name, metric_epoch, metric_value, progress_subtask, progress_current, "
            "progress_total, options, config) "
            "SELECT type, 'finished', name || ' ' || i, plugin_id, project_id, model_id, created_us, created_us, "
            "created_us, 'finished', 'train', 'loss', 9, 0.5, 'train', 3, 10, options, config "
            "FROM n, (SELECT * FROM tasks WHERE id = ?)",
            (tasks, template),
        )
        connection.exec_driver_sql(
            "INSERT INTO series (task_id, kind, name, count, last_seq, last_epoch, last_value) "
            "SELECT id, 'train', 'loss', 10, 20, 9, 0.5 FROM tasks WHERE id > ?",
            (template,),
        )
        connection.exec_driver_sql(
            "INSERT INTO progress (task_id, subtask, first_seq, seq, current, total, updated_us) "
            "SELECT id, 'train', 1, 20, 3, 10, created_us FROM tasks WHERE id > ?",
            (template,),
        )


def task_list(store: Store, rounds: int) -> Ratio:
    """List the largest page of a request, of ten times as many tasks."""
    fill_task_list(store, TASKS)
    took = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        read = len(store.tasks.list(limit=LISTED))
        took.append(time.perf_counter() - start)
        assert read == LISTED
    ratios = tuple(LIST_LIMIT_S / seconds for seconds in took[1:])
    remark = f"{LISTED:,} of {TASKS:,} tasks in {min(took) * 1000:.0f} ms at best"
    return Ratio("store task list", "tasks.list", f"{LIST_LIMIT_S * 1000:.0f} ms", ratios, 1.0, remark)


def wake_up(store: Store, rounds: int) -> Ratio:
    """The time from the end of a commit on another connection until the waiting reader wakes."""
    assert store._db.path is not None
    took = []
    with open_store(f"sqlite:///{store._db.path}") as other:
        for _ in range(rounds + 1):
            since, committed = store.version(), [0.0]

            def commit(at: list[float] = committed) -> None:
                other.agents.beat("a", "a", {})
                at[0] = time.perf_counter()

            timer = threading.Timer(0.05, commit)
            timer.start()
            assert store.wait_for_change(30, since=since)
            woken = time.perf_counter()
            timer.join()
            took.append(max(woken - committed[0], 1e-6))
    ratios = tuple(WAKE_LIMIT_S / seconds for seconds in took[1:])
    remark = f"{max(took[1:]) * 1000:.1f} ms at worst"
    return Ratio("store wake-up", "wait_for_change", f"{WAKE_LIMIT_S * 1000:.0f} ms", ratios, 1.0, remark)


def new_task(store: Store) -> int:
    plugin = store.plugins.put(
        title="Net", description="", type="architecture", image="local/net", tag="1", modes=["train"], readme="",
        configs=[], image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("start", "1" * 64, 10, {}))
    return store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {"lr": 0.1})).id
