"""Event rows of a task: every line the container printed and every note of the agent, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from agent.store.search import contains

_STREAMS = {int(stream): stream for stream in Stream}
_LEVELS = {int(level): level for level in Level}
READ_BYTES = 4 << 20  # read at once by readers of a whole log
SHOWN_BYTES = 16 << 20  # in a page of lines that are shown
_SHOWN_CHARACTERS = 16 << 10  # of a line that is shown
_SHOWN_RARE_CHARACTERS = 256 << 10  # of the events that say something about the whole task, as a traceback does
_ROWS_AT_ONCE = 16  # fetched from a server: a row may have a megabyte
_TEXT_LIMIT = 1000  # SQLite's LIKE refuses patterns beyond 50,000 bytes
_LOUD = 30  # this level and higher ones have an index of their own
_EVERY_LINE_TYPES = ("METRICS", "PROGRESS")  # the types without an index
_IS_RARE = "event_type IS NOT NULL AND event_type NOT IN ('METRICS', 'PROGRESS')"  # word for word the index's condition


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
    parse_error: str | None  # or that only the beginning of the line is here
    body: Body | None = None  # the content of a line that is one of the known events


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of a task. `text` is looked for in the raw line, in whatever case, also in its JSON spelling."""

    after_seq: int = 0
    before_seq: int | None = None
    min_level: Level | None = None
    event_type: str | None = None
    text: str | None = None
    without_metrics: bool = False  # and without progress


class Events:
    """Lines and notes of tasks, read whole (`after`, `each`) or to be shown (`page`)."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._appender = Appender(database)

    def append(self, task_id: int, rows: Sequence[EventRow], *, lines_read: int, agent_id: str | None = None) -> None:
        """Keep events, their points and progress, and the reading position, all or nothing.

        `seq` ascends and is new to the task (Conflict otherwise). With `agent_id`, TakenOver unless the task is
        this agent's. Raises NotFound, StoreBusy, DiskFull. After StoreAway the same events may come again, with more
        behind them: those that were committed, although nobody heard of it, are left out.
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

        A line may have a megabyte: `each` and `page` are bounded by bytes.
        """
        lines = Lines(seq, None, min_level, event_type, text)
        found = _select(task_id, lines, limit, newest_first=newest_first)
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return [_stored(row) for row in rows]

    def each(
        self,
        task_id: int,
        seq: int = 0,
        *,
        min_level: Level | None = None,
        event_type: str | None = None,
        text: str | None = None,
    ) -> Iterator[StoredEvent]:
        """The same events, oldest first, however many: about READ_BYTES of them are in memory at a time."""
        while True:
            found = _select(task_id, Lines(seq, None, min_level, event_type, text), 1000)
            rows, _ = self._read(found, READ_BYTES)
            if not rows:
                return
            seq = rows[-1].seq
            yield from map(_stored, rows)

    def page(
        self,
        task_id: int,
        seq: int = 0,
        *,
        limit: int = 1000,
        min_level: Level | None = None,
        event_type: str | None = None,
        text: str | None = None,
        newest_first: bool = False,
        whole: bool = False,
        max_bytes: int = SHOWN_BYTES,
        before_seq: int | None = None,
        without_metrics: bool = False,
    ) -> tuple[list[StoredEvent], bool]:
        """Events to be shown, at most `max_bytes` of lines but at least one; and whether `limit` or bytes cut more off.

        Unless they are to be `whole`, long lines are cut: of these `message` and `raw` are the beginning, `parse_error`
        says so, and there are no fields and no body.
        """
        lines = Lines(seq, before_seq, min_level, event_type, text, without_metrics)
        found = _select(task_id, lines, limit + 1, newest_first=newest_first, is_cut=not whole)
        rows, is_full = self._read(found, max_bytes)
        return [_stored(row) for row in rows[:limit]], is_full or len(rows) > limit

    def count(self, task_id: int, lines: Lines) -> int:
        found = sa.select(sa.func.count()).select_from(events).where(*_conditions(task_id, lines))
        with self._db.reading() as connection:
            return int(connection.execute(found).scalar_one())

    def _read(self, found: sa.Select[Any], max_bytes: int) -> tuple[list[Any], bool]:
        """Rows until they hold `max_bytes`, at least one; and whether there are more."""
        rows: list[Any] = []
        left = max_bytes
        # SQLite gives row after row by itself; a server would send all rows at once without the option.
        options = {} if self._db.is_sqlite else {"stream_results": True, "max_row_buffer": _ROWS_AT_ONCE}
        with self._db.reading() as connection, connection.execution_options(**options).execute(found) as result:
            for row in result:
                left -= len(row.raw) + len(row.message or "") + len(row.fields or "")
                if left < 0 and rows:
                    return rows, True
                rows.append(row)
        return rows, False

    def nth_newest(self, task_id: int, n: int) -> int:
        """The number of the n-th newest event, counted from 1; 0 when there are fewer."""
        found = sa.select(events.c.seq).where(events.c.task_id == task_id).order_by(events.c.seq.desc())
        with self._db.reading() as connection:
            seq: int | None = connection.execute(found.offset(n - 1).limit(1)).scalar()
        return seq or 0

    def last_seq(self, task_id: int) -> int:
        """The highest number given so far, 0 for none."""
        with self._db.reading() as connection:
            last: int | None = connection.execute(
                sa.select(sa.func.max(events.c.seq)).where(events.c.task_id == task_id)
            ).scalar()
        return last or 0


def _select(
    task_id: int, lines: Lines, limit: int, *, newest_first: bool = False, is_cut: bool = False
) -> sa.Select[Any]:
    order = events.c.seq.desc() if newest_first else events.c.seq.asc()
    columns = _CUT if is_cut else _WHOLE
    found = sa.select(*columns).where(*_conditions(task_id, lines)).order_by(order).limit(limit)
    if lines.min_level is not None or lines.event_type is not None:
        # Numbers first: they are found in an index alone, which SQLite would not use for whole rows.
        numbers = found.with_only_columns(events.c.seq)
        found = sa.select(*columns).where(events.c.task_id == task_id, events.c.seq.in_(numbers)).order_by(order)
    return found


def _conditions(task_id: int, lines: Lines) -> list[Any]:
    conditions: list[Any] = [events.c.task_id == task_id, events.c.seq > lines.after_seq]
    if lines.before_seq is not None:
        conditions.append(events.c.seq < lines.before_seq)
    if lines.min_level is not None:
        conditions.append(events.c.level >= int(lines.min_level))
        if lines.min_level >= _LOUD:
            conditions.append(sa.text("level >= 30"))  # word for word the index's condition
    if lines.event_type is not None:
        conditions.append(events.c.event_type == clean(lines.event_type))
        if lines.event_type not in _EVERY_LINE_TYPES:
            conditions.append(sa.text(_IS_RARE))
    if lines.without_metrics:
        conditions.append(events.c.event_type.is_(None) | events.c.event_type.not_in(_EVERY_LINE_TYPES))
    if lines.text:
        if len(lines.text) > _TEXT_LIMIT:
            raise BadInput(f"The text to look for is longer than {_TEXT_LIMIT:,} characters. Shorten it.")
        spelled = [contains(events.c.raw, spelling) for spelling in _spellings(clean(lines.text))]
        conditions.append(sa.or_(*spelled, contains(events.c.message, lines.text)))
    return conditions


def _spellings(text: str) -> list[str]:
    """How the text may stand in a raw line: as it is, or as JSON writes it. JSON's escapes hide the case of letters."""
    written = [text, orjson.dumps(text).decode()[1:-1]]
    if not text.isascii():
        cases = (text, text.lower(), text.upper(), text.capitalize(), text.title())
        written += [json.dumps(case)[1:-1] for case in cases]
    return list(dict.fromkeys(written))


def _stored(row: Any) -> StoredEvent:
    task_id, seq, time_us, stream, level, event_type, raw, message, fields, characters = row
    parse_error, body, data = None, None, None
    if characters > len(raw) and message is None:
        message = raw
        parse_error = f"only the first {len(raw):,} of {characters:,} characters of this line are shown"
    elif message is None:
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


def _beginning() -> sa.ColumnElement[Any]:
    """The raw line, or the beginning of a long line."""
    is_common = events.c.event_type.is_(None) | events.c.event_type.in_(_EVERY_LINE_TYPES)
    limit = sa.case((is_common, _SHOWN_CHARACTERS), else_=_SHOWN_RARE_CHARACTERS)
    cut = sa.func.substr(events.c.raw, 1, _SHOWN_CHARACTERS)
    return sa.case((sa.func.length(events.c.raw) > limit, cut), else_=events.c.raw).label("raw")


# The columns of `_stored`; the last is the number of characters of the line, 0 where it is not asked.
_WHOLE: tuple[sa.ColumnElement[Any], ...] = (*events.c, sa.literal(0).label("characters"))
_CUT = (
    *(column if column is not events.c.raw else _beginning() for column in events.c),
    sa.func.length(events.c.raw).label("characters"),
)
