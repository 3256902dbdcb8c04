"""The log of a plugin: a JSON object per line on stderr (contract: events.md 1, 2).

`logger` is a standard `logging.Logger` named "logger". A line holds, in this order, the message,
the extras, the timestamp, the level, and the traceback, if it exists, as a list of lines.
"""

from __future__ import annotations

import datetime
import json
import logging
import math
import os
import sys
import types
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple


class ServiceType(Enum):
    """The writer of a line; the agent adds it."""

    AGENT = 1
    TASK = 2
    EXPORT = 3


class EventType(Enum):
    """The type of an event. A line holds the member's full name: "EventType.METRICS"."""

    LOGJ = 1
    LOGS = 2
    TASK_STARTED = 3
    TASK_FINISHED = 4
    TASK_STOPPED = 5
    TASK_CRASHED = 6
    PROGRESS = 7
    CHECKPOINT = 8
    METRICS = 9
    TASK_REMOVED = 10
    MODEL_APPLIED = 11
    DTL_APPLIED = 12
    IMPORT_APPLIED = 13
    PROJECT_CREATED = 14
    TASK_VERIFIED = 15
    STEP_COMPLETE = 16
    TASK_DEPLOYED = 17
    AGENT_READY_FOR_TASKS = 18
    MISSED_TASK_FOUND = 19
    REPORT_CREATED = 20
    APP_FINISHED = 21


class LogLevelSpec(NamedTuple):
    """A level: its number, whether it attaches the current exception automatically, and its name."""

    int: int
    add_exc_info: bool
    descr: str


LOGGING_LEVELS = {
    "FATAL": LogLevelSpec(50, True, "Critical error"),
    "ERROR": LogLevelSpec(40, True, "Error"),
    "WARN": LogLevelSpec(30, False, "Warning"),
    "INFO": LogLevelSpec(20, False, "Info"),
    "DEBUG": LogLevelSpec(10, False, "Debug"),
    "TRACE": LogLevelSpec(5, False, "Trace"),
}
_LEVEL_NAMES = {spec.int: name.lower() for name, spec in LOGGING_LEVELS.items()}

# Attributes that every LogRecord has; the other attributes of a record come from `extra`.
_OWN_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def _readable(value: Any) -> Any:
    """The form of a value that JSON does not support (contract: events.md 2, value encoding)."""
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a faulty __str__ must not stop a log line
        return None


def _strict(value: Any) -> Any:
    """The value with None for NaN and infinities and with strings as keys, so that any JSON parser can read it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value


def _dumps(fields: dict[str, Any]) -> str:
    try:
        return json.dumps(fields, default=_readable, allow_nan=False)
    except (TypeError, ValueError):  # NaN, or keys that are not strings: rare, so they are replaced only here
        pass
    try:
        return json.dumps(_strict(fields), default=_readable, allow_nan=False)
    except (ValueError, RecursionError):  # a value that contains itself
        return json.dumps({key: item if isinstance(item, str) else repr(item) for key, item in fields.items()})


class CustomJsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    additional_fields: dict[str, Any] = {}  # noqa: RUF012 - shared by all handlers, as in the official SDK

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {"message": record.getMessage()}
        extras = record.__dict__.items()
        fields.update((key, value) for key, value in extras if key not in _OWN_ATTRIBUTES and not key.startswith("_"))
        for key, value in self.additional_fields.items():
            if value is not None:
                fields.setdefault(key, value)
        fields["timestamp"] = self.formatTime(record)
        fields["level"] = _LEVEL_NAMES.get(record.levelno, record.levelname.lower())
        if record.exc_info and record.exc_info[0] is not None:
            fields["stack"] = self.formatException(record.exc_info).split("\n")
        if record.stack_info:
            fields["stack_info"] = self.formatStack(record.stack_info)
        return _dumps(fields)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Local time, although it ends in Z: the official SDK's habit, which the agent ignores."""
        seconds = datetime.datetime.fromtimestamp(record.created).strftime("%Y-%m-%dT%H:%M:%S")  # noqa: DTZ006
        return f"{seconds}.{int(record.msecs):03d}Z"


class _Logger(logging.Logger):
    """For type checkers only: a Logger with the methods that `_construct_logger` adds."""

    trace: Callable[..., None]


def create_formatter(logger_fmt_string: str | None = None) -> CustomJsonFormatter:
    """The formatter of SDK lines. The format string is accepted for compatibility; the keys are fixed."""
    return CustomJsonFormatter(logger_fmt_string)


def add_logger_handler(the_logger: logging.Logger, log_handler: logging.Handler) -> None:
    """Add a handler that writes SDK lines."""
    log_handler.setFormatter(create_formatter())
    the_logger.addHandler(log_handler)


def add_default_logging_into_file(the_logger: logging.Logger, log_dir: str) -> None:
    """Also write lines to `log_<date>_<time>.txt` in log_dir, which must exist."""
    name = datetime.datetime.now().strftime("log_%Y-%m-%d_%H:%M:%S.txt")  # noqa: DTZ005
    add_logger_handler(the_logger, logging.FileHandler(os.path.join(log_dir, name)))


def change_formatters_default_values(the_logger: logging.Logger, field_name: str, value: Any) -> None:
    """Add a field to every later line; None removes the field."""
    for handler in the_logger.handlers:
        if isinstance(handler.formatter, CustomJsonFormatter):
            if value is None:
                handler.formatter.additional_fields.pop(field_name, None)
            else:
                handler.formatter.additional_fields[field_name] = value


def _level_method(spec: LogLevelSpec) -> Callable[..., None]:
    def log(self: logging.Logger, msg: object, *args: object, exc_info: Any = spec.add_exc_info, **kwargs: Any) -> None:
        kwargs.setdefault("stacklevel", 2)  # the record names the caller, not this function
        self.log(spec.int, str(msg), *args, exc_info=exc_info, **kwargs)

    return log


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to the current sys.stderr, so that redirecting works."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        raise AttributeError("the stream is always sys.stderr")


def _construct_logger(the_logger: logging.Logger, loglevel_text: str) -> _Logger:
    logging.addLevelName(LOGGING_LEVELS["TRACE"].int, "TRACE")  # the only level that Python lacks
    for handler in the_logger.handlers[:]:
        the_logger.removeHandler(handler)
    for name, spec in LOGGING_LEVELS.items():
        setattr(the_logger, name.lower(), types.MethodType(_level_method(spec), the_logger))
    the_logger.setLevel(loglevel_text.upper())
    add_logger_handler(the_logger, _Stderr())
    the_logger.propagate = False
    return the_logger  # type: ignore[return-value]


def _level_of_environment() -> str:
    """LOG_LEVEL, then LOGLEVEL, then TRACE. An unknown level counts as unset, so that the import does not fail."""
    for name in ("LOG_LEVEL", "LOGLEVEL"):
        level = os.environ.get(name, "").upper()
        if level in LOGGING_LEVELS or level in ("WARNING", "CRITICAL"):
            return level
    return "TRACE"


def set_global_logger() -> _Logger:
    """Create the SDK's logger again, with the level of the environment."""
    return _construct_logger(logging.getLogger("logger"), _level_of_environment())


def get_task_logger(task_id: int | str, loglevel: str | None = None) -> _Logger:
    """A logger of the same kind under the name `task_<id>`."""
    return _construct_logger(logging.getLogger(f"task_{task_id}"), loglevel or _level_of_environment())


logger = set_global_logger()
