"""Opening a database: migrations, and a sentence for each way it can fail."""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from agent.domain import NewTask
from agent.errors import DiskFull, StorageFailed, StoreBusy
from agent.events.model import Event, Level, Stream
from agent.store import EventRow, Store, open_store
from agent.store.schema import HEAD, metadata
from tests.support.old_stores import scripts
from tests.support.postgres import PostgresServer

OPEN = "import sys; from agent.store import open_store; open_store(sys.argv[1]).close()"


def revised(url: str) -> sa.Engine:
    """The new database of this URL, made by all revisions in turn."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    config = scripts()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return engine


def test_the_revisions_make_exactly_the_schema_of_the_code(store_url: str) -> None:
    with revised(store_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD


def described(connection: sa.Connection) -> dict[str, list[Any]]:
    """All that the database itself says of its tables, the order of columns too, of keys, conditions and indexes."""
    if connection.dialect.name == "postgresql":
        queries = {
            # By rank: a column that was dropped leaves a gap in the positions.
            "columns": "SELECT table_name, rank() OVER (PARTITION BY table_name ORDER BY ordinal_position), "
            "column_name, data_type, character_maximum_length, is_nullable, column_default "
            "FROM information_schema.columns WHERE table_schema = 'public'",
            "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace",
            "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "sequences": "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public'",
        }
        return {
            name: sorted((tuple(row) for row in connection.exec_driver_sql(query)), key=str)
            for name, query in queries.items()
        }
    found: dict[str, list[Any]] = {}
    for kind, name, text in connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master"):
        found[f"{kind} {name}"] = sorted(clauses(text or ""))  # a column that came later stands behind constraints
        found[f"columns of {name}"] = [
            tuple(row) for row in connection.exec_driver_sql(f"PRAGMA table_xinfo('{name}')")
        ]
    return found


def clauses(text: str) -> list[str]:
    """A statement cut at the commas between the columns and constraints of a table, with single blanks."""
    depth, parts = 0, [""]
    for letter in re.sub(r"\s+", " ", text):
        before, depth = depth, depth + {"(": 1, ")": -1}.get(letter, 0)
        if {before, depth} == {0, 1} or (depth == 1 and letter == ","):
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def test_a_new_database_is_the_one_that_the_revisions_make(empty_url: Callable[[], str]) -> None:
    with open_store(empty_url()) as store, store._db.reading() as connection:
        made = described(connection)
    with revised(empty_url()).connect() as connection:
        assert described(connection) == made
    assert len(str(made)) > 5000  # it has looked


def test_the_newest_revision_is_the_one_the_code_names() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import agent.store.migrations

    config = Config()
    config.set_main_option("script_location", str(Path(agent.store.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_what_was_stored_is_there_after_opening_again(store_url: str, new_task: Callable[..., NewTask]) -> None:
    with open_store(store_url) as store:
        task = store.tasks.add(new_task(store))
    with open_store(store_url) as store:
        assert store.tasks.list() == [task]


def test_a_new_store_and_one_at_head_are_opened_without_alembic(sqlite_url: str) -> None:
    for _ in ("new", "at head"):
        done = subprocess.run(
            [sys.executable, "-c", f"{OPEN}; print('alembic' in sys.modules, 'watchdog' in sys.modules)", sqlite_url],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["False", "False"]


def test_processes_may_make_the_same_database_at_once(store_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", OPEN, store_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 3


def test_sqlite_is_opened_as_the_store_needs_it(sqlite_store: Store) -> None:
    with sqlite_store._db.reading() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "page_size")
        }
    assert said == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 10_000,
        "page_size": 8192,
    }


def test_a_commit_is_on_the_disk_before_it_is_seen_unless_it_need_not_be(sqlite_store: Store) -> None:
    full, normal = 2, 1  # SQLite's synchronous; in a write-ahead log, the first syncs at each commit
    for durable, expected in ((True, full), (False, normal), (True, full)):
        with sqlite_store._db.writing(durable=durable) as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == expected


def test_a_postgresql_server_that_has_vanished_is_noticed_as_the_url_says(postgres_server: PostgresServer) -> None:
    with open_store(f"{postgres_server.url}&connect_timeout=7") as store:
        asked = store._db.engine.dialect.create_connect_args(store._db.engine.url)[1]
    assert (asked["connect_timeout"], asked["tcp_user_timeout"], asked["keepalives_idle"]) == ("7", "9000", "5")


def test_postgresql_waits_for_the_disk_though_its_server_is_set_up_not_to(postgres_server: PostgresServer) -> None:
    url = f"{postgres_server.url}&options=-c%20synchronous_commit%3Doff"
    with open_store(url) as store, store._db.reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("no url", "The store's URL cannot be read"),
        ("sqlite://", "The store's URL names no file"),
        ("mysql://host/name", "not mysql://"),
        ("postgresql://nobody@localhost:1/x?connect_timeout=1", "does not answer"),
    ],
)
def test_a_wrong_url_is_explained(url: str, sentence: str) -> None:
    with pytest.raises(StorageFailed, match=sentence):
        open_store(url)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match=f"There is no folder {tmp_path}/x for the database store.db. Create it"):
        open_store(f"sqlite:///{tmp_path}/x/store.db")
    assert not (tmp_path / "x").exists()


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="is a folder, not a database file"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_newer_schema_is_left_alone(store_url: str) -> None:
    with open_store(store_url) as store, store._db.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StorageFailed, match=f"newer version of this program .schema 9999; this one knows up to {HEAD}"):
        open_store(store_url)


def test_another_programs_database_is_left_alone(tmp_path: Path, sqlite_url: str) -> None:
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("CREATE TABLE recipes (id INTEGER)")
    connection.close()

    with pytest.raises(StorageFailed, match="belongs to another program: it holds the table 'recipes'"):
        open_store(sqlite_url)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path, sqlite_url: str) -> None:
    (tmp_path / "store.db").write_text("just a text, and rather more than sixteen bytes of it\n" * 100)

    with pytest.raises(StorageFailed, match=r"store\.db is damaged or is no SQLite database"):
        open_store(sqlite_url)


def test_a_damaged_database_is_explained(tmp_path: Path, sqlite_url: str, new_task: Callable[..., NewTask]) -> None:
    with open_store(sqlite_url) as store:
        for _ in range(200):
            store.tasks.add(new_task(store, config={"x": "y" * 1000}))
    file = tmp_path / "store.db"
    content = bytearray(file.read_bytes())
    content[8192 * 20 :] = b"\xff" * (len(content) - 8192 * 20)
    file.write_bytes(content)

    with pytest.raises(StorageFailed, match="damaged"), open_store(sqlite_url) as store:
        store.tasks.list(limit=1000)


def test_a_read_only_database_can_be_read_and_says_why_it_cannot_be_written(
    tmp_path: Path, new_task: Callable[..., NewTask]
) -> None:
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        new = new_task(store)
        task = store.tasks.add(new)
        with open_store(f"sqlite:///file:{path}?mode=ro&uri=true") as read_only:
            assert read_only.tasks.list() == [task]
            with pytest.raises(StorageFailed, match=f"The database {path} cannot be written to"):
                read_only.tasks.add(new)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, sqlite_url: str) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageFailed, match="cannot be written to"):
            open_store(sqlite_url)
    finally:
        tmp_path.chmod(0o700)


def test_a_database_held_by_another_process_is_busy(sqlite_url: str, tmp_path: Path) -> None:
    with open_store(sqlite_url, busy_timeout_s=0.05) as store:
        holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match=r"Another process has held the database .* more than 0.05 s. Try again"):
            store.agents.beat("a", "a", {})
        assert store.agents.list() == []  # looking is still possible
        holder.execute("ROLLBACK")
        holder.close()

        store.agents.beat("a", "a", {})
        assert len(store.agents.list()) == 1


def test_a_thread_that_holds_the_database_too_long_makes_others_busy(sqlite_url: str) -> None:
    with open_store(sqlite_url, busy_timeout_s=0.05) as store:
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with store._db.writing():
                held.set()
                release.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        with pytest.raises(StoreBusy):
            store.agents.beat("a", "a", {})
        release.set()
        thread.join()
        store.agents.beat("a", "a", {})


def test_a_full_disk_is_named_and_nothing_half_is_kept(sqlite_url: str, new_task: Callable[..., NewTask]) -> None:
    with open_store(sqlite_url) as store:
        task = store.tasks.add(new_task(store))
        with store._db.reading() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            pages = driver.execute("PRAGMA page_count").fetchone()[0]
            driver.execute(f"PRAGMA max_page_count={pages + 2}")  # what the file system would say, without filling one
        rows = [EventRow(i, Event(secrets.token_hex(500), Stream.STDOUT, 1, Level.INFO, "x")) for i in range(1, 1000)]

        with pytest.raises(DiskFull, match=r"The disk that holds the database .* is full"):
            store.events.append(task.id, rows, lines_read=999)

        assert store.events.last_seq(task.id) == 0
        assert store.tasks.get(task.id).lines_read == 0


def test_closing_twice_is_harmless(store: Store) -> None:
    store.close()
    store.close()
