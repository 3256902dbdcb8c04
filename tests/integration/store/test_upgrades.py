"""Databases of every released schema, with rows as that release wrote them, are brought up to date and read."""

from __future__ import annotations

import math
import multiprocessing
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from array import array
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from agent.domain import NewModel, TaskStatus, TaskType
from agent.errors import StorageFailed
from agent.events.model import Level
from agent.store import SCHEMA_REVISION, known_revisions, open_store
from agent.store.columns import to_us
from agent.store.schema import line_blocks
from agent.store.urls import parse_url
from tests.support.old_stores import LATER, SHA, US, database_of, scripts, server_of

OPEN = "import sys; from agent.store import open_store; open_store(sys.argv[1]).close()"
REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(scripts()).walk_revisions())


def test_every_revision_has_a_database_here() -> None:
    assert [*LATER] == REVISIONS[1:]
    assert set(REVISIONS) == known_revisions()


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_store_of_an_older_release_is_brought_up_to_date_and_keeps_every_row(revision: str, tmp_path: Path) -> None:
    with open_store(database_of(revision, tmp_path / "store.db")) as store:
        assert store.revision == SCHEMA_REVISION
        assert store.damage() == ()
        *deployed, queued, finished = store.tasks.list()
        assert (finished.status, finished.reason, finished.config) == (TaskStatus.FINISHED, "finished", {"lr": 0.1})
        assert (finished.options.engine, finished.options.hardened) == ("docker", False)
        assert (queued.project_id, finished.project_id) == (1, 1)
        assert [(one.type, one.project_id) for one in deployed] == [(TaskType.DEPLOY, None)] * (revision >= "0018")
        assert [event.raw for event in store.events.after(1)] == ["hello"]
        assert [(one.name, one.last_value) for one in store.metrics.series(1)] == [("loss", 0.25)]
        assert [(bar.subtask, bar.current) for bar in store.progress.list(1)] == [("Epoch", 3)]
        assert [(c.model_id, c.is_best) for c in store.checkpoints.list(1)] == [(2, True)]
        assert store.plugins.get(1).reference == "local/nn-unet:1.0"
        (dataset,) = store.datasets.list(1)
        assert [image.name for image in store.images.of_dataset(dataset.id)] == ["a.png"]
        assert [agent.name for agent in store.agents.list()] == ["a"]
        model = store.models.get(2)
        assert (model.provenance.task_id, model.pinned, model.deleted_at) == (1, revision >= "0005", None)
        if revision >= "0002":
            assert (dataset.description, model.upload_hash) == ("of 0002", "word")
        if revision >= "0008":
            assert [sample.memory_bytes for sample in store.usage.list(1)] == [77]
        if revision >= "0007":
            assert (finished.tags, finished.notes, store.projects.get(1).tags) == (("old",), "# good", ("fruit",))
        else:
            assert (finished.tags, finished.notes, store.projects.get(1).tags) == ((), "", ())
        assert (finished.archived_at, finished.deleted_at) == (None, None)
        if revision >= "0013":
            assert [(image.name, image.step) for image in store.task_images.list(1)] == [("val", 0.5)]
        kept = [(blob.sha256, blob.size_bytes) for blob in store.plugins.image_blobs(1)]
        assert kept == ([(SHA, 3)] if revision >= "0014" else [])
        assert store.plugins.get(1).is_shared == (revision >= "0014")
        if revision >= "0009":
            assert [(study.name, study.task.plugin_id) for study in store.studies.list()] == [("rates", 1)]
            assert store.studies.tasks(1).keys() == {0}
        if revision >= "0012":
            assert [(one.job, one.is_over) for one in store.placements.of_task(1)] == [("77", True)]
        if revision >= "0004":
            names = ["ci", "old-agent"] if revision >= "0017" else ["ci"]
            assert [(token.name, token.is_agent) for token in store.tokens.list()] == [
                (name, name == "old-agent") for name in names
            ]
        if revision >= "0003":
            assert store.tasks.claim("anna:1:x") is None  # it is bert's
            queued = store.tasks.claim("bert:1:x") or queued
        else:
            queued = store.tasks.claim("anna:1:x") or queued
        assert queued.status is TaskStatus.CONSUMED
        assert store.models.add(NewModel("new", SHA, 3, None)).id == 3
        for id_ in (2, 3):
            plugin = store.plugins.put(
                title="", description="", type="", image=f"local/{id_}", tag="1", modes=[], readme="", configs=[],
                image_digest=None, folder=None, content_sha256=None,
            )  # fmt: skip
            assert plugin.id == id_  # not that of the plugin that is gone
            store.plugins.give_up(plugin.id)
            assert store.plugins.purge(plugin.id)


def test_tasks_may_be_without_a_project_also_for_a_connection_that_saw_the_old_schema(tmp_path: Path) -> None:
    """The schema is edited in place: the rows, their indexes and what refers to them stay as they are."""
    url = database_of("0017", tmp_path / "store.db")
    without = f"""
        INSERT INTO tasks (type, status, name, plugin_id, project_id, model_id, created_us, options, config)
        VALUES ('deploy', 'stopped', 'net', 1, ?, 2, {US}, '{{}}', '{{}}')
    """
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as old:
        old.execute("PRAGMA foreign_keys = ON")
        before = old.execute("SELECT * FROM tasks").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
            old.execute(without, (None,))

        open_store(url).close()

        for connection in (old, sqlite3.connect(tmp_path / "store.db", isolation_level=None)):
            connection.execute("PRAGMA foreign_keys = ON")
            assert connection.execute("SELECT * FROM tasks").fetchall() == before
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            (made,) = connection.execute(f"{without} RETURNING id", (None,)).fetchone()
            with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
                connection.execute(without, (99,))
            connection.execute("DELETE FROM tasks WHERE id = ?", (made,))
        connection.close()


def test_a_table_of_tasks_that_another_program_has_changed_stays_as_it_is(tmp_path: Path) -> None:
    url = database_of("0017", tmp_path / "store.db")
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE tasks RENAME COLUMN project_id TO project")
        before = other.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        with pytest.raises(StorageFailed, match="another program has changed its table"):
            open_store(url)
        assert other.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_log_of_an_older_release_is_packed_line_by_line(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Notes, gaps in the numbers, long lines, text of all kinds, and more lines than a block holds."""
    if kind == "sqlite":
        url = database_of("0014", tmp_path / "store.db")
    else:
        url = server_of("0014", request.getfixturevalue("postgres_server"))
    said = '{"message": "metrics", "event_type": "EventType.METRICS", "type": "train", "epoch": 1, "metrics": {"x": 1}}'
    rows: list[tuple[Any, ...]] = [
        (1, seq, US + seq * 7, 1 + seq % 2, 20, "METRICS", said, None, None) for seq in range(2, 5000)
    ]
    rows += [
        (1, 5001, US, 0, 40, "TASK_WAITS", '{"message": "no \u00e9"}', "no é", '{"why": ["é", null, 1e3]}'),
        (1, 5002, US - 9, 1, 30, None, "漢" * 400_000, None, None),
        (2, 7, US, 2, 20, "ODD\nTYPE" + "n" * 490, "", None, None),
    ]
    columns = ("task_id", "seq", "time_us", "stream", "level", "event_type", "raw", "message", "fields")
    engine = sa.create_engine(parse_url(url))
    with engine.begin() as old:
        table = sa.table("events", *map(sa.column, columns))
        old.execute(sa.insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
    engine.dispose()
    with open_store(url) as store:
        events = list(store.events.each(1))
        assert [event.seq for event in events] == [*range(1, 5000), 5001, 5002]
        assert [(e.seq, e.stream, e.level, e.event_type, e.raw) for e in events[1:]] == [
            (seq, stream, level, kind, raw) for _, seq, _, stream, level, kind, raw, _, _ in rows[:-1]
        ]
        assert [to_us(event.time) for event in events[1:]] == [row[2] for row in rows[:-1]]
        assert (events[-2].message, events[-2].fields) == ("no é", {"why": ["é", None, 1e3]})
        (odd,) = store.events.after(2)
        assert (odd.seq, odd.raw, odd.event_type) == (7, "", rows[-1][5])
        assert [event.seq for event in store.events.after(2, event_type=rows[-1][5])] == [7]
        assert [event.seq for event in store.events.after(1, min_level=Level.WARN)] == [1, 5001, 5002]
        with store._db.reading() as connection:
            size = connection.execute(sa.select(sa.func.sum(sa.func.length(line_blocks.c.data)))).scalar_one()
        assert size < 20 * len(rows)


def open_and_close(url: str) -> None:
    open_store(url).close()


def test_processes_that_come_at_once_upgrade_an_old_store_once(tmp_path: Path) -> None:
    url = database_of(REVISIONS[0], tmp_path / "store.db")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=open_and_close, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with open_store(url) as store:
        assert len(store.tasks.list()) == 2


def test_an_upgrade_that_is_killed_leaves_the_old_store_and_the_next_one_is_complete(tmp_path: Path) -> None:
    """Twice, while another process reads."""
    count = 60_000
    file = tmp_path / "store.db"
    url = database_of("0014", file)
    rows = ((2, seq, US + seq, 1, 20, None, f"line {seq} {secrets.token_hex(40)}") for seq in range(1, count + 1))
    with closing(sqlite3.connect(file)) as old:
        old.execute("PRAGMA journal_mode=WAL")
        insert = (
            "INSERT INTO events (task_id, seq, time_us, stream, level, event_type, raw) VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        old.executemany(insert, rows)
        old.commit()
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        wal = tmp_path / "store.db-wal"
        for _ in range(2):
            before = wal.stat().st_size if wal.exists() else 0
            upgrading = subprocess.Popen([sys.executable, "-c", OPEN, url])
            while upgrading.poll() is None and (not wal.exists() or wal.stat().st_size < before + (1 << 20)):
                time.sleep(0.001)
            upgrading.kill()
            assert upgrading.wait() == -signal.SIGKILL, "it was killed in the middle"
            assert old.execute("SELECT count(*), max(seq) FROM events WHERE task_id = 2").fetchone() == (count, count)
        reading = old.execute("SELECT seq FROM events WHERE task_id = 2 ORDER BY seq")
        assert reading.fetchone() == (1,)
        with open_store(url) as store:
            assert sum(1 for _ in reading) == count - 1, "who reads is not disturbed"
            events = store.events.each(2)
            assert all(event.seq == seq and event.raw.startswith(f"line {seq} ") for seq, event in enumerate(events, 1))
            assert store.events.last_seq(2) == count
            assert store.damage() == ()


def test_old_tasks_get_the_rows_of_the_table_of_runs(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    url = database_of("0005", file)
    config = '{"lr": 1e-3, "big": ' + "9" * 400 + ', "sizes": [1, "x"], "é.\\"k": {"": null}}'
    with sqlite3.connect(file) as old:
        old.execute("UPDATE tasks SET config = ? WHERE id = 1", [config])
        for first, values in ((1, [0.5, math.nan, 0.25]), (4, [0.75, 0.25])):
            epochs = range(first, first + len(values))
            columns = (array("d", epochs), array("d", values), array("q", epochs), array("q", epochs))
            block = (1, first, first + len(values) - 1, len(values), *(column.tobytes() for column in columns))
            old.execute(
                "INSERT INTO point_blocks (series_id, first_seq, last_seq, count, epochs, point_values, seqs, times_us)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                block,
            )
    old.close()
    with open_store(url) as store:
        (series,) = store.metrics.series(1)
        assert (series.min_value, series.min_epoch, series.max_value, series.max_epoch) == (0.25, 3, 0.75, 4)
    with sqlite3.connect(file) as new:
        kept = {
            path: (kind, number, text)
            for path, kind, number, text in new.execute(
                "SELECT path, kind, number, text FROM config_values WHERE task_id = 1"
            )
        }
    new.close()
    assert kept == {
        ".lr": (0, 0.001, None),
        ".big": (0, sys.float_info.max, None),
        ".sizes": (3, None, '[1,"x"]'),
        ".sizes[0]": (0, 1.0, None),
        ".sizes[1]": (1, None, "x"),
        '["é.\\"k"]': (4, None, '{"":null}'),
        '["é.\\"k"][""]': (9, None, None),
    }
