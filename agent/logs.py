"""The agent's own log, on standard error: lines for a person, or JSON for whoever collects logs.

Each record knows the task it is about: by `extra={"task_id": 3}`, or by running inside `about_task(3)`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

import orjson

LogFormat = Literal["text", "json"]

_task: ContextVar[int | None] = ContextVar("task", default=None)


@contextmanager
def about_task(task_id: int) -> Iterator[None]:
    """Whatever this thread logs in the block, libraries included, is about that task."""
    token = _task.set(task_id)
    try:
        yield
    finally:
        _task.reset(token)


def log_to_stderr(level: str, log_format: LogFormat) -> None:
    """Set up this process's logging. Replaces what was set up before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_name_task)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchdog").setLevel(logging.CRITICAL)  # it calls being stopped in the middle of a read an error


def _name_task(record: logging.LogRecord) -> bool:
    if not hasattr(record, "task_id"):
        record.task_id = _task.get()
    return True


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
