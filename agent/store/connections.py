"""Connections to a database server: a pool for busy times, and one connection that stands as long as somebody listens.

The standing connection waits for notifications. Between them it runs the short transactions of a quiet process, so a
task that says nothing costs the server one connection. What comes while it is in use goes to the pool, whose
connections are closed when they have rested for a while.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from agent.errors import AgentError

_REST_S = 10.0  # without use: then the connections of the pool are closed
_DOUBTED_S = 30.0  # without use: then a connection is tried before it is used
_PATIENCE_S = 0.05
_CLOSE_S = 1.0
_WROTE = "wrote"  # in a connection's `info`
_READS = ("SELECT", "SET", "LOCK", "BEGIN", "SHOW")


class Connections:
    """Used from any thread, except `stand`, `receive` and `close_resting`, which one thread calls."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()  # of who uses the standing connection
        self._standing: sa.Connection | None = None
        self._count = threading.Lock()  # guards what follows
        self._users = 0  # of the pool
        self._used_at = time.monotonic()
        # A connection that is lost while it is being prepared raises the driver's own error.
        self.errors = (exc.SQLAlchemyError, AgentError, engine.dialect.loaded_dbapi.Error)
        _watch(engine)

    @contextmanager
    def one(self, *, brief: bool) -> Iterator[sa.Connection]:
        """A connection without a transaction. `brief`: for milliseconds, so that notifications may wait for it."""
        if brief and self._standing is not None and self._turn.acquire(timeout=self._patience_s()):
            try:
                with self._borrowed() as standing:
                    if standing is not None:
                        yield standing
                        return
            finally:
                self._turn.release()
        with self._counted(), self._engine.connect() as connection:
            yield connection

    def _patience_s(self) -> float:
        """How long to wait for the standing connection: two threads of a quiet process are no reason for a second."""
        return 0.0 if self._engine.pool.checkedin() else _PATIENCE_S  # type: ignore[attr-defined]  # a QueuePool

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._count:
            self._users += 1
        try:
            yield
        finally:
            with self._count:
                self._users -= 1
                self._used_at = time.monotonic()

    @contextmanager
    def _borrowed(self) -> Iterator[sa.Connection | None]:
        standing = self._standing
        if standing is None or _is_lost(_driver(standing)):
            yield None
            return
        try:
            yield standing
        finally:
            if standing.in_transaction():
                standing.rollback()
            if standing.invalidated:
                self._drop()
            else:
                _give_out(_driver(standing))  # what came behind the last answer

    # ---------------------------------------------------------------- for the thread that listens

    @property
    def stands(self) -> bool:
        return self._standing is not None

    def stand(self, statements: Sequence[str], heard: Callable[[Any], None]) -> None:
        """Have a standing connection and run statements on it. `heard` gets its notifications, in any thread."""
        with self._turn:
            if self._standing is None:
                connection = self._engine.connect()
                _driver(connection).add_notify_handler(heard)
                self._standing = connection
            try:
                for statement in statements:
                    self._standing.exec_driver_sql(statement)
                self._standing.commit()
            except BaseException:
                self._drop()
                raise

    def receive(self, timeout_s: float) -> None:
        """Wait for notifications, no longer than this. DBAPIError when the connection is lost."""
        standing = self._standing
        if standing is None:
            return
        driver = _driver(standing)
        poll = select.poll()
        try:
            poll.register(driver.fileno(), select.POLLIN)
            if not poll.poll(timeout_s * 1000):
                return
            with self._turn:
                if self._standing is standing:
                    driver.pgconn.consume_input()
                    _give_out(driver)
        except self._engine.dialect.loaded_dbapi.Error as error:
            with self._turn:
                self._drop()
            raise exc.DBAPIError.instance(
                None, None, error, Exception, dialect=self._engine.dialect, connection_invalidated=True
            ) from error

    def close_resting(self) -> None:
        """Close the pool's connections unless one was used lately."""
        with self._count:
            is_used = self._users or time.monotonic() - self._used_at < _REST_S
            if not is_used and self._engine.pool.checkedin():  # type: ignore[attr-defined]  # a QueuePool
                self._engine.dispose()

    def drop(self) -> None:
        """Give the standing connection up; `stand` makes another one."""
        with self._turn:
            self._drop()

    def close(self) -> None:
        if self._turn.acquire(timeout=_CLOSE_S):  # else its thread waits for a server that does not answer
            self._drop()
            self._turn.release()

    def _drop(self) -> None:
        standing, self._standing = self._standing, None
        if standing is not None:
            standing.invalidate()  # it listens: nobody else may get it
            standing.close()


def wrote(connection: sa.Connection) -> bool:
    """Whether the connection has written since the last call. Costs no question to the server."""
    return bool(connection.info.pop(_WROTE, False))


def note_write(connection: sa.Connection) -> None:
    """For rows that were written past SQLAlchemy."""
    connection.info[_WROTE] = True


def _watch(engine: sa.Engine) -> None:
    @event.listens_for(engine, "after_cursor_execute")
    def _note(connection: sa.Connection, cursor: Any, *_: object) -> None:
        if cursor.rowcount and not (cursor.statusmessage or "").startswith(_READS):
            note_write(connection)

    @event.listens_for(engine, "checkin")
    def _rest(_driver: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _test(driver: Any, record: Any, _proxy: object) -> None:
        """A question before each use would cost as much as many a transaction: a closed connection shows itself."""
        if (rests_since := record.info.get("rests_since")) is None:  # new
            return
        if _is_lost(driver):
            raise exc.DisconnectionError  # the pool takes another one
        if time.monotonic() - rests_since > _DOUBTED_S:
            try:
                engine.dialect.do_ping(driver)
            except engine.dialect.loaded_dbapi.Error as error:
                raise exc.DisconnectionError from error


def _is_lost(driver: Any) -> bool:
    """Whether the server has closed the connection, as far as this machine knows."""
    if driver.closed:
        return True
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    try:
        while poll.poll(0):  # a server that ends says so first: the end of the stream comes behind its words
            driver.pgconn.consume_input()
    except Exception:  # noqa: BLE001 - the driver's way to say so
        return True
    return False


def _give_out(driver: Any) -> None:
    while notification := driver.pgconn.notifies():
        driver.pgconn.notify_handler(notification)


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection
