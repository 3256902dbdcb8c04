"""Waking readers after a commit of this process or of another process. For PostgreSQL see `wake_postgres.py`.

SQLite: beside the database lies `<name>-changed`, eight bytes that every commit of a store overwrites.
They are the version a reader compares, so no commit between "looked" and "waits" is missed; watchdog
(inotify) tells when to look again. Watching the `-wal` file itself would deliver hundreds of events for
every batch of log lines; this file gives one per commit.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.fs.watching import new_observer

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

QUEUE = 0  # what is asked of all agents: to look at the queue
_POLL_S = 0.05  # where the file cannot be watched
_CHECK_S = 1.0  # where it can: a lost notification costs a second, not forever


class Changes(Protocol):
    is_prompt: bool  # whether the version has changed by the time at which a commit of any process returns

    def version(self) -> int:
        """A number that differs after every commit."""

    def asked(self, key: int) -> int:
        """A number that differs after every commit that asks something of the agent of task `key`, or of all agents
        (`QUEUE`); it may differ after others.
        """

    def committed(self, asks: Collection[int] = ()) -> None:
        """Wake the readers. The writer calls this after its commit; `asks`: see `asked`."""

    def wait(self, since: int, timeout_s: float) -> bool:
        """Whether the version is another than `since`, now or within the time. False once closed."""

    def wait_asked(self, key: int, since: int, timeout_s: float) -> bool:
        """As `wait`, for the number of `asked`."""

    def close(self) -> None: ...


class FileChanges:
    """Commits to one SQLite file, by any process of this machine. One observer for all waiting threads."""

    is_prompt = True

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

    def asked(self, key: int) -> int:  # noqa: ARG002  one number: the readers of a file are few
        return self.version()

    def committed(self, asks: Collection[int] = ()) -> None:  # noqa: ARG002
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

    def wait_asked(self, key: int, since: int, timeout_s: float) -> bool:  # noqa: ARG002
        return self.wait(since, timeout_s)

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
