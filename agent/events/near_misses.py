"""Lines that were surely meant as an event and are none: what they nearly were, and the change to make. Pure.

Total: any line gives an answer, in time that grows with its length, up to LONGEST characters. A near miss stays the
line that it is and is never charted; what `parse.py` reads as an event is none, but for values in it that it could not
read. Where `parse.py` remarks something about a line (`parse_error`), the near miss says it in its place.
docs/reference/near-misses.md lists the kinds. `near_texts.py` looks at lines that are no JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from agent.events.model import CheckpointReported, Event, Level, Metrics, Stream
from agent.events.near_bodies import KEYS_LOOKED_AT, REQUIRED, of_body, of_folder, of_values, short
from agent.events.near_names import LONGEST as LONGEST_NAME
from agent.events.near_names import has_sign, is_key_of_type, is_meant, nearest_type
from agent.events.near_texts import LONGEST, Kind, NearMiss, has_type, near_text
from agent.events.parse import parse_line
from agent.formats.json_text import read_lenient

_TELLING = frozenset({"metrics", "subtask", "subdir"})  # keys that only events have
_LEVELS = {
    "warning": "warn",
    "warnings": "warn",
    "warnning": "warn",
    "waring": "warn",
    "critical": "fatal",
    "crit": "fatal",
    "severe": "fatal",
    "emergency": "fatal",
    "err": "error",
    "errors": "error",
    "eror": "error",
    "exception": "error",
    "notice": "info",
    "verbose": "debug",
}


def near_miss_of_line(text: str) -> NearMiss | None:
    """As `near_miss`, of the line itself."""
    return near_miss(parse_line(text, Stream.STDOUT, 0))


def near_miss(event: Event) -> NearMiss | None:
    """What the line of an event nearly was; None for a line that is what it was meant to be. Notes of the agent are."""
    if not is_suspect(event) or event.stream is Stream.AGENT or len(event.raw) > LONGEST:
        return None
    if event.json_start is None:
        return near_text(event.raw) or _of_bare_object(event.raw)
    return _of_object(event)


def _of_object(event: Event) -> NearMiss | None:
    name, fields = event.event_type, event.fields or {}
    match event.body:
        case Metrics():
            return of_values(event, event.body)
        case CheckpointReported():
            return of_folder(event.body.subdir)
        case None if name is None:
            return _of_untyped(fields, event.message) or _of_level(event)
        case None:
            assert name is not None
            return of_body(name, fields, event.parse_error or "") if name in REQUIRED else _of_type(name, event)
    return None


def suspects(events: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
    """Those that are worth a closer look, with their places. A line of text takes under a tenth of a microsecond."""
    return [
        (place, event)
        for place, event in events
        if ("vent" in event.raw or "{" in event.raw if event.json_start is None else True) and is_suspect(event)
    ]


def is_suspect(event: Event) -> bool:
    """Whether a line is worth a closer look: nearly all are not."""
    raw = event.raw
    if event.json_start is None:
        return raw[:1] == "{" or "vent" in raw
    if event.event_type is None:
        fields = event.fields
        if fields is not None and ("vent" in raw or not _TELLING.isdisjoint(fields)):
            return True
        return (event.level is Level.INFO and '"info"' not in raw) or "event_type" in event.message
    return event.body is None or event.parse_error is not None or event.event_type == "CHECKPOINT"


def _of_type(name: str, event: Event) -> NearMiss | None:
    if name in _LISTED:
        return None
    fields = event.fields or {}
    meant = nearest_type(name)
    if meant is None or not is_meant(meant, name, fields, event.message):
        meant = _type_by_keys(fields, event.message)
    if meant is None:
        return None
    written = f'"event_type" is "{short(name)}"'
    return NearMiss(Kind.TYPE, f"a {meant} event, but {written}", f'Write "event_type": "EventType.{meant}".')


# The agent's own types and those of other programs, which mean what they say.
_LISTED = frozenset(
    {
        "LOGJ", "LOGS", "TASK_STARTED", "TASK_FINISHED", "TASK_STOPPED", "TASK_REMOVED", "DTL_APPLIED",
        "IMPORT_APPLIED", "PROJECT_CREATED", "TASK_VERIFIED", "STEP_COMPLETE", "TASK_DEPLOYED", "AGENT_READY_FOR_TASKS",
        "MISSED_TASK_FOUND", "REPORT_CREATED", "APP_FINISHED", "MODEL_APPLIED", "TASK_CRASHED", "IMAGE",
    }
)  # fmt: skip


def _of_untyped(fields: Mapping[str, Any], message: str) -> NearMiss | None:
    """An object without `event_type`: the type stands elsewhere, or only the keys of the event are there."""
    for key, value in list(fields.items())[:KEYS_LOOKED_AT]:
        if type(value) is str and len(value) <= LONGEST_NAME and key not in ("event_type", "prefix"):
            meant = _type_under(key, value, fields, message)
            if meant is not None:
                change = f'Rename the key to "event_type": "EventType.{meant}".'
                return NearMiss(Kind.TYPE, f'a {meant} event, but its type stands under "{short(key)}"', change)
        elif type(value) is dict and (meant := _type_inside(value)):
            change = f'Put the keys of "{short(key)}" into the object itself, beside "message".'
            return NearMiss(Kind.NESTED, f'a {meant} event, but it lies inside "{short(key)}"', change)
    if message[:1] == "{" and '"event_type"' in message and has_type(message):
        return NearMiss(
            Kind.TWICE,
            "an event, but it is the text of another line's message",
            "Print the event's JSON by itself, or give its keys to the logger: logger.info(message, extra={…}).",
        )
    meant = _type_by_keys(fields, message)
    if meant is None:
        return None
    return NearMiss(
        Kind.TYPE, f'a {meant} event, but it has no "event_type"', f'Add "event_type": "EventType.{meant}".'
    )


def _type_under(key: str, value: str, fields: Mapping[str, Any], message: str) -> str | None:
    """The type that stands under another key. Other programs have an `eventType` and an `event_time`, too."""
    is_ours = value.startswith("EventType.")
    if not is_ours and not is_key_of_type(key):
        return None
    meant = nearest_type(value)
    if meant is None:
        return None
    is_sure = is_meant(meant, value, fields, message) if is_ours else has_sign(meant, fields, message)
    return meant if is_sure else None


def _type_inside(value: Mapping[str, Any]) -> str | None:
    inner = value.get("event_type")
    if type(inner) is not str:
        return None
    meant = nearest_type(inner)
    return meant if meant is not None and is_meant(meant, inner, value) else None


def _type_by_keys(fields: Mapping[str, Any], message: str) -> str | None:
    """The event that has exactly these keys. A print that mentions metrics among other things is none."""
    if type(fields.get("metrics")) is dict and "epoch" in fields:
        if fields.get("type") in ("train", "val") or message == "metrics":
            return "METRICS"
    elif type(fields.get("subtask")) is str and "current" in fields and "total" in fields:
        return "PROGRESS"
    elif type(fields.get("subdir")) is str and (message == "checkpoint" or "sizeb" in fields or "best_now" in fields):
        return "CHECKPOINT"
    return None


def _of_level(event: Event) -> NearMiss | None:
    if event.level is not Level.INFO or '"info"' in event.raw:
        return None
    try:
        level = read_lenient(event.raw[event.json_start :])["level"]
    except (KeyError, ValueError):
        return None  # a line without level is read as info, which its author may have known
    meant = _LEVELS_BY_NUMBER.get(level) if type(level) is int else _level_meant(level) if type(level) is str else None
    if meant is None:
        return None
    nearly = f'a line of level {meant}, but "level" is {level!r}, which counts as info'.replace("'", '"')
    return NearMiss(Kind.LEVEL, nearly, f'Write "level": "{meant}".')


_LEVELS_BY_NUMBER = {int(level): level.name.lower() for level in Level if level is not Level.INFO}


@lru_cache(maxsize=256)
def _level_meant(name: str) -> str | None:
    low = name.lower()
    if low in _LEVELS:
        return _LEVELS[low]
    bare = low.strip(" []<>:-.")
    return _LEVELS.get(bare) or next(
        (one.name.lower() for one in Level if one is not Level.INFO and bare == one.name.lower()), None
    )


def _is_type(value: object) -> bool:
    meant = nearest_type(value) if type(value) is str else None
    return meant is not None and is_meant(meant, str(value), ())


def _of_bare_object(text: str) -> NearMiss | None:
    """A JSON object with neither message nor a type that is a name: text, by the official rules."""
    if text[:1] != "{" or not ("vent" in text or any(map(text.__contains__, _TELLING))):
        return None
    try:
        record = read_lenient(text)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("event_type"), (list, dict)) and any(map(_is_type, record["event_type"])):
        nearly = 'an event, but "event_type" is no text'
        return NearMiss(Kind.TYPE, nearly, 'Write the name of the type: "event_type": "EventType.METRICS".')
    return _of_untyped(record, "")
