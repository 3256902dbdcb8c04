"""Follow a container's output: lines → events → numbered batches → store.

Every line of the container and every note of the agent gets a number, in one sequence per task. Rows and the
reading position (`lines_read`) are committed in one transaction, so after any crash the output is read
again from its first byte, the lines counted already are skipped, and none is lost or kept twice.

A checkpoint's line is committed before its handler runs. A crash between the two leaves an event without a
checkpoint row; the next `collect` finds it and calls the handler then. So a handler is called at least once
per line, and always with the same number: `(task_id, seq)` tells a second call from a first.

Two threads: one receives what the engine sends, a few pieces ahead; the caller's reads lines and commits. A
slow or busy store thus slows the receiving down, and the output waits in the engine's log, not in memory.
"""

from __future__ import annotations

import queue
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
from agent.events.model import CheckpointReported, Crashed, Event, Level, Metrics
from agent.events.parse import parse_line
from agent.record import Recorder

__all__ = ["Collected", "Recorder", "collect"]

_BATCH_LINES = 2000  # per transaction
_BATCH_CHARS = 4 << 20  # or so much text, whichever comes first: 2000 lines of 1 MiB would not fit the memory
_LAST_LINES = 20
_PIECES_AHEAD = 4

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
    with _Ahead(output) as ahead:
        while (piece := ahead.get(recorder.due_in())) is not _END:
            if piece is not None:
                time_us, frames = piece
                reader.take(joiner.feed(frames), time_us)
            if recorder.due_in() == 0:
                recorder.flush()
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

    def take(self, lines: Sequence[Line], time_us: int) -> None:
        """Record lines that were received at that time."""
        if self._skip:
            for line in lines[: self._skip]:
                self._count(parse_line(line.text, line.stream, time_us))
            lines, self._skip = lines[self._skip :], max(0, self._skip - len(lines))
        batch: list[Event] = []
        chars = 0
        for line in lines:
            event = parse_line(line.text, line.stream, time_us)
            self._count(event)
            batch.append(event)
            chars += len(event.raw)
            if event.event_type in _HANDLED:
                seq = self._recorder.record(batch)
                batch = []
                self._handle(seq, event)
            elif len(batch) >= _BATCH_LINES or chars >= _BATCH_CHARS:
                self._recorder.record(batch)
                self._recorder.flush()
                batch, chars = [], 0
        if batch:
            self._recorder.record(batch)

    def _handle(self, seq: int, event: Event) -> None:
        if isinstance(event.body, CheckpointReported):
            self._recorder.flush()
            self._on_checkpoint(seq, event.body)
        elif event.event_type == "CHECKPOINT":  # committed together with its line
            self._recorder.note(f"a checkpoint was reported and cannot be kept: {event.parse_error}", Level.ERROR)
        else:
            self._recorder.flush()
            self._on_applied(seq)

    def _count(self, event: Event) -> None:
        if event.raw.strip():
            self._last_lines.append(event.raw)
        if event.parse_error is not None:
            self._parse_errors += 1
        body = event.body
        if body is None:
            if "Error " in event.message and (report := _REPORT.match(event.message)):
                self._report[report[1]] = report[2].strip()
        elif type(body) is Metrics:
            self._points += len(body.values)
        elif type(body) is Crashed:
            self._crash = body
        else:
            self._checkpoints += event.event_type == "CHECKPOINT"
            self._applied += event.event_type == "MODEL_APPLIED"

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
        )


_Piece = tuple[int, Sequence[Frame]]  # when it was received (µs since 1970), and what
_END: _Piece = (0, ())


class _Ahead:
    """Receives output in a thread of its own, so that waiting for it can end in time to commit."""

    def __init__(self, output: Iterator[Sequence[Frame]]) -> None:
        self._output = output
        self._pieces: queue.Queue[_Piece] = queue.Queue(_PIECES_AHEAD)
        self._failure: BaseException | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._receive, name="receive-output", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The thread may be waiting for output that comes in an hour: it ends with the container, or now.
        self._given_up = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    def get(self, timeout_s: float | None) -> _Piece | None:
        """The next piece, None when none came in time, _END after the last. Raises what the output raised."""
        try:
            piece = self._pieces.get(timeout=timeout_s) if timeout_s != 0 else self._pieces.get_nowait()
        except queue.Empty:
            return None
        if piece is _END and self._failure is not None:
            raise self._failure
        return piece

    def _receive(self) -> None:
        try:
            for frames in self._output:
                self._pieces.put((time.time_ns() // 1000, frames))
                if self._given_up:
                    return
        except BaseException as failure:  # noqa: BLE001 - raised in the thread that collects
            self._failure = failure
        self._pieces.put(_END)
