"""Waking readers after a commit of this process or of another process.

SQLite: beside the database lies `<name>-changed`, eight bytes that every commit of a store overwrites.
They are the version a reader compares, so no commit between "looked" and "waits" is missed; watchdog
(inotify) tells when to look again. Watching the `-wal` file itself would deliver hundreds of events for
every batch of log lines; this file gives one per commit.

PostgreSQL: commits carry a NOTIFY, one listening connection counts them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent.errors import StorageFailed
from agent.fs.watching import new_observer

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

CHANNEL = "supervisely_local_changed"
_POLL_S = 0.05  # where the file cannot be watched
_CHECK_S = 1.0  # where it can: a lost notification costs a second, not forever
_NOTIFY_S = 0.5  # how long closing may take on PostgreSQL


class Changes(Protocol):
    def version(self) -> int:
        """A number that differs after every commit."""

    def committed(self) -> None:
        """Wake the readers. The writer calls this after its commit."""

    def wait(self, since: int, timeout_s: float) -> bool:
        """Whether the version is another than `since`, now or within the time. False once closed."""

    def close(self) -> None: ...


class FileChanges:
    """Commits to one SQLite file, by any process of this machine. One observer for all waiting threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except PermissionError as refused:  # this process may only read the store, or not even that
            try:
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                raise refused from None
        self._changed = threading.Condition()
        self._observer: BaseObserver | None = None
        self._poll_s = 0.0  # 0: not watching yet
        self._closed = False

    def version(self) -> int:
        return 0 if self._closed else int.from_bytes(os.pread(self._fd, 8, 0), "little")

    def committed(self) -> None:
        with self._changed:
            if self._closed:
                return
            version = max(time.time_ns(), self.version() + 1)
            with suppress(OSError):  # a full disk: what was committed stays so, waiting readers see it a little later
                os.pwrite(self._fd, version.to_bytes(8, "little"), 0)
            self._changed.notify_all()

    def wait(self, since: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            if not self._poll_s and not self._closed:
                self._watch()
            while not self._closed:
                if self.version() != since:
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, self._poll_s))
        return False

    def _watch(self) -> None:
        from watchdog.events import FileSystemEvent, FileSystemEventHandler

        notify = self._notify

        class Touched(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
                notify()

        observer: BaseObserver | None = None
        try:
            observer = new_observer()
            observer.schedule(Touched(), str(self._path))
            observer.start()
        except OSError:  # the user's limit of inotify instances or watches is used up
            if observer is not None:
                observer.stop()
            self._poll_s = _POLL_S
        else:
            self._observer, self._poll_s = observer, _CHECK_S

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()
        os.close(self._fd)


class PostgresChanges:
    """Commits to one PostgreSQL database, counted by a thread that starts with the first wait."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        """`connect` gives a psycopg connection in autocommit mode, for this object alone, or StorageFailed."""
        self._connect = connect
        self._changed = threading.Condition()
        self._version = 0
        self._listener: threading.Thread | None = None
        self._closed = threading.Event()

    def version(self) -> int:
        return self._version

    def committed(self) -> None:
        """Nothing to do: the transaction carried its NOTIFY."""

    def wait(self, since: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            if self._listener is None and not self._closed.is_set():
                self._listener = threading.Thread(target=self._listen, name="store-changes", daemon=True)
                self._listener.start()
            while not self._closed.is_set():
                if self._version != since:
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return False

    def _listening(self) -> Any:
        connection = self._connect()
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def _listen(self) -> None:
        import psycopg

        connection: Any = None
        while not self._closed.is_set():
            changed = True  # what was committed before we listened is unknown: report a change once
            try:
                if connection is None:
                    connection = self._listening()
                else:
                    changed = any(True for _ in connection.notifies(timeout=_NOTIFY_S, stop_after=1))
            except (psycopg.Error, StorageFailed):  # the server went away; who reads will be told why
                if connection is not None:
                    connection.close()
                connection, changed = None, False
                self._closed.wait(_CHECK_S)
            if changed:
                with self._changed:
                    self._version += 1
                    self._changed.notify_all()
        if connection is not None:
            connection.close()

    def close(self) -> None:
        with self._changed:
            self._closed.set()
            self._changed.notify_all()
            listener = self._listener
        if listener is not None:
            listener.join()
