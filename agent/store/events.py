"""Event rows of a task: every line the container printed and every note of the agent, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import orjson
import sqlalchemy as sa

from agent.errors import BadInput
from agent.events.model import Body, Level, Stream
from agent.events.parse import parse_line
from agent.store.append import Appender, EventRow
from agent.store.columns import clean, from_json_or_none, from_us
from agent.store.connect import Database
from agent.store.schema import events

_STREAMS = {int(stream): stream for stream in Stream}
_LEVELS = {int(level): level for level in Level}
_TEXT_LIMIT = 1000  # SQLite's LIKE refuses patterns beyond 50,000 bytes
_LOUD = 30  # levels from here on have an index of their own
_EVERY_LINE_TYPES = ("METRICS", "PROGRESS")  # the types without one


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it was kept. `message`, `fields` and `parse_error` of a plugin's line are read from `raw`."""

    task_id: int
    seq: int
    time: datetime
    stream: Stream
    level: Level
    message: str
    event_type: str | None
    raw: str
    fields: Mapping[str, Any] | None
    parse_error: str | None
    body: Body | None = None  # what the line means, where it is one of the known events


class Events:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._appender = Appender(database)

    def append(self, task_id: int, rows: Sequence[EventRow], *, lines_read: int, agent_id: str | None = None) -> None:
        """Keep events, their points and progress, and the reading position, all or nothing.

        `seq` ascends and is new to the task (Conflict otherwise). With `agent_id`, TakenOver unless the task is
        this agent's. Raises NotFound, StoreBusy, DiskFull.
        """
        self._appender.append(task_id, rows, lines_read=lines_read, agent_id=agent_id)

    def after(
        self,
        task_id: int,
        seq: int = 0,
        *,
        limit: int = 1000,
        min_level: Level | None = None,
        event_type: str | None = None,
        text: str | None = None,
        newest_first: bool = False,
    ) -> list[StoredEvent]:
        """Events with a higher number than `seq`, oldest first unless asked otherwise.

        `text` is looked for in the raw line, whatever the case of ASCII letters; other letters are also
        found in their JSON spelling (`\\u00e9`).
        """
        order = events.c.seq.desc() if newest_first else events.c.seq.asc()
        found = sa.select(events).where(events.c.task_id == task_id, events.c.seq > seq)
        if min_level is not None:
            found = found.where(events.c.level >= int(min_level))
            if min_level >= _LOUD:
                found = found.where(sa.text("level >= 30"))  # word for word the index's condition
        if event_type is not None:
            found = found.where(events.c.event_type == clean(event_type))
            if event_type not in _EVERY_LINE_TYPES:
                found = found.where(sa.text("event_type IS NOT NULL AND event_type NOT IN ('METRICS', 'PROGRESS')"))
        if text:
            if len(text) > _TEXT_LIMIT:
                raise BadInput(f"The text to look for is longer than {_TEXT_LIMIT:,} characters. Shorten it.")
            found = found.where(sa.or_(*(_contains(spelling) for spelling in _spellings(clean(text)))))
        found = found.order_by(order).limit(limit)
        if min_level is not None or event_type is not None:
            # Numbers first: they are found in an index alone, which SQLite would not use for whole rows.
            numbers = found.with_only_columns(events.c.seq)
            found = sa.select(events).where(events.c.task_id == task_id, events.c.seq.in_(numbers)).order_by(order)
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return [_stored(row) for row in rows]

    def last_seq(self, task_id: int) -> int:
        """The highest number given so far, 0 for none."""
        with self._db.reading() as connection:
            last: int | None = connection.execute(
                sa.select(sa.func.max(events.c.seq)).where(events.c.task_id == task_id)
            ).scalar()
        return last or 0


def _spellings(text: str) -> set[str]:
    """How the text may stand in a raw line: as it is, or as JSON writes it."""
    return {text, json.dumps(text)[1:-1], orjson.dumps(text).decode()[1:-1]}


def _contains(text: str) -> sa.ColumnElement[bool]:
    escaped = text.replace("/", "//").replace("%", "/%").replace("_", "/_")
    pattern = f"%{escaped}%"
    return sa.or_(events.c.raw.ilike(pattern, escape="/"), events.c.message.ilike(pattern, escape="/"))


def _stored(row: Any) -> StoredEvent:
    task_id, seq, time_us, stream, level, event_type, raw, message, fields = row
    parse_error, body = None, None
    if message is None:
        event = parse_line(raw, _STREAMS[stream], time_us)
        message, data, parse_error, body = event.message, event.fields, event.parse_error, event.body
    else:
        data = from_json_or_none(fields)
    return StoredEvent(
        task_id,
        seq,
        from_us(time_us),
        _STREAMS[stream],
        _LEVELS[level],
        message,
        event_type,
        raw,
        data,
        parse_error,
        body,
    )
