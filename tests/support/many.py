"""A store with thousands of tasks, models, projects and points, made in a moment: written past the store's methods."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from contextlib import closing

from agent.store import Store

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "


def copy_rows(store: Store, table: str, id_: int, count: int, **changes: str) -> None:
    """Copy a row `count` times. `changes` are expressions of SQL for columns; in them `i` counts the copies from 1."""
    with closing(sqlite3.connect(store.name)) as connection, connection:
        found = connection.execute(f"PRAGMA table_info({table})").fetchall()
        columns = [column[1] for column in found if column[1] != "id" or "id" in changes]
        values = [changes.get(name, name) for name in columns]
        insert = f"INSERT INTO {table} ({', '.join(columns)}) "
        select = f"{_NUMBERS} SELECT {', '.join(values)} FROM {table}, n WHERE {table}.id = :id ORDER BY i"
        connection.execute(insert + select, {"count": count, "id": id_})


def put_series(store: Store, task_id: int, name: str, values: Sequence[float]) -> None:
    """A train series of the task: a point for each step, a thousand steps an epoch."""
    count = len(values)
    steps = range(1, count + 1)
    epochs = array("d", (step / 1000 for step in steps))
    columns = (epochs, array("d", values), array("q", steps), array("q", (10**15 + 1000 * step for step in steps)))
    with closing(sqlite3.connect(store.name)) as connection, connection:
        row = (task_id, "train", name, count, count, epochs[-1], values[-1])
        made = connection.execute(
            "INSERT INTO series (task_id, kind, name, count, last_seq, last_epoch, last_value) VALUES (?,?,?,?,?,?,?)",
            row,
        )
        block = (made.lastrowid, 1, count, count, epochs[0], epochs[-1], *(column.tobytes() for column in columns))
        connection.execute(
            "INSERT INTO point_blocks (series_id, first_seq, last_seq, count, epoch_min, epoch_max,"
            " epochs, point_values, seqs, times_us) VALUES (?,?,?,?,?,?,?,?,?,?)",
            block,
        )


def copy_tasks(store: Store, task_id: int, count: int) -> None:
    """Copies named `run 1`, `run 2`, …: of each ten, seven have finished, two failed, one was stopped."""
    copy_rows(
        store,
        "tasks",
        task_id,
        count,
        name="'run ' || i",
        status="CASE WHEN i % 10 < 7 THEN 'finished' WHEN i % 10 < 9 THEN 'error' ELSE 'stopped' END",
        started_us="created_us + i * 1000",
        finished_us="created_us + i * 1000 + (i * 7919 % 1000) * 1000000",
    )
    with closing(sqlite3.connect(store.name)) as connection, connection:
        connection.execute(
            "INSERT INTO config_values (path, task_id, kind, number, text)"
            " SELECT v.path, t.id, v.kind, v.number, v.text FROM config_values v, tasks t"
            " WHERE v.task_id = ? AND t.id IN (SELECT id FROM tasks ORDER BY id DESC LIMIT ?)",
            (task_id, count),
        )


def copy_images(store: Store, image_id: int, count: int) -> None:
    """Copies of an image in its dataset, named `image 00001.png`, `image 00002.png`, …; its project counts them."""
    copy_rows(store, "images", image_id, count, name="printf('image %05d.png', i)")
    with closing(sqlite3.connect(store.name)) as connection, connection:
        of = (count, image_id)
        dataset = "(SELECT dataset_id FROM images WHERE id = ?)"
        connection.execute(f"UPDATE datasets SET images_count = images_count + ? WHERE id = {dataset}", of)
        project = f"(SELECT project_id FROM datasets WHERE id = {dataset})"
        connection.execute(f"UPDATE projects SET images_count = images_count + ? WHERE id = {project}", of)
