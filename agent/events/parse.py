"""A line → an event. Pure and total: any text gives an event, bad input is a value with a reason.

The rules are those of the official agent (contract: events.md 6), with one difference: a line on which the official
agent crashes, or whose event it loses, is data here. docs/reference/events.md lists every choice. `payloads.py` reads
the fields of known events.

A plugin may print a hundred thousand lines a second. METRICS and PROGRESS lines of the SDK take a fast way
(`sdk_lines.py`), all other lines the general way; a line that both can read gives the same event in both.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agent.events.lines import cut_mark
from agent.events.model import Body, Event, Level, Metrics, Progress, Stream
from agent.events.payloads import BODIES, WrongBody, read_image
from agent.events.sdk_lines import NOT_SDK_LINES, MetricsLine, ProgressLine, decode_sdk_line
from agent.formats.json_text import TooDeep, read_lenient
from agent.formats.json_values import MAX_DEPTH

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
IMAGE = "IMAGE"  # our name for a plain line with the field `image`: on the wire it has no type
_CUT = re.compile(re.escape(cut_mark(0)).replace("0", r"(\d+)", 1) + "$")
_MISSING = object()


def parse_line(text: str, stream: Stream, time_us: int) -> Event:
    """The event of one line, which comes without its newline. `raw` of the event is `text` itself."""
    if text[:1] != "{":
        return _text(text, stream, time_us)
    try:
        line = decode_sdk_line(text)
    except NOT_SDK_LINES:
        return read_object(text, stream, time_us)
    body: Body
    if type(line) is MetricsLine:
        body = Metrics(line.kind, line.epoch, line.values)
    else:
        assert type(line) is ProgressLine
        body = Progress(line.subtask, line.current, line.total, line.current_label, line.total_label)
    return Event(text, stream, time_us, level_of(line.level), line.message, line.event_type, body, None, None, 0)


def parse_generally(text: str, stream: Stream, time_us: int) -> Event:
    """The same event for any line, in the general way."""
    return read_object(text, stream, time_us) if text[:1] == "{" else _text(text, stream, time_us)


def read_object(text: str, stream: Stream, time_us: int) -> Event:
    """The event of a line that begins with `{`, in the general way."""
    try:
        record = read_lenient(text)
    except TooDeep:
        said = f"JSON nested deeper than {MAX_DEPTH} levels is kept as text"
        return Event(text, stream, time_us, Level.INFO, _drawn(text), parse_error=said)
    except ValueError as error:
        return _broken(text, stream, time_us, error)
    event = _structured(text, stream, time_us, record) if type(record) is dict else None
    return event or _text(text, stream, time_us)


def _structured(raw: str, stream: Stream, time_us: int, record: dict[str, Any], start: int = 0) -> Event | None:
    """The event of the JSON object `record`, which begins at `start` of `raw`; removes keys from `record`.

    None for an object without message and event type, or with an event type that is no name: the line is text then.
    """
    message = record.pop("message", _MISSING)
    wire_type = record.pop("event_type", None)
    if message is _MISSING:
        if wire_type is None:
            return None
        message = ""
    level = record.pop("level", None)
    record.pop("timestamp", None)  # local time of the container with a false Z (contract: events.md 2); ours counts
    if type(message) is not str:
        message = str(message)
    level = level_of(level) if type(level) is str else Level.INFO
    if wire_type is None:
        if "image" in record and (image := read_image(record)) is not None:
            return Event(raw, stream, time_us, level, message, IMAGE, image[0], record or None, image[1], start)
        return Event(raw, stream, time_us, level, message, None, None, record or None, None, start)
    event_type = _NAMES.get(wire_type) if type(wire_type) is str else None
    if event_type is None:
        if isinstance(wire_type, (dict, list)):
            return None
        event_type = _name_of_unlisted_type(wire_type)
    body: Body | None = None
    error: str | None = None
    read_body = BODIES.get(event_type)
    if read_body is not None:
        try:
            body, error = read_body(record)
        except WrongBody as wrong:
            error = f"{event_type} line: {wrong}"
    return Event(raw, stream, time_us, level, message, event_type, body, record or None, error, start)


def level_of(name: str) -> Level:
    """`Warn` is WARN; every unknown name, `critical` and `warning` too, is INFO (contract: events.md 6, rule 5)."""
    return _LEVELS.get(name) or _LEVELS.get(name.upper(), Level.INFO)


def _name_of_unlisted_type(wire: object) -> str:
    """The name of an event type that `_NAMES` lacks: a number's name, or the spelling as it came."""
    if type(wire) is int:
        return _NUMBERS.get(wire, str(wire))
    return str(wire).removeprefix("EventType.")


def _text(text: str, stream: Stream, time_us: int) -> Event:
    """The event of a line of text, or of the JSON object at its end."""
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
    """The event of a line that begins with `{` and is no JSON: text, with the reason where it was meant as an event."""
    event = _text(text, stream, time_us)
    if '"event_type"' in text and event.parse_error is None and event.json_start is None:
        return msgspec.structs.replace(event, parse_error=f"the line looks like an event but is no JSON: {error}")
    return event


def _drawn(text: str) -> str:
    """The last part between carriage returns that is not blank: a progress bar may end by drawing blanks."""
    return next((segment for segment in reversed(text.split("\r")) if segment.strip()), "")


def _glued(text: str, drawn: str, stream: Stream, time_us: int) -> Event | None:
    """The event of a JSON object that stands behind a progress bar without newline; None where there is no such object.

    The text before the object is kept as the field `prefix`. The object must have a message and a level, or an event
    type; otherwise the line is a print that quotes some object, and stays text.
    """
    first, quoted = drawn.find("{"), drawn.find('{"')  # a bar may draw braces, too
    before = text.rindex(drawn)
    for start in sorted({first, quoted} - {-1}):
        if start == 0 and drawn is text:
            continue  # tried before: the whole line
        try:
            record = read_lenient(drawn[start:])
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
