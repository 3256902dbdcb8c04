"""Lines that were surely meant as an event and are none: what they nearly were, and the change to make. Pure.

Total: any line gives an answer, in time that grows with its length, up to LONGEST characters. A near miss stays the
line that it is and is never charted; what `parse.py` reads as an event is none, but for values in it that it could not
read. Where `parse.py` remarks something about a line (`parse_error`), the near miss says it in its place.
docs/reference/near-misses.md lists the kinds. `near_texts.py` looks at lines that are no JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from agent.events.model import CheckpointReported, Event, Level, Metrics, Stream
from agent.events.near_names import LONGEST as LONGEST_NAME
from agent.events.near_names import is_key_of_type, is_near, meant_key, nearest_type
from agent.events.near_texts import LONGEST, Kind, NearMiss, near_text
from agent.events.parse import parse_line
from agent.formats.json_text import read_lenient

RESULTS = PurePosixPath("/sly_task_data/results")
_TELLING = frozenset({"metrics", "subtask", "subdir"})  # keys that only events have
_REQUIRED = {
    "METRICS": ("type", "epoch", "metrics"),
    "PROGRESS": ("subtask", "current", "total"),
    "CHECKPOINT": ("subdir",),
}
_KEYS_LOOKED_AT = 50
_LEVELS = {
    "warning": "warn",
    "critical": "fatal",
    "err": "error",
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
            return _of_values(event, event.body)
        case CheckpointReported():
            return _of_folder(event.body.subdir)
        case None if name is None:
            return _of_untyped(fields, event.message) or _of_level(event)
        case None:
            assert name is not None
            return _of_body(name, fields, event.parse_error or "") if name in _REQUIRED else _of_type(name, event)
    return None


def suspects(events: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
    """Those that are worth a closer look, with their places. A line of text takes a tenth of a microsecond."""
    return [
        one
        for one in events
        if (is_suspect(one[1]) if one[1].json_start is not None else "vent" in one[1].raw or one[1].raw[:1] == "{")
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


def _of_values(event: Event, body: Metrics) -> NearMiss | None:
    """Metrics of which some are no numbers: the others are charted."""
    if event.parse_error is None:
        return None
    record = read_lenient(event.raw[event.json_start :])
    values = record["metrics"] if isinstance(record, dict) else {}
    wrong = next((name for name, value in body.values.items() if value is None and values.get(name) is not None), "")
    if isinstance(values.get(wrong), dict):
        flat = ", ".join(f'"{wrong}_{name}"' for name in list(values[wrong])[:2])
        change = f'Give each number a name of its own in "metrics", without objects in it: {flat}.'
    elif isinstance(values.get(wrong), list):
        change = f'Print one number as "{_short(wrong)}", for example the mean, or give each a name of its own.'
    else:
        change = f'Print "{_short(wrong)}" as a number: float(value), or value.item() of a tensor with one element.'
    return NearMiss(
        Kind.VALUE, f"a METRICS event with a number for each name, but {event.parse_error.partition(': ')[2]}", change
    )


def _of_folder(subdir: str) -> NearMiss | None:
    """A checkpoint whose folder is named from another place than results/."""
    path = PurePosixPath(subdir)
    if path.is_absolute():
        if path.is_relative_to(RESULTS) and path != RESULTS and ".." not in path.parts:
            return None  # as the guide's sample names it: it is read, and that the original crashes is said elsewhere
        wanted = path.name
    elif path.parts and path.parts[0] in ("results", "sly_task_data", ".."):
        wanted = path.name if path.name not in ("..", "results") else ""
    elif path.parts and path.suffix in (".pt", ".pth", ".h5", ".ckpt", ".weights", ".onnx", ".json"):
        wanted = "" if len(path.parts) == 1 else str(path.parent)
    elif path.parts:
        return None
    else:
        wanted = ""
    shown = _short(wanted or "00000000")
    return NearMiss(
        Kind.FOLDER,
        f'a checkpoint of a folder below results/, but "subdir" is "{_short(subdir)}"',
        f'Write the checkpoint into /sly_task_data/results/{shown}/ and report "subdir": "{shown}".',
    )


def _of_body(event_type: str, fields: Mapping[str, Any], error: str) -> NearMiss:
    """A known type without what it needs. `error` is what the parser remarked."""
    said = error.partition(": ")[2] or "something is missing"
    for wanted in _REQUIRED[event_type]:
        if fields.get(wanted) is not None:
            continue
        keys = tuple(list(fields)[:_KEYS_LOOKED_AT])
        if meant := meant_key(wanted, event_type, keys):
            nearly = f'a {event_type} event, but "{wanted}" stands under "{_short(meant)}"'
            return NearMiss(Kind.KEY, nearly, f'Rename the key "{_short(meant)}" to "{wanted}".')
        if wanted == "total":
            nearly = "a PROGRESS event, but it does not say how much there is in total"
            return NearMiss(Kind.TOTAL, nearly, 'Add "total": a whole number, the same in each line of the bar.')
        if wanted == "metrics":
            return NearMiss(Kind.KEY, f"a {event_type} event, but {said}", _into_metrics(fields))
        change = f'Add "{wanted}": {_EXAMPLES[event_type, wanted]}.'
        return NearMiss(Kind.KEY, f'a {event_type} event, but "{wanted}" is missing', change)
    wanted = next((name for name in _REQUIRED[event_type] if f"'{name}'" in error), _REQUIRED[event_type][-1])
    kind = Kind.VALUE if wanted == "metrics" else Kind.KEY
    change = _into_metrics(fields) if wanted == "metrics" else f'Write "{wanted}": {_EXAMPLES[event_type, wanted]}.'
    return NearMiss(kind, f"a {event_type} event, but {said}", change)


_EXAMPLES = {
    ("METRICS", "type"): '"train" or "val"',
    ("METRICS", "epoch"): "a number, the index of the epoch and its finished part, such as 0.5",
    ("PROGRESS", "subtask"): "a text, the name of the bar",
    ("PROGRESS", "current"): "a whole number, how much is done",
    ("PROGRESS", "total"): "a whole number, how much there is",
    ("CHECKPOINT", "subdir"): 'the name of the folder below results/, such as "00000000"',
}


def _into_metrics(fields: Mapping[str, Any]) -> str:
    loose = [name for name, value in fields.items() if type(value) in (int, float) and name not in ("epoch", "step")]
    named = ", ".join(f'"{_short(name)}": …' for name in loose[:3]) or '"loss": 0.25'
    return f'Put the numbers into an object under "metrics": {{{named}}}.'


def _of_type(name: str, event: Event) -> NearMiss | None:
    meant = nearest_type(name) if name not in _LISTED else None
    if meant is None and name not in _LISTED:
        meant = _type_by_keys(event.fields or {}, event.message)
    if meant is None:
        return None
    written = f'"event_type" is "{_short(name)}"'
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
    for key, value in list(fields.items())[:_KEYS_LOOKED_AT]:
        if type(value) is str and len(value) <= LONGEST_NAME and key not in ("event_type", "prefix"):
            is_like_key = is_key_of_type(key)
            meant = nearest_type(value) if is_like_key or value.startswith("EventType.") else None
            if meant is not None:
                change = f'Rename the key to "event_type": "EventType.{meant}".'
                return NearMiss(Kind.TYPE, f'a {meant} event, but its type stands under "{_short(key)}"', change)
        elif type(value) is dict and type(inner := value.get("event_type")) is str and (meant := nearest_type(inner)):
            change = f'Put the keys of "{_short(key)}" into the object itself, beside "message".'
            return NearMiss(Kind.NESTED, f'a {meant} event, but it lies inside "{_short(key)}"', change)
    if message[:1] == "{" and '"event_type"' in message:
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
    return next(
        (one.name.lower() for one in Level if one is not Level.INFO and low != "info" and is_near(low, one.name)), None
    )


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
    if isinstance(record.get("event_type"), (list, dict)):
        nearly = 'an event, but "event_type" is no text'
        return NearMiss(Kind.TYPE, nearly, 'Write the name of the type: "event_type": "EventType.METRICS".')
    return _of_untyped(record, "")


def _short(text: object) -> str:
    said = str(text)
    return said if len(said) <= 60 else f"{said[:57]}..."
