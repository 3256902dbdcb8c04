"""Events of a task: every line the container printed and every note of the agent, in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from agent.events.model import Body, Level, Stream
from agent.events.near_misses import near_miss
from agent.events.near_texts import NearMiss
from agent.events.parse import parse_line
from agent.store.append import Appender
from agent.store.columns import from_json_or_none, from_us
from agent.store.connect import Database
from agent.store.failures import damaged
from agent.store.gathering import EventRow, NumberedEvents
from agent.store.line_blocks import EVERY_LINE_TYPES, LINES, KeptLine, unpack
from agent.store.line_filter import LineFilter, Lines
from agent.store.line_tail import last_seq_of
from agent.store.schema import line_blocks

T = TypeVar("T")

_STREAMS = {int(stream): stream for stream in Stream}
_LEVELS = {int(level): level for level in Level}
READ_BYTES = 4 << 20  # read at once by readers of a whole log
READ_LINES = 4096  # the same
SHOWN_BYTES = 16 << 20  # in a page of lines that are shown
_SHOWN_CHARACTERS = 16 << 10  # of a line that is shown
_SHOWN_RARE_CHARACTERS = 256 << 10  # of the events that say something about the whole task, as a traceback does
_BLOCKS_AT_ONCE = 16  # fetched from a server


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
    near_miss: NearMiss | None = None  # it says what `parse_error` does, and more


class Events:
    """Lines and notes of tasks, read whole (`after`, `each`) or to be shown (`page`)."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._appender = Appender(database)

    def append(
        self,
        task_id: int,
        rows: NumberedEvents | Sequence[EventRow],
        *,
        lines_read: int,
        agent_id: str | None = None,
    ) -> None:
        """Keep events, their points and progress, and the reading position, all or nothing.

        `seq` ascends and is new to the task (Conflict otherwise). With `agent_id`, TakenOver unless the task is
        this agent's. Raises NotFound, StoreBusy, DiskFull. After StoreAway the same events may come again, with more
        behind them: those that were committed, although nobody heard of it, are left out.
        """
        events = rows if isinstance(rows, NumberedEvents) else NumberedEvents.of(rows)
        self._appender.append(task_id, events, lines_read=lines_read, agent_id=agent_id)

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
        found, _ = self._read(partial(_stored, task_id), task_id, lines, limit=limit, newest_first=newest_first)
        return found

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
            lines = Lines(seq, None, min_level, event_type, text)
            found, _ = self._read(_as_it_is, task_id, lines, limit=READ_LINES, max_bytes=READ_BYTES)
            if not found:
                return
            seq = found[-1].seq
            yield from map(partial(_stored, task_id), found)

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
        show = partial(_stored, task_id, is_cut=not whole)  # at once: of a long line only the beginning is held
        return self._read(
            show, task_id, lines, limit=limit, max_bytes=max_bytes, newest_first=newest_first, is_cut=not whole
        )

    def count(self, task_id: int, lines: Lines) -> int:
        wanted, heads, total = LineFilter(lines), line_blocks.c, 0
        count = heads.plain if lines.without_metrics else heads.lines
        found: sa.Select[Any] | sa.CompoundSelect[Any]
        found = looked_into = sa.select(sa.literal(0), heads.data).where(*wanted.blocks(task_id))
        if wanted.is_counted_by_heads:
            inside = [heads.first_seq > lines.after_seq]  # the blocks that are counted without a look into them
            if lines.before_seq is not None:
                inside.append(heads.last_seq < lines.before_seq)
            known = sa.select(sa.func.coalesce(sa.func.sum(count), 0), sa.cast(sa.null(), sa.LargeBinary))
            # In one statement: a writer may join blocks between two.
            found = sa.union_all(
                known.where(*wanted.blocks(task_id), *inside), looked_into.where(sa.not_(sa.and_(*inside)))
            )
        with self._db.reading() as connection:
            for known_lines, data in self._each_block(connection, found):
                total += int(known_lines) if data is None else sum(1 for _ in wanted.wanted(data))
        return total

    def _read(
        self,
        take: Callable[[KeptLine], T],
        task_id: int,
        lines: Lines,
        *,
        limit: int,
        max_bytes: int | None = None,
        newest_first: bool = False,
        is_cut: bool = False,
    ) -> tuple[list[T], bool]:
        """Lines until they hold `max_bytes`, at least one; and whether there are more."""
        wanted, heads = LineFilter(lines), line_blocks.c
        order = heads.first_seq.desc() if newest_first else heads.first_seq.asc()
        found = sa.select(heads.data).where(*wanted.blocks(task_id)).order_by(order)
        read: list[T] = []
        left = max_bytes
        with self._db.reading() as connection, closing(self._each_block(connection, found)) as blocks:
            for row in blocks:
                for line in wanted.wanted(row.data, newest_first=newest_first):
                    if len(read) == limit:
                        return read, True
                    if left is not None:
                        left -= _size(line, is_cut=is_cut)
                        if left < 0 and read:
                            return read, True
                    read.append(take(line))
        return read, False

    def _each_block(self, connection: sa.Connection, found: sa.Executable) -> Generator[Any]:
        # SQLite gives row after row by itself; a server would send all rows at once without the option.
        options = {} if self._db.is_sqlite else {"stream_results": True, "max_row_buffer": _BLOCKS_AT_ONCE}
        with connection.execution_options(**options).execute(found) as result:
            yield from result

    def nth_newest(self, task_id: int, n: int) -> int:
        """The number of the n-th newest event, counted from 1; 0 when there are fewer."""
        heads = line_blocks.c
        upto = sa.func.sum(heads.lines).over(order_by=heads.first_seq.desc()).label("upto")
        newest = sa.select(heads.task_id, heads.first_seq, heads.lines, upto).where(heads.task_id == task_id).subquery()
        at = sa.and_(heads.task_id == newest.c.task_id, heads.first_seq == newest.c.first_seq)
        found = (  # in one statement: a writer may join blocks between two
            sa.select(heads.data, newest.c.upto, newest.c.lines)
            .join(newest, at)
            .where(newest.c.upto >= n)
            .order_by(newest.c.first_seq.desc())
            .limit(1)
        )
        with self._db.reading() as connection:
            block = connection.execute(found).first()
        return unpack(block.data).seqs[int(block.upto) - block.lines - n] if block is not None else 0

    def last_seq(self, task_id: int) -> int:
        """The highest number given so far, 0 for none."""
        with self._db.reading() as connection:
            return last_seq_of(connection, task_id)


def has_note(connection: sa.Connection, task_id: int, event_type: str) -> bool:
    """Whether the agent has noted such an event in the task's log."""
    wanted = LineFilter(Lines(event_type=event_type))
    blocks = connection.execute(sa.select(line_blocks.c.data).where(*wanted.blocks(task_id)))
    return any(line.stream == Stream.AGENT for data in blocks.scalars() for line in wanted.wanted(data))


def _as_it_is(line: KeptLine) -> KeptLine:
    return line


def _shown(line: KeptLine) -> int:
    """How many characters of a long line are shown."""
    is_common = line.event_type is None or line.event_type in EVERY_LINE_TYPES
    return _SHOWN_CHARACTERS if is_common or len(line.raw) > _SHOWN_RARE_CHARACTERS else _SHOWN_RARE_CHARACTERS


def _size(line: KeptLine, *, is_cut: bool) -> int:
    raw = min(len(line.raw), _shown(line)) if is_cut else len(line.raw)
    return raw + len(line.message or "") + len(line.fields or "")


def _stored(task_id: int, line: KeptLine, *, is_cut: bool = False) -> StoredEvent:
    """StorageFailed for a line that none of ours can be."""
    try:
        return _event(task_id, line, is_cut=is_cut)
    except (KeyError, ValueError, OverflowError) as error:
        raise damaged(LINES) from error


def _event(task_id: int, line: KeptLine, *, is_cut: bool) -> StoredEvent:
    seq, time_us, stream, level, event_type, raw, message, fields = line
    parse_error, body, data, nearly = None, None, None, None
    characters = len(raw)
    if is_cut:
        raw = raw[: _shown(line)]
    if characters > len(raw) and message is None:
        message = raw
        parse_error = f"only the first {len(raw):,} of {characters:,} characters of this line are shown"
    elif message is None:
        event = parse_line(raw, _STREAMS[stream], time_us)
        message, data, parse_error, body = event.message, event.fields, event.parse_error, event.body
        nearly = near_miss(event)
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
        nearly,
    )
