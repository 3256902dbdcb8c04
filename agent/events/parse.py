"""A line → an event. Pure and total: any text gives an event, bad input is a value with a reason.

The rules are the official agent's (contract: events.md 6), read generously: what it would crash on or lose is
data here. docs/reference/events.md lists every choice. What the bodies of known events may look like is in
`bodies.py`.

Lines come a hundred thousand times a second, so the ordinary ones (strict JSON from the SDK, plain text) take
the short way and everything odd a longer one that gives the same kind of answer.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agent.events.bodies import BODIES, WrongBody
from agent.events.lines import cut_mark
from agent.events.model import Body, Event, Level, Metrics, Progress, Stream
from agent.events.read_json import MAX_DEPTH, TooDeep, read_json
from agent.events.sdk_lines import NOT_THESE, MetricsLine, ProgressLine, decode_sdk_line

_LEVELS = {name: level for level in Level for name in (level.name, level.name.lower())}

# The official numbers; python-json-logger 4 prints them where version 0.1.8 prints names.
_NUMBERS = {
    1: "LOGJ", 2: "LOGS", 3: "TASK_STARTED", 4: "TASK_FINISHED", 5: "TASK_STOPPED", 6: "TASK_CRASHED",
    7: "PROGRESS", 8: "CHECKPOINT", 9: "METRICS", 10: "TASK_REMOVED", 11: "MODEL_APPLIED", 12: "DTL_APPLIED",
    13: "IMPORT_APPLIED", 14: "PROJECT_CREATED", 15: "TASK_VERIFIED", 16: "STEP_COMPLETE", 17: "TASK_DEPLOYED",
    18: "AGENT_READY_FOR_TASKS", 19: "MISSED_TASK_FOUND", 20: "REPORT_CREATED", 21: "APP_FINISHED",
}  # fmt: skip
_NAMES = {
    **{f"EventType.{name}": name for name in _NUMBERS.values()},
    **{name: name for name in _NUMBERS.values()},
    **{str(number): name for number, name in _NUMBERS.items()},
}
_CUT = re.compile(re.escape(cut_mark(0)).replace("0", r"(\d+)", 1) + "$")
_MISSING = object()


def parse_line(text: str, stream: Stream, time_us: int) -> Event:
    """Read one line without its newline. `raw` of the event is `text` itself."""
    if text[:1] == "{":
        try:
            line = decode_sdk_line(text)
        except NOT_THESE:
            return read_object(text, stream, time_us)
        level = _LEVELS.get(line.level) or _level(line.level)
        body: Body
        if type(line) is MetricsLine:
            body = Metrics(line.type, line.epoch, line.metrics)
            return Event(text, stream, time_us, level, line.message, "METRICS", body, None, None, 0)
        assert type(line) is ProgressLine
        body = Progress(line.subtask, line.current, line.total, line.current_label, line.total_label)
        return Event(text, stream, time_us, level, line.message, "PROGRESS", body, None, None, 0)
    return _text(text, stream, time_us)


def read_object(text: str, stream: Stream, time_us: int) -> Event:
    """A line that begins like an object, whatever it turns out to be."""
    try:
        record = read_json(text)
    except TooDeep:
        said = f"JSON nested deeper than {MAX_DEPTH} levels is kept as text"
        return Event(text, stream, time_us, Level.INFO, _drawn(text), parse_error=said)
    except ValueError as error:
        return _broken(text, stream, time_us, error)
    event = _structured(text, stream, time_us, record) if type(record) is dict else None
    return event or _text(text, stream, time_us)


def _structured(raw: str, stream: Stream, time_us: int, record: dict[str, Any], start: int = 0) -> Event | None:
    """The event described by the JSON object at `start`; takes `record` apart. None: no log line, so it is text."""
    message = record.pop("message", _MISSING)
    wire_type = record.pop("event_type", None)
    if message is _MISSING:
        if wire_type is None:
            return None
        message = ""
    level = record.pop("level", None)
    record.pop("timestamp", None)  # the container's local time, with a false Z; we have our own
    if type(message) is not str:
        message = str(message)
    level = _LEVELS.get(level) or _level(level) if type(level) is str else Level.INFO
    if wire_type is None:
        return Event(raw, stream, time_us, level, message, None, None, record or None, None, start)
    event_type = _NAMES.get(wire_type) if type(wire_type) is str else None
    if event_type is None:
        if isinstance(wire_type, (dict, list)):
            return None
        event_type = _odd_name(wire_type)
    body: Body | None = None
    error: str | None = None
    read_body = BODIES.get(event_type)
    if read_body is not None:
        try:
            body, error = read_body(record)
        except WrongBody as wrong:
            error = f"{event_type} line: {wrong}"
    return Event(raw, stream, time_us, level, message, event_type, body, record or None, error, start)


def _level(name: str) -> Level:
    """`Warn` is WARN; names that are none, `critical` and `warning` among them, are INFO as in the original."""
    return _LEVELS.get(name.upper(), Level.INFO)


def _odd_name(wire: object) -> str:
    """A number, or a name that is none of ours: forwarded as it is, so that nothing is lost."""
    if type(wire) is int:
        return _NUMBERS.get(wire, str(wire))
    return str(wire).removeprefix("EventType.")


def _text(text: str, stream: Stream, time_us: int) -> Event:
    """A line that is not an object of ours, or one behind something else on the same line."""
    drawn = _drawn(text) if "\r" in text else text
    if "{" in drawn and drawn.rstrip()[-1:] == "}":
        glued = _glued(text, drawn, stream, time_us)
        if glued is not None:
            return glued
    level = Level.DEBUG if drawn.startswith("Requirement already satisfied") else Level.INFO
    error = None
    if drawn[-1:] == "]" and (cut := _CUT.search(drawn[-80:])):
        error = f"the line was longer than can be kept: its last {cut[1]} bytes were dropped"
    return Event(text, stream, time_us, level, drawn, parse_error=error)


def _broken(text: str, stream: Stream, time_us: int, error: ValueError) -> Event:
    """A line that begins like an object and is none: text, with the reason where it meant to be an event."""
    event = _text(text, stream, time_us)
    if '"event_type"' in text and event.parse_error is None and event.json_start is None:
        return msgspec.structs.replace(event, parse_error=f"the line looks like an event but is no JSON: {error}")
    return event


def _drawn(text: str) -> str:
    """The last drawing of a redrawn line that is not blank; bars wipe themselves with blanks at their end."""
    return next((segment for segment in reversed(text.split("\r")) if segment.strip()), "")


def _glued(text: str, drawn: str, stream: Stream, time_us: int) -> Event | None:
    """A log line behind a progress bar without newline: read from the last carriage return, then from a brace.

    Whatever stands before it is kept as the field `prefix`. A print that merely quotes an object is text:
    the object must have a message and a level, or an event type.
    """
    first, quoted = drawn.find("{"), drawn.find('{"')  # a bar may show braces of its own
    before = text.rindex(drawn)
    for start in sorted({first, quoted} - {-1}):
        if start == 0 and drawn is text:
            continue  # tried before: the whole line
        try:
            record = read_json(drawn[start:])
        except ValueError:
            continue
        if type(record) is dict and ("event_type" in record or ("message" in record and "level" in record)):
            event = _structured(text, stream, time_us, record, before + start)
            if event is not None:
                prefix = text[: before + start]
                return _with_fields(event, {"prefix": prefix}) if prefix.strip() else event
    return None


def _with_fields(event: Event, more: dict[str, Any]) -> Event:
    return msgspec.structs.replace(event, fields={**(event.fields or {}), **more})
