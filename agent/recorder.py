"""A task's record: everything that happens in a task gets a number and is committed, in order, in batches.

Lines of the container and notes of the agent share one sequence. An event that could not be committed stays in the
recorder and is committed with the next flush; nothing is dropped.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from agent.errors import StoreBusy
from agent.events.log_lines import LogLines
from agent.events.model import CheckpointReported, Level, Progress, Stream
from agent.events.near_texts import NearMiss
from agent.events.parse import parse_line
from agent.events.reading import EventColumns
from agent.patience import Patience
from agent.store import NearMissCount, NumberedEvents

if TYPE_CHECKING:
    from agent.store import Store

LINGER_S = 0.015  # how long a line may wait for company; readers are promised it within 0.1 s of being printed
DEPLOYED_LINGER_S = 0.2  # of a deployed model, which prints a line for each request: fewer commits beside its answers
_BULK_LINGER_S = 0.05  # of lines that come by the thousand: fewer commits, and still within the promise
_BULK = 40  # a batch that is so many parts of a full one by then comes in bulk
_LONGEST_LINGER_S = 0.35  # where commits are slow: with the commits before and of the line, a second is not reached
_COMMITS_PER_LINGER = 0.5
_BELIEVED = 0.4  # the share of the last commit in what is expected of the next: one slow commit means little


def linger_s(commit_s: float, least_s: float = LINGER_S) -> float:
    """How long a line may wait for company where a commit takes so long; `least_s` in any case. Pure.

    A hundred agents that commit each line on its own slow down each other: their server has a share of each commit and
    a share of each row. Twice a commit's time between commits keeps two thirds of the agents out of its way.
    """
    return min(_LONGEST_LINGER_S, max(least_s, commit_s / _COMMITS_PER_LINGER))


def expected_s(expected: float, took: float) -> float:
    """The time that the next commit may take, by what was expected of the last one and what it took. Pure."""
    return expected + _BELIEVED * (took - expected)


class Recorder:
    """Numbers a task's events and commits them. Thread-safe: notes may come from any thread.

    `lines_read` and `last_seq` are the task's, so the recorder of a restarted agent goes on where the earlier recorder
    stopped; `first_seq` is the number of the first event of this attempt. `log_path` is the task's log file; committed
    events are appended to it in the official shape. A line waits `least_linger_s` for company. While the store does not
    answer, a commit waits as long as `patience` lasts, and whoever reads lines waits with it.
    """

    def __init__(
        self,
        store: Store,
        task_id: int,
        *,
        lines_read: int,
        last_seq: int,
        log_path: Path,
        agent_id: str | None = None,
        patience: Patience | None = None,
        first_seq: int = 1,
        least_linger_s: float = LINGER_S,
    ) -> None:
        self._store = store
        self._least_linger_s = least_linger_s
        self._first_seq = first_seq
        self._patience = patience or Patience()
        self._task_id = task_id
        self._agent_id = agent_id  # the store refuses events of an agent that has lost the task
        self._lines_read = lines_read
        self._seq = last_seq
        self._log_path: Path | None = log_path
        self._log_lines = LogLines(task_id)
        self._committing = threading.RLock()  # one commit at a time, in order; taken before `_changed`
        self._changed = threading.Condition()  # guards what follows
        self._events = EventColumns()  # numbered and not committed: the last of them has the number `_seq`
        self._log: list[str] = []  # their lines in the log file
        self._enough = 1  # how many rows the committer waits for
        self._oldest = 0.0  # time.monotonic() of the first row that is not committed
        self._commit_s = 0.0  # a commit is expected to take

    @property
    def lines_read(self) -> int:
        """Lines of the container numbered so far, by this agent and earlier agents."""
        return self._lines_read

    @property
    def waiting(self) -> int:
        """Number of events that are numbered and not committed."""
        return len(self._events)

    def note(
        self,
        message: str,
        level: Level = Level.INFO,
        event_type: str | None = None,
        fields: Mapping[str, Any] | None = None,
        *,
        limit_s: float = float("inf"),
    ) -> int:
        """Record an event of the agent's own and commit it at once, with all waiting events. Gives its number.

        `limit_s` as for `flush`: the event has its number, and waits, when StoreBusy is raised.
        """
        event = self._log_lines.note(message, level, event_type, fields, time.time_ns() // 1000)
        seq = self._add(EventColumns.of([event]))
        self.flush(limit_s)
        return seq

    def progress(self, subtask: str, current: int, total: int) -> None:
        """Record how far the agent itself has come with a part of the task."""
        event = self._log_lines.progress("progress", Progress(subtask, current, total), time.time_ns() // 1000)
        self._add(EventColumns.of([event]))
        self.flush()

    def count_near_miss(self, near: NearMiss, count: int, first_seq: int) -> None:
        """Count what no line says by itself. Those that lines say are counted with them."""
        found = NearMissCount(near.kind, count, first_seq, near.nearly, near.change)
        self._patience.call(self._store, partial(self._store.near_misses.add, self._task_id, found))

    def record(self, events: EventColumns) -> int:
        """Number lines of the container, in the order read. Gives the last number; commits nothing yet."""
        return self._add(events, of_container=True)

    def _add(self, events: EventColumns, *, of_container: bool = False) -> int:
        log = self._log_lines.lines(events) if self._log_path is not None else ""
        with self._changed:
            before = len(self._events)
            self._events.extend(events)
            self._log.append(log)
            self._seq += len(events)
            if of_container:
                self._lines_read += len(events)
            if not before:
                self._oldest = time.monotonic()
            if not before or before < self._enough <= len(self._events):
                self._changed.notify_all()
            return self._seq

    def flush(self, limit_s: float = float("inf")) -> None:
        """Commit the waiting events with the reading position; returns when all earlier events are committed.

        Waits for a store that is busy or away. Raises StoreBusy when it has not answered within `limit_s`, or when the
        recorder's patience ends, StorageFailed when it refuses; the events wait on then.
        """
        if not self._committing.acquire(timeout=-1 if limit_s == float("inf") else limit_s):
            raise StoreBusy(f"The store {self._store.name} has not answered for {limit_s:g} s.")
        try:
            self._commit(limit_s)
        finally:
            self._committing.release()

    def _commit(self, limit_s: float) -> None:
        with self._changed:
            events, self._events = self._events, EventColumns()
            log, self._log = self._log, []
            lines_read, last_seq = self._lines_read, self._seq
        if not events:
            return
        rows = NumberedEvents(range(last_seq - len(events) + 1, last_seq + 1), events)
        append = partial(self._store.events.append, self._task_id, rows, lines_read=lines_read, agent_id=self._agent_id)
        started = time.monotonic()
        try:
            self._patience.call(self._store, append, limit_s=limit_s)
        except BaseException:
            with self._changed:
                events.extend(self._events)
                self._events, self._log = events, log + self._log
            raise
        self._commit_s = expected_s(self._commit_s, time.monotonic() - started)
        self._write_log(log)

    def unhandled_checkpoints(self) -> list[tuple[int, CheckpointReported]]:
        """Checkpoints of this attempt whose line was committed and that have no row: a crash came before."""
        if not self._lines_read:
            return []
        handled = {row.seq for row in self._store.checkpoints.list(self._task_id)}
        found = []
        for event in self._store.events.each(self._task_id, self._first_seq - 1, event_type="CHECKPOINT"):
            body = None if event.stream is Stream.AGENT else parse_line(event.raw, event.stream, 0).body
            if isinstance(body, CheckpointReported) and event.seq not in handled:
                found.append((event.seq, body))
        return found

    def _wait_until_due(self, events: int, ended: threading.Event) -> None:
        """Return when so many events wait, or the oldest has waited long enough, or at `_wake` once `ended` is set."""
        with self._changed:
            self._enough = events
            self._changed.wait_for(lambda: len(self._events) or ended.is_set())
            wait_s = self._oldest + linger_s(self._commit_s, self._least_linger_s) - time.monotonic()
            is_due = self._changed.wait_for(lambda: len(self._events) >= events or ended.is_set(), max(0.0, wait_s))
            if not is_due and len(self._events) > events // _BULK:
                wait_s = self._oldest + _BULK_LINGER_S - time.monotonic()
                self._changed.wait_for(lambda: len(self._events) >= events or ended.is_set(), max(0.0, wait_s))

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _write_log(self, log: list[str]) -> None:
        if self._log_path is None:
            return
        try:
            self._log_path.parent.mkdir(parents=True, exist_ok=True)
            with open(_appending(self._log_path), "a", encoding="utf-8") as file:
                file.writelines(log)
        except OSError as error:  # the facts are in the store; the file is a copy for people
            path, self._log_path = self._log_path, None
            self.note(
                f"the log file {path} cannot be written ({error.strerror}); the log goes on in the database",
                Level.WARN,
            )


class Committer:
    """A thread that commits a recorder's batches while the block runs, each as soon as it is full or old enough.

    SQLite works without Python's lock, so the block's own thread reads on meanwhile. Leaving the block raises the error
    of a commit that failed, unless the block raised already.
    """

    def __init__(self, recorder: Recorder, batch_events: int) -> None:
        self._recorder = recorder
        self._batch_events = batch_events
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commit-events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._recorder._wake()
        self._thread.join()
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raises the error of a commit that failed."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._recorder._wait_until_due(self._batch_events, self._ended)
                self._recorder.flush()
        except BaseException as failure:  # noqa: BLE001 - raised in the thread that reads
            self._failure = failure


def _appending(path: Path) -> int:
    """The file open for appending, made where it is missing. OSError for anything but a plain file in a plain folder.

    The plugin can write to the folder: it could have put a link to a file of the agent there, or a pipe without reader.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path.name, flags, 0o644, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return descriptor
