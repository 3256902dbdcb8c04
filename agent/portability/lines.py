"""Lines of a task that the original agent reads otherwise (contract: events.md 6). Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.events.model import CheckpointReported, Event, Stream
from agent.events.parse import IMAGE, parse_generally
from agent.formats.json_text import read_lenient
from agent.portability.model import Difference
from agent.portability.rules import difference

DOCKER_PIECE = 16 << 10  # bytes (contract: events.md 6)
_RECORD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) - {"taskName"} | {"asctime"}
_HANDLED = frozenset({"CHECKPOINT", "MODEL_APPLIED"})
_TYPES = frozenset({"METRICS", "PROGRESS", "CHECKPOINT", "MODEL_APPLIED", "TASK_CRASHED"})


def of_lines(lines: Iterable[tuple[int, Stream, str]]) -> Iterator[Difference]:
    """The differences of a task's lines, as (number, stream, text); those of the agent are left out."""
    applied = 0
    for seq, stream, text in lines:
        if stream is Stream.AGENT:
            continue
        event = parse_generally(text, stream, 0)
        yield from of_line(f"line {seq}", event)
        if event.event_type == "MODEL_APPLIED":
            applied += 1
            if applied > 1:
                yield difference("two-results", f"line {seq}", "A further MODEL_APPLIED line changes nothing.")


def of_line(where: str, event: Event) -> Iterator[Difference]:
    is_event = event.event_type in _TYPES
    size = len(event.raw.encode(errors="replace")) + 1
    if size > DOCKER_PIECE:
        here = f"A line has {size:,} bytes, and is read whole."
        yield difference("long-line", where, here, level="breaks" if is_event else None)
    if event.raw[:1] != "{" and event.json_start is None:
        return
    try:
        record = read_lenient(event.raw[event.json_start or 0 :])
    except ValueError:
        return
    if not isinstance(record, dict):
        return
    if isinstance(record.get("event_type"), (list, dict)):
        yield difference("type-no-text", where, "The event_type is no text: the line is text.")
    if event.json_start is None:
        return
    yield from _of_checkpoint(where, event)
    if event.event_type == IMAGE and event.body is not None:
        yield difference("image-line", where, "A line asks to keep an image, which is shown by step.")
    if event.json_start > 0:
        yield difference("text-before", where, "An object behind other text on its line is read.")
    yield from _of_keys(where, event, record, is_event=is_event)


def _of_checkpoint(where: str, event: Event) -> Iterator[Difference]:
    if isinstance(event.body, CheckpointReported):
        if event.body.subdir.startswith("/"):
            yield difference("absolute-subdir", where, f"The folder of {_short(event.body.subdir)} is taken.")
    elif event.event_type == "CHECKPOINT":
        yield difference("no-subdir", where, "A checkpoint without subdir is not kept, and the task goes on.")


def _of_keys(where: str, event: Event, record: Mapping[str, Any], *, is_event: bool) -> Iterator[Difference]:
    kind, level = record.get("event_type"), record.get("level")
    if is_event and "message" not in record:
        yield difference("no-message", where, "An event without message is read.")
    if is_event and "level" not in record:
        yield difference("no-level", where, "An event without level is read, as info.")
    if "level" in record and not isinstance(level, str):
        yield difference("level-no-text", where, f"The level {_short(level)} counts as info.")
    if is_event and not (isinstance(kind, str) and kind.startswith("EventType.")):
        here = f"The type {_short(kind)} is read as {event.event_type}."
        yield difference("plain-type", where, here, level="breaks" if event.event_type in _HANDLED else None)
    if reserved := sorted(_RECORD_FIELDS.intersection(record) - {"message"}):
        yield difference("reserved-field", where, f"The field {reserved[0]!r} is data.")
    if not isinstance(record.get("message", ""), str):
        yield difference("message-no-text", where, "A message that is no text becomes text.")
    if "task_id" in record or "service_type" in record:
        yield difference("own-task-id", where, "A task_id or service_type of the line's own is data.")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
