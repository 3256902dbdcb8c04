"""The agent's own log, on standard error: lines for a person, or JSON for whoever collects logs.

Each record knows the task it is about: by `extra={"task_id": 3}`, or by running inside `about_task(3)`. A warning or an
error that repeats itself is written once in `REPEAT_S` seconds, with a count: a client that fails a thousand times a
second must not fill the disk.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TextIO

import orjson
from cachetools import LRUCache

LogFormat = Literal["text", "json"]

REPEAT_S = 10.0
_REMEMBERED = 256  # messages; one that was not seen for long is forgotten first, after its count is written

_task: ContextVar[int | None] = ContextVar("task", default=None)
_only_ours: ContextVar[bool] = ContextVar("only_ours", default=False)


@contextmanager
def about_task(task_id: int) -> Iterator[None]:
    """Whatever this thread logs in the block, libraries included, is about that task."""
    token = _task.set(task_id)
    try:
        yield
    finally:
        _task.reset(token)


@contextmanager
def only_ours() -> Iterator[None]:
    """Whatever libraries log in this thread in the block is left out: it may hold addresses with secrets."""
    token = _only_ours.set(True)
    try:
        yield
    finally:
        _only_ours.reset(token)


def log_to_stderr(level: str, log_format: LogFormat) -> None:
    """Set up this process's logging. Replaces what was set up before."""
    handler = ThinningHandler(sys.stderr)
    handler.addFilter(may_be_written)
    handler.addFilter(_name_task)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # A controller asks Kubernetes every few seconds, and its client would write a line each time.
    logging.getLogger("httpx2").setLevel(level.upper() if level == "debug" else logging.WARNING)


def may_be_written(record: logging.LogRecord) -> bool:
    """A filter of handlers: see `only_ours`."""
    return not _only_ours.get() or record.name.partition(".")[0] == "agent"


def _name_task(record: logging.LogRecord) -> bool:
    if not hasattr(record, "task_id"):
        record.task_id = _task.get()
    return True


@dataclass(slots=True)
class _Repeated:
    """A message that was written at `since`, and its last record of those that were held back."""

    since: float
    record: logging.LogRecord
    held_back: int = 0


class ThinningHandler(logging.StreamHandler[TextIO]):
    """Writes an equal warning or error once in REPEAT_S seconds; the count of the others comes with a later record."""

    def __init__(self, stream: TextIO, *, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._now = now
        self._seen: LRUCache[tuple[object, ...], _Repeated] = LRUCache(_REMEMBERED)

    def emit(self, record: logging.LogRecord) -> None:
        now = self._now()
        for key, repeated in list(self._seen.items()):
            if now - repeated.since >= REPEAT_S:
                del self._seen[key]
                self._write_count(repeated)
        if record.levelno < logging.WARNING:
            super().emit(record)
            return
        key = (record.name, record.levelno, getattr(record, "task_id", None), record.getMessage())
        if (earlier := self._seen.get(key)) is not None:
            earlier.record = record
            earlier.held_back += 1
            return
        if len(self._seen) == _REMEMBERED:
            self._write_count(self._seen.popitem()[1])
        self._seen[key] = _Repeated(now, record)
        super().emit(record)

    def close(self) -> None:
        for repeated in self._seen.values():
            self._write_count(repeated)
        self._seen.clear()
        super().close()

    def _write_count(self, repeated: _Repeated) -> None:
        if repeated.held_back:
            times = "once more" if repeated.held_back == 1 else f"{repeated.held_back} times more"
            record = copy.copy(repeated.record)  # with the time of the last
            record.msg, record.args = f"{record.getMessage()} ({times} within {REPEAT_S:.0f} s)", None
            record.exc_info = record.exc_text = record.stack_info = None  # as the first had it
            super().emit(record)


class TextFormatter(logging.Formatter):
    """`2026-01-31 12:00:00,123 WARNING task 3: …`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(about)s%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        about = "" if (task_id := getattr(record, "task_id", None)) is None else f"task {task_id}: "
        record.about = "" if record.getMessage().startswith(about) else about
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """An object a line: time (UTC), level, logger, message, thread; where there are any, task_id, error, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "thread": record.threadName,
        }
        if (task_id := getattr(record, "task_id", None)) is not None:
            said["task_id"] = task_id
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__name__
            said["traceback"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(said).decode()
        except TypeError:  # lone surrogates in a file's name
            plain = {name: _storable(value) for name, value in said.items()}
            return orjson.dumps(plain).decode()


def _storable(value: object) -> object:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
