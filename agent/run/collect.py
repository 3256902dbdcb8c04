"""Follow a container's output: lines → events → numbered batches → store.

Every line of the container and every note of the agent gets a number, in one sequence per task. Rows and the
reading position (`lines_read`) are committed in one transaction, so after any crash the output is read
again from its first byte, the lines counted already are skipped, and none is lost or kept twice.

A checkpoint's line is committed before its handler runs. A crash between the two leaves an event without a
checkpoint row; the next `collect` finds it and calls the handler then. So a handler is called at least once
per line, and always with the same number: `(task_id, seq)` tells a second call from a first.

Two threads: the caller's receives and reads lines, the other commits them, a batch at a time, while more is read;
SQLite works without Python's lock. When batches pile up the first waits for the second, so a slow or busy store slows
the receiving down, and the output waits in the engine's log, not in memory.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from agent.engines import Frame
from agent.events.lines import Line, LineJoiner
from agent.events.model import Applied, CheckpointReported, Crashed, Event, Level, Metrics, Progress, Stream
from agent.events.parse import parse_line
from agent.record import Recorder

_BATCH_LINES = 4000  # per transaction
_BATCH_BYTES = 4 << 20  # or so much output, whichever comes first: 4000 lines of 1 MiB would not fit the memory
_LAST_LINES = 20
_LINGER_S = 0.03  # how long a line may wait for company; readers are promised it within 0.1 s of being printed

_HANDLED = frozenset({"CHECKPOINT", "MODEL_APPLIED"})
_REPORT = re.compile(r"[^:]*Error (title|message)\s*:(.*)", re.DOTALL)  # contract: events.md 6, 2026 extras


@dataclass(frozen=True, slots=True)
class Collected:
    """What the whole output held, lines recorded before a restart included."""

    lines: int = 0
    points: int = 0
    checkpoints: int = 0
    applied: int = 0
    parse_errors: int = 0
    crash: Crashed | None = None  # the last one the container reported
    error_title: str | None = None  # a report for the user, as newer plugins print it
    error_message: str | None = None
    last_lines: tuple[str, ...] = ()  # raw, none of them blank: for sentences about how it ended
    last_errors: tuple[str, ...] = ()  # those of stderr; an engine mixes the streams as it likes


def collect(
    output: Iterator[Sequence[Frame]],
    recorder: Recorder,
    *,
    on_checkpoint: Callable[[int, CheckpointReported], object],
    on_applied: Callable[[int], object],
) -> Collected:
    """Record the output to its end.

    Handlers are called in this thread with the number of their line, after that line is committed and before
    the next one is read. Raises what the output or a handler raises, StoreBusy when the store stayed busy for
    minutes, StorageFailed when it refused. Lines that are numbered by then and not committed wait in the recorder.
    """
    for seq, reported in recorder.unhandled_checkpoints():
        on_checkpoint(seq, reported)
    reader = _Reader(recorder, on_checkpoint, on_applied)
    joiner = LineJoiner()
    size_bytes = 0
    with _Committer(recorder) as committer:
        for frames in output:
            reader.take(joiner.feed(frames), time.time_ns() // 1000)
            size_bytes += sum([len(piece) for _, piece in frames])
            if size_bytes > _BATCH_BYTES:
                recorder.flush()
                size_bytes = 0
            committer.check()
    reader.take(joiner.finish(), time.time_ns() // 1000)
    recorder.flush()
    reader.say_what_is_missing()
    return reader.collected()


class _Reader:
    """Records lines and counts what they hold."""

    def __init__(
        self,
        recorder: Recorder,
        on_checkpoint: Callable[[int, CheckpointReported], object],
        on_applied: Callable[[int], object],
    ) -> None:
        self._recorder = recorder
        self._on_checkpoint = on_checkpoint
        self._on_applied = on_applied
        self._skip = recorder.lines_read  # numbered before a restart: counted again, not recorded again
        self._points = self._checkpoints = self._applied = self._parse_errors = 0
        self._crash: Crashed | None = None
        self._report: dict[str, str] = {}
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._last_errors: deque[str] = deque(maxlen=_LAST_LINES)

    def take(self, lines: Sequence[Line], time_us: int) -> None:
        """Record lines that were received at that time."""
        if self._skip:
            for line in lines[: self._skip]:
                self._count([parse_line(line.text, line.stream, time_us)])
            lines, self._skip = lines[self._skip :], max(0, self._skip - len(lines))
        for start in range(0, len(lines), _BATCH_LINES):
            if self._recorder.waiting >= 2 * _BATCH_LINES:
                self._recorder.flush()
            self._record([parse_line(line.text, line.stream, time_us) for line in lines[start : start + _BATCH_LINES]])

    def _record(self, events: list[Event]) -> None:
        self._count(events)
        recorded = 0
        for position, event in enumerate(events):
            if event.event_type in _HANDLED:
                seq = self._recorder.record(events[recorded : position + 1])
                recorded = position + 1
                self._handle(seq, event)
        self._recorder.record(events[recorded:])

    def _handle(self, seq: int, event: Event) -> None:
        if isinstance(event.body, CheckpointReported):
            self._recorder.flush()
            self._on_checkpoint(seq, event.body)
        elif event.event_type == "CHECKPOINT":
            self._recorder.note(f"a checkpoint was reported and cannot be kept: {event.parse_error}", Level.ERROR)
        else:
            self._recorder.flush()
            self._on_applied(seq)

    def _count(self, events: Sequence[Event]) -> None:
        last = [event for event in events[-5 * _LAST_LINES :] if event.raw.strip()]
        self._last_lines.extend([event.raw for event in last])
        self._last_errors.extend([event.raw for event in last if event.stream is Stream.STDERR])
        for event in events:
            body = event.body
            if type(body) is Metrics:
                self._points += len(body.values)
            elif type(body) is not Progress:
                self._notice(event)
            if event.parse_error is not None:
                self._parse_errors += 1

    def _notice(self, event: Event) -> None:
        match event.body:
            case CheckpointReported():
                self._checkpoints += 1
            case Applied():
                self._applied += 1
            case Crashed() as crash:
                self._crash = crash
            case None if "Error " in event.message and (report := _REPORT.match(event.message)):
                self._report[report[1]] = report[2].strip()

    def say_what_is_missing(self) -> None:
        if self._skip:
            read = self._recorder.lines_read
            self._recorder.note(
                f"the engine's log holds {read - self._skip} lines, but {read} were read from it before: "
                "its beginning was rotated away, so lines printed since may be missing here",
                Level.WARN,
            )
        elif not self._recorder.lines_read:
            self._recorder.note("No logs obtained from container.", Level.WARN)

    def collected(self) -> Collected:
        return Collected(
            lines=self._recorder.lines_read,
            points=self._points,
            checkpoints=self._checkpoints,
            applied=self._applied,
            parse_errors=self._parse_errors,
            crash=self._crash,
            error_title=self._report.get("title"),
            error_message=self._report.get("message"),
            last_lines=tuple(self._last_lines),
            last_errors=tuple(self._last_errors),
        )


class _Committer:
    """Commits batches in a thread of its own, each as soon as it is full or old enough."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._failure: BaseException | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commit-events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._recorder.wake()
        self._thread.join()
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raises what a commit raised."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._done.is_set():
                self._recorder.wait_until_due(_BATCH_LINES, _LINGER_S, self._done)
                self._recorder.flush()
        except BaseException as failure:  # noqa: BLE001 - raised in the thread that collects
            self._failure = failure
