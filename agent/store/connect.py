"""One database: connections, transactions, and its failures as sentences for a person.

Everything special to SQLite or to PostgreSQL stands in this module, `clock.py`, `failures.py`, `functions.py`,
`migrate.py`, `search.py`, `runs/portable.py` and `wake.py`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc, pool
from sqlalchemy.dialects import sqlite

from agent.errors import NotFound, StorageFailed, StoreBusy
from agent.fs.refusals import reason_of, remedy_for
from agent.store.failures import TOO_LARGE, busy_sentence, describe_error
from agent.store.functions import add_functions
from agent.store.wake import CHANNEL, Changes, FileChanges, PostgresChanges

BUSY_TIMEOUT_S = 10.0
_SQLITE_NEEDED = (3, 35)  # RETURNING

_SQLITE_PRAGMAS = (
    "PRAGMA page_size=8192",  # log lines of a few hundred bytes: fewer, fuller pages; only before the first table
    "PRAGMA journal_mode=WAL",  # readers and the one writer do not wait for each other
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=2000",  # pages: 16 MB; each checkpoint waits for the disk
    "PRAGMA journal_size_limit=67108864",
)
_POSTGRES_SYNC = """
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""


class Database:
    """Engine and transactions of one SQLite file or one URL. Used from any thread."""

    def __init__(self, place: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.url = _parse(place)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = sqlite_path(self.url) if self.is_sqlite else None
        self.name = str(self.path) if self.path else self.url.render_as_string(hide_password=True)
        self._busy_timeout_s = busy_timeout_s
        self._turn = threading.Lock()  # SQLite has one writer: our threads queue here, without polling the file
        self._seen = threading.local()
        with self.translated():
            self.engine = self._engine()
        self.changes = self._changes()

    def _engine(self) -> sa.Engine:
        if not self.is_sqlite:
            return self._postgres_engine()
        if sqlite3.sqlite_version_info < _SQLITE_NEEDED:
            raise StorageFailed(
                f"This Python's SQLite is {sqlite3.sqlite_version}; the store needs 3.35 or newer. "
                "Use another Python, or a postgresql:// AGENT_STORE_URL."
            )
        engine = sa.create_engine(
            self.url,
            poolclass=pool.QueuePool,
            pool_size=8,
            max_overflow=32,
            connect_args={"timeout": self._busy_timeout_s, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def _prepare(connection: sqlite3.Connection, _record: object) -> None:
            # We say BEGIN ourselves: the driver would begin late and as a reader, and fail when it wants to write.
            connection.isolation_level = None
            for pragma in _SQLITE_PRAGMAS:
                connection.execute(pragma)
            add_functions(connection)

        return engine

    def _postgres_engine(self) -> sa.Engine:
        engine = sa.create_engine(self.url, pool_size=8, max_overflow=32, pool_pre_ping=True)

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:
            with connection.cursor() as cursor:  # a server may be set up to lose its last commits in a power cut
                cursor.execute(_POSTGRES_SYNC)
            connection.commit()

        return engine

    def _changes(self) -> Changes:
        if self.path is None:
            return PostgresChanges(self._listening_connection)
        try:
            return FileChanges(sidecar(self.path, "-changed"))
        except OSError as error:
            raise StorageFailed(
                f"The folder {self.path.parent} of the database cannot be written to: {reason_of(error)}. "
                f"{remedy_for(error)}"
            ) from error

    def _listening_connection(self) -> Any:
        """A psycopg connection outside the pool: it listens for as long as the store is open."""
        positional, named = self.engine.dialect.create_connect_args(self.url)
        try:
            return self.engine.dialect.connect(*positional, **named, autocommit=True)
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise describe_error(error, self.name, self._busy_timeout_s) or error from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading. Remembers, for this thread, the version of the store it read."""
        self._seen.version = self.changes.version()
        with self.translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """One short exclusive transaction: committed when the block ends, rolled back when it raises.

        A commit is on the disk before anybody sees it, together with all commits before it: what it makes superfluous
        may be deleted, and what it says may be acknowledged. With `durable=False`, for facts that come many times a
        second or that a restart makes anew, a power cut may take it, and with it all later ones of that kind; the next
        durable commit puts them all on the disk.

        Threads that wait for a change are woken, unless nothing was written.
        """
        with self.translated():
            if self.is_sqlite:
                with self._sqlite_transaction(durable=durable) as connection:
                    yield connection
            else:
                with self.engine.begin() as connection:
                    yield connection
                    connection.exec_driver_sql(
                        f"SELECT pg_notify('{CHANNEL}', '') WHERE pg_current_xact_id_if_assigned() IS NOT NULL"
                    )

    @contextmanager
    def _sqlite_transaction(self, *, durable: bool) -> Iterator[sa.Connection]:
        if not self._turn.acquire(timeout=self._busy_timeout_s):
            raise StoreBusy(busy_sentence(self.name, self._busy_timeout_s))
        try:
            with self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                # Either keeps the file whole. FULL syncs the write-ahead log at the commit, before readers see it.
                driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                changes_before = driver.total_changes
                yield connection
                connection.commit()
                changed = driver.total_changes != changes_before
        finally:
            self._turn.release()
        if changed:
            self.changes.committed()

    def insert(self, table: sa.Table) -> Any:
        """The dialect's INSERT, which knows `on_conflict_do_update`; both dialects spell it the same way."""
        if self.is_sqlite:
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # late: it takes its time to load

        return postgresql.insert(table)

    @property
    def mark(self) -> str:
        """The driver's placeholder for a value."""
        return "?" if self.is_sqlite else "%s"

    def seen_version(self) -> int:
        """The version this thread last read; the present version if it has read nothing."""
        return int(getattr(self._seen, "version", self.changes.version()))

    def saw(self, version: int) -> None:
        self._seen.version = version

    def close(self) -> None:
        self.changes.close()
        self.engine.dispose()

    # ------------------------------------------------------------ failures

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Failures of the database become sentences; mistakes of ours keep their traceback."""
        try:
            yield
        except exc.TimeoutError as error:  # the pool's
            raise StoreBusy(f"More than 40 threads use the database {self.name} at once. Try again.") from error
        except exc.DBAPIError as error:
            failure = describe_error(error.orig, self.name, self._busy_timeout_s)
            if failure is None:
                raise
            raise failure from error
        except OverflowError as error:  # from SQLite's driver: an id beyond 64 bits
            raise NotFound(TOO_LARGE) from error


def _parse(place: str | Path) -> sa.URL:
    if isinstance(place, Path):  # any name: no character of it means anything
        return sa.URL.create("sqlite", database=str(place))
    try:
        url = sa.make_url(place)
    except exc.ArgumentError:
        raise StorageFailed(
            "The store's URL cannot be read. Write sqlite:////folder/store.db or postgresql://user:password@host/name."
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "postgresql":
        try:
            import psycopg  # noqa: F401  PostgreSQL is an extra
        except ImportError:
            raise StorageFailed(
                "PostgreSQL needs the psycopg package: pip install 'supervisely-local[postgres]'."
            ) from None
    elif url.get_backend_name() != "sqlite":
        raise StorageFailed(
            f"The store knows sqlite:// and postgresql:// URLs, not {url.drivername}://. Change AGENT_STORE_URL."
        )
    return url


def file_of(place: str | Path) -> Path:
    """The file that an SQLite URL names. StorageFailed for a server's URL and for a database in memory."""
    if isinstance(place, Path):
        return place
    url = _parse(place)
    if url.get_backend_name() != "sqlite" or not url.database or "://" in url.database or ":memory:" in url.database:
        raise StorageFailed(
            f"The store {url.render_as_string(hide_password=True)} is no SQLite file. Use the server's own tools."
        )
    return Path(url.database.removeprefix("file:")).absolute()


def sqlite_path(url: sa.URL) -> Path:
    """The file that an SQLite URL names. StorageFailed when it names no file, or when the folder is missing."""
    name = (url.database or "").removeprefix("file:")
    if not name or name.startswith(":memory:"):
        raise StorageFailed(
            "The store's URL names no file, and a database in memory cannot be shared. Write sqlite:////folder/store.db."
        )
    path = Path(name).absolute()
    if not path.parent.is_dir():
        raise StorageFailed(
            f"There is no folder {path.parent} for the database {path.name}. Create it or change AGENT_STORE_URL."
        )
    if path.is_dir():
        raise StorageFailed(f"{path} is a folder, not a database file. Change AGENT_STORE_URL.")
    if path.exists() and not path.is_file():  # SQLite would call it a failing disk
        raise StorageFailed(f"{path} is a pipe or a device, not a database file. Remove it or change AGENT_STORE_URL.")
    return path


def sidecar(path: Path, suffix: str) -> Path:
    """The file of this suffix in the same folder: `store.db` → `store.db-changed`."""
    return path.with_name(path.name + suffix)
