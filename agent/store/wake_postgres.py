"""Waking readers on PostgreSQL, on whatever machine they are.

A commit carries no NOTIFY: the server lets such commits through one at a time, each with its wait for the disk. A
thread tells others of the commits of this process afterwards, twenty times a second at most, and of changes only while
somebody listens for them (who does holds an advisory lock). One standing connection listens.

There are two channels. `changed` is for readers who show facts. `asked` is for agents: its notifications name the tasks
that are to be stopped or have another agent now, or the queue, so that of ten thousand agents one is woken.

A notification is lost with the process that was to send it, or with the connection that was to hear it. So after a lost
connection, and now and then without one, everything counts as changed.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.store.connections import Connections

CHANGED = "supervisely_local_changed"
ASKED = "supervisely_local_asked"
_SOMEBODY_LISTENS = 0x73_6C_7A  # an advisory lock: shared by those who listen for changes
_TELL_S = 0.05  # between two notifications of a process
_TELL_SHARE = 20  # and this many times what the last one took: each wakes every connection that listens, for whatever
_TELL_LATEST_S = 2.0  # but no longer
_DOUBT_S = 15.0  # after so long without doubt everything counts as changed: no lost notification costs more
_RETRY_S = 1.0  # between two attempts to connect or to tell
_LOOK_S = 0.5  # how long closing may take, and a new channel
_CLOSE_S = 3.0  # how long closing waits for threads that wait for a server
_NAMED = 500  # tasks in a notification, whose payload may have 8000 bytes; of more it says: all
_ALL = "*"
_DIGITS = 19  # of a task's number


log = logging.getLogger("agent")


class PostgresChanges:
    """Commits to one PostgreSQL database. Its threads start with the first commit and the first wait."""

    is_prompt = False

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._origin = uuid.uuid4().hex  # tells the notifications of this process, which has counted these commits
        self._changed = threading.Condition()
        self._version = 0
        self._doubts = 0
        self._asked: dict[int, int] = {}
        self._channels: frozenset[str] = frozenset()  # wanted
        self._listener: threading.Thread | None = None
        self._closed = threading.Event()
        self._notifier = _Notifier(self._tell, connections.errors)

    def version(self) -> int:
        return self._version

    def asked(self, key: int) -> int:
        self._want(ASKED)
        return self._doubts + self._asked.get(key, 0)

    def committed(self, asks: Collection[int] = ()) -> None:
        self._count(asks)
        self._notifier.add(asks)

    def wait(self, since: int, timeout_s: float) -> bool:
        self._want(CHANGED)
        return self._wait(lambda: self._version != since, timeout_s)

    def wait_asked(self, key: int, since: int, timeout_s: float) -> bool:
        self._want(ASKED)
        return self._wait(lambda: self.asked(key) != since, timeout_s)

    def _wait(self, is_due: Callable[[], bool], timeout_s: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed.is_set() or is_due(), timeout_s)
            return not self._closed.is_set() and is_due()

    def _count(self, asks: Collection[int] = ()) -> None:
        with self._changed:
            self._version += 1
            for key in asks:
                self._asked[key] = self._asked.get(key, 0) + 1
            self._changed.notify_all()

    def _doubt(self) -> None:
        with self._changed:
            self._version += 1
            self._doubts += 1
            self._changed.notify_all()

    # ---------------------------------------------------------------- telling

    def _tell(self, asks: Collection[int]) -> None:
        words = [str(key) for key in asks] if len(asks) <= _NAMED else [_ALL]
        payload = " ".join([self._origin, *words])
        statement = f"SELECT pg_notify('{CHANGED}', '{self._origin}') WHERE NOT pg_try_advisory_xact_lock(%s)"
        with self._connections.one(brief=True) as connection:
            connection.exec_driver_sql(statement, (_SOMEBODY_LISTENS,))
            if asks:
                connection.exec_driver_sql(f"SELECT pg_notify('{ASKED}', %s)", (payload,))
            connection.commit()

    # ---------------------------------------------------------------- listening

    def _want(self, channel: str) -> None:
        if channel in self._channels or self._closed.is_set():
            return
        with self._changed:
            self._channels |= {channel}
            if self._listener is None and not self._closed.is_set():
                self._listener = threading.Thread(target=self._listen, name="store-changes", daemon=True)
                self._listener.start()

    def _listen(self) -> None:
        has: frozenset[str] = frozenset()
        doubted_at = time.monotonic()
        while not self._closed.is_set():
            wanted, connections = self._channels, self._connections
            is_doubtful = time.monotonic() - doubted_at > _DOUBT_S
            try:
                if not connections.stands:
                    has = frozenset()
                if has != wanted:
                    connections.stand(_subscription(wanted), self._hear)
                    has, is_doubtful = wanted, True
                else:
                    connections.receive(_LOOK_S)
                    connections.close_resting()
            except connections.errors:  # the server went away; who reads will be told why
                is_doubtful = True
                self._closed.wait(_RETRY_S)
            except Exception as error:
                log.error("notifications of the store are subscribed anew: %s", error, exc_info=error)
                connections.drop()
                is_doubtful = True
                self._closed.wait(_RETRY_S)
            if is_doubtful:
                doubted_at = time.monotonic()
                self._doubt()

    def _hear(self, notification: Any) -> None:
        """Whatever the payload is: anybody who may use the database may send one, as releases before this did."""
        words = notification.payload.split()
        if words[:1] == [self._origin]:
            return
        if notification.channel == CHANGED:
            self._count()
        elif all(word.isdecimal() and len(word) <= _DIGITS for word in words[1:]):
            self._count([int(word) for word in words[1:]])
        else:
            self._doubt()

    def close(self) -> None:
        """Tell what is still to be told, wake who waits, and end the threads."""
        self._notifier.close()
        with self._changed:
            self._closed.set()
            self._changed.notify_all()
            listener = self._listener
        if listener is not None:
            listener.join(_CLOSE_S)
        self._connections.close()


def _subscription(channels: Collection[str]) -> list[str]:
    """The lock comes first: a commit that finds nobody listening is over before the listener reads."""
    locks = [f"SELECT pg_advisory_lock_shared({_SOMEBODY_LISTENS})"] if CHANGED in channels else []
    return [*locks, *(f"LISTEN {channel}" for channel in sorted(channels))]


def tell_pause_s(took_s: float) -> float:
    """The pause behind a notification that took so long. Pure."""
    return min(_TELL_LATEST_S, max(_TELL_S, _TELL_SHARE * took_s))


class _Notifier:
    """A thread that tells of commits: at once after a pause, else when the pause since the last time is over."""

    def __init__(self, tell: Callable[[Collection[int]], None], errors: tuple[type[Exception], ...]) -> None:
        """`errors`: what `tell` raises when the server is away."""
        self._tell = tell
        self._errors = errors
        self._due = threading.Condition()
        self._is_pending = False
        self._asks: set[int] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, asks: Collection[int]) -> None:
        with self._due:
            self._asks.update(asks)
            if self._is_pending:
                return
            self._is_pending = True
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="store-notify", daemon=True)
                self._thread.start()
            self._due.notify_all()

    def _run(self) -> None:
        while True:
            with self._due:
                self._due.wait_for(lambda: self._is_pending or self._closed.is_set())
                if not self._is_pending:
                    return
                asks, self._asks, self._is_pending = self._asks, set(), False
            started = time.monotonic()
            try:
                self._tell(asks)
                pause_s = tell_pause_s(time.monotonic() - started)
            except self._errors:  # the server went away: it is told when it is back
                if self._closed.is_set():
                    return
                with self._due:
                    self._asks |= asks
                    self._is_pending = True
                pause_s = _RETRY_S
            self._closed.wait(pause_s)

    def close(self) -> None:
        with self._due:
            self._closed.set()
            self._due.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_S)
