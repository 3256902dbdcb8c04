"""Which lines of a log are wanted: as a condition on blocks in SQL, on a block's bytes, and on each line. Pure."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from agent.errors import BadInput
from agent.events.model import Level
from agent.store.columns import clean, key
from agent.store.line_blocks import ANY_TYPE, EVERY_LINE_TYPES, KeptLine, LineColumns, columns_of, plain_bytes
from agent.store.schema import line_blocks
from agent.store.search import contains

_TEXT_LIMIT = 1000  # characters


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of a task. `text` is looked for in the raw line, in whatever case, also in its JSON spelling."""

    after_seq: int = 0
    before_seq: int | None = None
    min_level: Level | None = None
    event_type: str | None = None
    text: str | None = None
    without_metrics: bool = False  # and without progress


class LineFilter:
    """`Lines`, made ready to be looked for. Raises BadInput for a text that is too long."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._type = None if lines.event_type is None else key(lines.event_type)
        self._text = _Text(lines.text) if lines.text else None
        is_any_type = lines.event_type is None
        self._takes_all = is_any_type and not (lines.min_level or lines.text or lines.without_metrics)

    @property
    def is_counted_by_heads(self) -> bool:
        """Whether what is known of a block tells how many of its lines fit, as long as all its numbers do."""
        return self._takes_all or self._lines == Lines(
            self._lines.after_seq, self._lines.before_seq, without_metrics=True
        )

    def holds_all_of(self, first_seq: int, last_seq: int) -> bool:
        """Whether all these numbers are wanted ones."""
        before = self._lines.before_seq
        return first_seq > self._lines.after_seq and (before is None or last_seq < before)

    def blocks(self, task_id: int) -> list[sa.ColumnElement[bool]]:
        """The conditions of blocks that may have such lines, by what stands beside them."""
        lines, heads = self._lines, line_blocks.c
        conditions: list[Any] = [heads.task_id == task_id]
        if lines.after_seq > 0:  # the index finds the block at the number; those before it are not looked at
            inner = line_blocks.alias()
            first = sa.select(sa.func.max(inner.c.first_seq)).where(
                inner.c.task_id == task_id, inner.c.first_seq <= lines.after_seq
            )
            conditions += [
                heads.first_seq >= sa.func.coalesce(first.scalar_subquery(), 0),
                heads.last_seq > lines.after_seq,
            ]
        if lines.before_seq is not None:
            conditions.append(heads.first_seq < lines.before_seq)
        if lines.min_level is not None:
            conditions.append(heads.max_level >= int(lines.min_level))
        if self._type is not None:
            conditions.append(sa.or_(contains(heads.types, f"\n{self._type}\n"), heads.types == ANY_TYPE))
        if lines.without_metrics:
            conditions.append(heads.plain > 0)
        return conditions

    def wanted(self, data: bytes, *, newest_first: bool = False) -> Iterator[KeptLine]:
        """The lines of a block that fit, in the order asked for."""
        plain = plain_bytes(data)
        if self._text is not None and not self._text.may_be_in(plain):
            return iter(())
        columns = self._in_range(columns_of(plain))
        lines = columns.lines(backwards=newest_first)
        return lines if self._takes_all else filter(self._fits, lines)

    def _in_range(self, columns: LineColumns) -> LineColumns:
        before = self._lines.before_seq
        start = bisect_right(columns.seqs, self._lines.after_seq)
        stop = len(columns) if before is None else bisect_left(columns.seqs, before)
        return columns.part(start, stop) if start < stop else LineColumns()

    def _fits(self, line: KeptLine) -> bool:
        lines = self._lines
        return (
            (lines.min_level is None or line.level >= lines.min_level)
            and (self._type is None or line.event_type == self._type)
            and not (lines.without_metrics and line.event_type in EVERY_LINE_TYPES)
            and (self._text is None or self._text.is_in(line))
        )


class _Text:
    """A text as it may stand in a raw line: as it is, or as JSON writes it. Letters match in whatever case."""

    def __init__(self, text: str) -> None:
        if len(text) > _TEXT_LIMIT:
            raise BadInput(f"The text to look for is longer than {_TEXT_LIMIT:,} characters. Shorten it.")
        text = clean(text)
        written = [text, orjson.dumps(text).decode()[1:-1]]
        if not text.isascii():  # JSON's escapes hide the case of letters
            cases = (text, text.lower(), text.upper(), text.capitalize(), text.title())
            written += [json.dumps(case)[1:-1] for case in cases]
        self._plain = list(dict.fromkeys(one.lower() for one in written if one.isascii()))
        self._folded = list(dict.fromkeys(one.casefold() for one in written if not one.isascii()))
        self._bytes = [one.encode() for one in self._plain]

    def may_be_in(self, plain: bytes) -> bool:
        """Whether a block's bytes hold the text anywhere. They hold each line as one piece of UTF-8."""
        if self._bytes and (lowered := plain.lower()) and any(one in lowered for one in self._bytes):
            return True
        if not self._folded or plain.isascii():
            return False
        folded = plain.decode(errors="ignore").casefold()
        return any(one in folded for one in self._folded)

    def is_in(self, line: KeptLine) -> bool:
        return any(self._is_in(text) for text in (line.raw, line.message) if text)

    def _is_in(self, text: str) -> bool:
        lowered = text.lower() if text.isascii() else text.encode().lower().decode()  # as `may_be_in`: of A to Z alone
        if any(one in lowered for one in self._plain):
            return True
        return bool(self._folded) and any(one in text.casefold() for one in self._folded)
