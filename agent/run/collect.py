"""Follow a container's output: bytes → lines → events → the recorder.

Every line of the container and every note of the agent gets a number, in one sequence per task. Rows and the
reading position (`lines_read`) are committed in one transaction. After any crash the output is read again from its
first byte, and the lines that are counted already are skipped: no line is lost or kept twice.

A checkpoint's line is committed before its handler runs. A crash between the two leaves an event without a
checkpoint row; the next `collect` finds it and calls the handler then. So a handler is called at least once
per line, and always with the same number: `(task_id, seq)` tells a second call from a first.

The caller's thread receives and reads lines while the recorder's `Committer` commits the batch before. When batches
pile up, the reader waits for the committer: a slow or busy store slows the reading down, and the output waits in the
engine's log, not in memory.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.engines import Frame
from agent.events.late_output import LateOutput
from agent.events.lines import LineJoiner, Lines
from agent.events.model import (
    Applied,
    CheckpointReported,
    Crashed,
    Event,
    ImageReported,
    Level,
    Stream,
)
from agent.events.parse import IMAGE
from agent.events.reading import EventColumns, ReadLines
from agent.recorder import Committer, Recorder
from agent.run.cycles import rare_searches
from agent.run.serving import HIDDEN

_BATCH_LINES = 8000  # per transaction
_READ_LINES = 1000  # taken apart at once: what is made of them fits into the processor's cache
_BATCH_BYTES = 4 << 20  # or so much output, whichever comes first: 4000 lines of 1 MiB would not fit into memory
_LAST_LINES = 20

DEPLOYED_EVENT = "TASK_DEPLOYED"
_HANDLED = frozenset({"CHECKPOINT", "MODEL_APPLIED", IMAGE, DEPLOYED_EVENT})
_REPORT = re.compile(r"[^:]*Error (title|message)\s*:(.*)", re.DOTALL)  # contract: events.md 6, 2026 extras


@dataclass(frozen=True, slots=True)
class Collected:
    """What the whole output contained, including the lines recorded before a restart."""

    lines: int = 0
    points: int = 0
    checkpoints: int = 0
    applied: int = 0
    parse_errors: int = 0
    crash: Crashed | None = None  # the last crash that the container reported
    error_title: str | None = None  # a report for the user, as newer plugins print it
    error_message: str | None = None
    last_lines: tuple[str, ...] = ()  # raw, without blank lines: for sentences about the container's end
    last_errors: tuple[str, ...] = ()  # the last lines of stderr; an engine mixes the streams as it likes
    lost: str = ""  # why lines may be missing, a sentence


def collect(
    output: Iterator[Sequence[Frame]],
    recorder: Recorder,
    *,
    on_checkpoint: Callable[[int, CheckpointReported], object],
    on_applied: Callable[[int], object],
    on_image: Callable[[int, ImageReported], object] = lambda _seq, _image: None,
    on_deployed: Callable[[int], object] = lambda _seq: None,
    hide: str = "",
) -> Collected:
    """Record the output to its end. In place of `hide`, a secret, stands a mark in each line that has it.

    Handlers are called in this thread with the number of their line, before the next line is read, and after that line
    is committed; that of an image is only numbered. Raises the errors of the output and the handlers, StoreBusy when
    the store stayed busy for minutes, StorageFailed when it refused. Lines that are numbered and not committed then
    stay in the recorder.
    """
    for seq, reported in recorder.unhandled_checkpoints():
        on_checkpoint(seq, reported)
    reader = _Reader(recorder, on_checkpoint, on_applied, on_image, on_deployed)
    joiner = LineJoiner()
    size_bytes = 0
    with rare_searches(), Committer(recorder, _BATCH_LINES) as committer:
        for frames in output:
            reader.take(_without(hide, joiner.feed(frames)), time.time_ns() // 1000)
            size_bytes += sum([len(piece) for _, piece in frames])
            if size_bytes > _BATCH_BYTES:
                recorder.flush()
                size_bytes = 0
            committer.check()
    reader.take(_without(hide, joiner.finish()), time.time_ns() // 1000)
    recorder.flush()
    reader.note_missing_lines()
    reader.note_late_lines()
    return reader.collected()


def _without(secret: str, lines: Lines) -> Lines:
    """The lines, without the secret."""
    if secret:
        lines.texts = [text.replace(secret, HIDDEN) for text in lines.texts]
    return lines


class _Reader:
    """Records lines and counts their content."""

    def __init__(
        self,
        recorder: Recorder,
        on_checkpoint: Callable[[int, CheckpointReported], object],
        on_applied: Callable[[int], object],
        on_image: Callable[[int, ImageReported], object],
        on_deployed: Callable[[int], object],
    ) -> None:
        self._recorder = recorder
        self._on_checkpoint = on_checkpoint
        self._on_applied = on_applied
        self._on_image = on_image
        self._on_deployed = on_deployed
        self._skip = recorder.lines_read  # numbered before a restart: counted again, not recorded again
        self._points = self._checkpoints = self._applied = self._parse_errors = 0
        self._crash: Crashed | None = None
        self._report: dict[str, str] = {}
        self._lost = ""
        # A log that another agent has begun to read comes at once, too.
        self._late = None if recorder.lines_read else LateOutput(time.time_ns() // 1000)
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._last_errors: deque[str] = deque(maxlen=_LAST_LINES)

    def take(self, lines: Lines, time_us: int) -> None:
        """Record lines received at this time."""
        if self._late is not None:
            self._late.take(lines, time_us)
        for start in range(0, len(lines), _READ_LINES):
            if self._recorder.waiting >= 2 * _BATCH_LINES:
                self._recorder.flush()
            read = ReadLines(lines.part(start, start + _READ_LINES), time_us)
            known, self._skip = min(self._skip, len(read)), max(0, self._skip - len(read))
            self._record(read, known)

    def _record(self, read: ReadLines, known: int) -> None:
        """Count all of these lines, and record those that are not known."""
        if known:
            self._count(read.columns(0, known))
        recorded = known
        for place, event in read.events:
            if event.event_type in _HANDLED and place >= known:
                seq = self._recorded(read.columns(recorded, place + 1))
                recorded = place + 1
                self._handle(seq, event)
        if recorded < len(read):
            self._recorded(read.columns(recorded))

    def _recorded(self, columns: EventColumns) -> int:
        self._count(columns)
        return self._recorder.record(columns)

    def _handle(self, seq: int, event: Event) -> None:
        if isinstance(event.body, ImageReported):
            self._on_image(seq, event.body)
        elif event.event_type == IMAGE:  # so named by the plugin: a line as any other
            return
        elif isinstance(event.body, CheckpointReported):
            self._recorder.flush()
            self._on_checkpoint(seq, event.body)
        elif event.event_type == "CHECKPOINT":
            self._recorder.note(f"a checkpoint was reported and cannot be kept: {event.parse_error}", Level.ERROR)
        elif event.event_type == DEPLOYED_EVENT:
            self._recorder.flush()
            self._on_deployed(seq)
        else:
            self._recorder.flush()
            self._on_applied(seq)

    def _count(self, columns: EventColumns) -> None:
        texts, streams = columns.texts[-5 * _LAST_LINES :], columns.streams[-5 * _LAST_LINES :]
        last = [(text, stream) for text, stream in zip(texts, streams, strict=True) if text.strip()]
        self._last_lines.extend([text for text, _ in last])
        self._last_errors.extend([text for text, stream in last if stream is Stream.STDERR])
        self._points += sum([len(points.places) * len(points.values) for points in columns.points.values()])
        for _, event in columns.events:
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
                self._crash = crash if crash.error.strip() else Crashed(event.message, crash.stack)
            case None if "Error " in event.message and (report := _REPORT.match(event.message)):
                self._report[report[1]] = report[2].strip()

    def note_missing_lines(self) -> None:
        if self._skip:
            read = self._recorder.lines_read
            self._lost = (
                f"the engine's log holds {read - self._skip} lines, but {read} were read from it before: "
                "its beginning was rotated away, so lines printed since may be missing here"
            )
            self._recorder.note(self._lost, Level.WARN)
        elif not self._recorder.lines_read:
            self._recorder.note("No logs obtained from container.", Level.WARN)

    def note_late_lines(self) -> None:
        """Say that the program kept its output back; nothing of one that crashed, whose end is another."""
        if (
            self._late is not None
            and self._crash is None
            and (found := self._late.found(time.time_ns() // 1000)) is not None
        ):
            count, near = found
            seq = self._recorder.note(f"This is nearly {near.nearly}. {near.change}", Level.WARN)
            self._recorder.count_near_miss(near, count, seq)

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
            lost=self._lost,
        )
