"""One database: connections, transactions, and its failures as sentences for a person.

Everything special to SQLite or to PostgreSQL stands in this module, `bulk.py`, `clock.py`, `connections.py`,
`failures.py`, `failures_sqlite.py`, `functions.py`, `migrate.py`, `search.py`, `runs/portable.py`, `urls.py`,
`wake.py` and `wake_postgres.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc, pool

from agent.errors import NotFound, StorageFailed, StoreBusy
from agent.fs.refusals import reason_of, remedy_for
from agent.store.connections import Connections, note_write, wrote
from agent.store.failures import TOO_LARGE, busy_sentence, describe_error
from agent.store.urls import parse_url, sidecar, sqlite_path
from agent.store.wake import Changes, FileChanges

BUSY_TIMEOUT_S = 10.0
_SQLITE_NEEDED = (3, 35)  # RETURNING

_SQLITE_PRAGMAS = (
    "PRAGMA page_size=8192",  # log lines of a few hundred bytes: fewer, fuller pages; only before the first table
    "PRAGMA journal_mode=WAL",  # readers and the one writer do not wait for each other
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=2000",  # pages: 16 MB; each checkpoint waits for the disk
    "PRAGMA journal_size_limit=67108864",
)
# A server that has vanished without a word is noticed: milliseconds for what was sent, seconds for the rest.
# The URL may say otherwise.
_POSTGRES_PATIENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 9_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
_POSTGRES_SYNC = """
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""


class Database:
    """Engine and transactions of one SQLite file or one URL. Used from any thread."""

    def __init__(self, place: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.url = parse_url(place)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = sqlite_path(self.url) if self.is_sqlite else None
        self.name = str(self.path) if self.path else self.url.render_as_string(hide_password=True)
        self._busy_timeout_s = busy_timeout_s
        self._turn = threading.Lock()  # SQLite has one writer: our threads queue here, without polling the file
        self._seen = threading.local()
        self._driver_error: type[Exception] = self.url.get_dialect().import_dbapi().Error
        with self.translated():
            self.engine = self._engine()
        self._connections = None if self.is_sqlite else Connections(self.engine)
        self.changes = self._changes()

    def _engine(self) -> sa.Engine:
        if not self.is_sqlite:
            return self._postgres_engine()
        import sqlite3  # late, here and below: an agent of a server needs none of it

        from agent.store.functions import add_functions

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
        patience = {name: value for name, value in _POSTGRES_PATIENCE.items() if name not in self.url.query}
        self.url = self.url.update_query_dict({name: str(value) for name, value in patience.items()})
        engine = sa.create_engine(self.url, pool_size=8, max_overflow=32, pool_use_lifo=True)

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:
            with connection.cursor() as cursor:  # a server may be set up to lose its last commits in a power cut
                cursor.execute(_POSTGRES_SYNC)
            connection.commit()

        return engine

    def _changes(self) -> Changes:
        if self._connections is not None:
            from agent.store.wake_postgres import PostgresChanges  # late: most installations have a file

            return PostgresChanges(self._connections)
        assert self.path is not None
        try:
            return FileChanges(sidecar(self.path, "-changed"))
        except OSError as error:
            raise StorageFailed(
                f"The folder {self.path.parent} of the database cannot be written to: {reason_of(error)}. "
                f"{remedy_for(error)}"
            ) from error

    @contextmanager
    def reading(self, *, brief: bool = False) -> Iterator[sa.Connection]:
        """A connection for reading. Remembers, for this thread, the version of the store it read.

        `brief`: a row or two. On a server such a read needs no connection of its own.
        """
        self._seen.version = self.changes.version()
        with self.translated(), self._connected(brief=brief) as connection:
            yield connection

    def _connected(self, *, brief: bool) -> AbstractContextManager[sa.Connection]:
        return self.engine.connect() if self._connections is None else self._connections.one(brief=brief)

    @contextmanager
    def writing(
        self, *, durable: bool = True, asks: Collection[int] = (), wakes: bool = True
    ) -> Iterator[sa.Connection]:
        """One short exclusive transaction: committed when the block ends, rolled back when it raises.

        A commit is on the disk before anybody sees it, together with all commits before it: what it makes superfluous
        may be deleted, and what it says may be acknowledged. With `durable=False`, for facts that come many times a
        second or that a restart makes anew, a power cut may take it, and with it all later ones of that kind; the next
        durable commit puts them all on the disk.

        On a server every commit waits for the disk: a line that was lost with it, while the agent and what it has read
        live on, would leave a hole in the numbers.

        Threads that wait for a change are woken, unless nothing was written. `asks`: the tasks whose agents are asked
        for something, or `QUEUE`; the block may add to it. Without `wakes` nobody on other machines is woken, for
        signs of life.
        """
        with self.translated():
            if self.is_sqlite:
                with self._sqlite_transaction(durable=durable) as connection:
                    yield connection
                return
            with self._connected(brief=True) as connection:
                wrote(connection)
                with connection.begin():
                    yield connection
                has_written = wrote(connection)
        if has_written and wakes:
            self.changes.committed(asks)

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

    @contextmanager
    def driver_cursor(self, connection: sa.Connection, statement: str) -> Iterator[Any]:
        """A cursor of the driver in the connection's transaction. What it raises is raised as SQLAlchemy's errors are.

        `statement` is what is run, for the message of a mistake of ours.
        """
        driver: Any = connection.connection.driver_connection
        errors: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        with driver.cursor() as cursor:
            try:
                yield cursor
                note_write(connection)
            except errors as error:
                raise exc.DBAPIError.instance(statement, None, error, errors, dialect=self.engine.dialect) from error

    def lock(self, connection: sa.Connection, number: int, *, shared: bool = False) -> None:
        """Wait until no other transaction has the lock of this number, and have it until this one ends.

        Those that are `shared` have it together. SQLite has one writer: nothing is left to lock.
        """
        if self.is_sqlite:
            return
        lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        connection.execute(sa.select(lock(number)))

    def insert(self, table: sa.Table) -> Any:
        """The dialect's INSERT, which knows `on_conflict_do_update`; both dialects spell it the same way."""
        if self.is_sqlite:
            from sqlalchemy.dialects import sqlite

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

    def prompt_version(self) -> int | None:
        """The version, where every commit of any process changes it before it returns; else None."""
        return self.changes.version() if self.changes.is_prompt else None

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
        except self._driver_error as error:  # of a connection that is being prepared: SQLAlchemy passes it on as it is
            failure = describe_error(error, self.name, self._busy_timeout_s)
            if failure is None:
                raise
            raise failure from error
        except OverflowError as error:  # from SQLite's driver: an id beyond 64 bits
            raise NotFound(TOO_LARGE) from error
