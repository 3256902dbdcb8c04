"""Events → lines of the task's log file, as the official agent writes them. Pure.

Shape of a line: contract: events.md 2. Keys that the agent adds: contract: events.md 6, rule 6. Lines without event
type become LOGJ: contract: events.md 6, rule 3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import orjson

from agent.events.model import Event, Level, Progress, Stream
from agent.events.reading import EventColumns
from agent.formats.json_text import read_lenient

_UNTYPED = frozenset({None, "IMAGE"})  # lines that carry no type of their own


class LogLines:
    """Writes the events of one task as JSON lines.

    The bytes of a JSON object stay as the plugin printed them, but for a carriage return between its parts, by which a
    reader would take it for two lines. `service_type` and `task_id` are put before its keys, so
    that a key of the plugin's own wins: of duplicate keys the last counts. Text becomes the message of a new object.
    """

    def __init__(self, task_id: int) -> None:
        self._task_id = task_id
        self._typed = f'{{"service_type": "ServiceType.TASK", "task_id": {task_id}, '
        self._next_typed = f"\n{self._typed}"
        self._untyped = f'{self._typed}"event_type": "EventType.LOGJ", '

    def lines(self, events: EventColumns) -> str:
        """One line with its newline for each event."""
        written, done = [], 0
        rests = [text[1:] for text in events.texts]
        for place, event in events.events:
            if done < place:
                written.append(self._of_sdk(rests[done:place]))
            written.append(self._line(event))
            done = place + 1
        if done < len(rests):
            written.append(self._of_sdk(rests[done:]))
        return "".join(written)

    def _of_sdk(self, rests: list[str]) -> str:
        """Lines of the fast way, each without its first brace: all are objects with a type."""
        lines = f"{self._typed}{self._next_typed.join(rests)}\n"
        return lines if "\r" not in lines else "".join(f"{self._typed}{_in_one_line(rest)}\n" for rest in rests)

    def _line(self, event: Event) -> str:
        start = event.json_start
        if start is None:
            return self._json(event.message, event.level, event.time_us, "LOGJ", event.fields) + "\n"
        if event.stream is Stream.AGENT:
            return f"{event.raw}\n"
        head = self._untyped if event.event_type in _UNTYPED else self._typed
        return f"{head}{_in_one_line(event.raw[start + 1 :])}\n"

    def note(
        self, message: str, level: Level, event_type: str | None, fields: Mapping[str, Any] | None, time_us: int
    ) -> Event:
        """An event of the agent itself; its `raw` is the log line. Values in `fields` that are no JSON become text."""
        data = _plain(fields) if fields else None
        raw = self._json(message, level, time_us, event_type or "LOGJ", data)
        return Event(raw, Stream.AGENT, time_us, level, message, event_type, fields=data, json_start=0)

    def progress(self, message: str, progress: Progress, time_us: int) -> Event:
        """How far the agent itself has come."""
        fields = {"subtask": progress.subtask, "current": progress.current, "total": progress.total}
        raw = self._json(message, Level.INFO, time_us, "PROGRESS", fields)
        return Event(raw, Stream.AGENT, time_us, Level.INFO, message, "PROGRESS", progress, json_start=0)

    def _json(self, message: str, level: Level, time_us: int, event_type: str, fields: Mapping[str, Any] | None) -> str:
        record = {"message": message, **(fields or {})}
        record |= {
            "message": message,
            "event_type": f"EventType.{event_type}",
            "service_type": "ServiceType.TASK",
            "task_id": self._task_id,
            "timestamp": _timestamp(time_us // 1000),
            "level": level.name.lower(),
        }
        return orjson.dumps(record).decode()


def _in_one_line(rest: str) -> str:
    """An object without its first brace, written anew if it has carriage returns."""
    if "\r" not in rest:
        return rest
    return json.dumps(read_lenient(f"{{{rest}"), ensure_ascii=False)[1:]


@lru_cache(maxsize=8)  # the lines of a batch arrive together
def _timestamp(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    try:
        data = read_lenient(json.dumps(dict(fields), default=_as_json))
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a circle, absurd nesting
        return {"fields": repr(fields)}
    assert isinstance(data, dict)
    return data


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return str(value)
