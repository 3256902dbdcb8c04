"""Woken by changes of files, for readers of what another process writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from watchdog.events import FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from agent.fs.watching import new_observer

LOOK_AGAIN_S = 1.0  # a killed writer writes no file, so no change wakes the reader
# Reading the files makes events, too (opened, closed): waking on them would never end.
_CHANGES: list[type[FileSystemEvent]] = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent]


class _Wake(FileSystemEventHandler):
    def __init__(self, changed: threading.Event) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
        self._changed.set()


@contextmanager
def woken_by_changes(folder: Path) -> Iterator[threading.Event]:
    """An event that is set whenever a file in this folder changes. In a folder that is gone nothing ever does."""
    changed = threading.Event()
    observer: BaseObserver | None = None
    for make in (new_observer, lambda: PollingObserver(timeout=0.1)):  # where the user's inotify instances are used up
        observer = make()
        try:
            observer.schedule(_Wake(changed), str(folder), event_filter=_CHANGES)
            observer.start()
            break
        except OSError:
            observer.stop()
            observer = None
    try:
        yield changed
    finally:
        if observer is not None:
            observer.stop()
            with suppress(RuntimeError):
                observer.join()
