"""Events → what they add to the tables, by table. Pure.

The log loop's events come as columns. What they add is made column by column, too: a step per line would cost more than
the database.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import msgspec

from agent.events.model import Event, Stream
from agent.events.near_misses import near_miss, suspects
from agent.events.reading import Bar, EventColumns, Measured
from agent.store.columns import clean, key, to_json
from agent.store.line_blocks import EVERY_LINE_TYPES, LineColumns
from agent.store.near_misses import NearMissCount
from agent.store.points import PointColumns


class EventRow(msgspec.Struct, frozen=True, gc=False):
    seq: int  # number of the event in its task, ascending
    event: Event


@dataclass(slots=True)
class NumberedEvents:
    """Events as columns, with their numbers, which ascend."""

    seqs: Sequence[int]
    events: EventColumns

    @classmethod
    def of(cls, rows: Sequence[EventRow]) -> Self:
        return cls([row.seq for row in rows], EventColumns.of([row.event for row in rows]))

    def __len__(self) -> int:
        return len(self.seqs)

    def beyond(self, seq: int) -> NumberedEvents:
        start = bisect_right(self.seqs, seq)
        return NumberedEvents(self.seqs[start:], self.events.beyond(start))


@dataclass(slots=True)
class Batch:
    """What a sequence of events adds to the tables, by table."""

    lines: LineColumns
    points: dict[tuple[str, str], PointColumns] = field(default_factory=dict)  # by kind and name
    progress: dict[str, tuple[int, int, int, Bar]] = field(default_factory=dict)  # subtask → first seq, seq, time, body
    last_metrics: Measured | None = None
    near_misses: dict[str, NearMissCount] = field(default_factory=dict)  # by kind


def gather(rows: NumberedEvents) -> Batch:
    """Pure. A line is kept once, as it came; its content is parsed again when it is read."""
    seqs, events = list(rows.seqs), rows.events
    progress = {
        subtask: (seqs[first], seqs[last], events.times_us[last], bar)
        for subtask, (first, last, bar) in events.bars.items()
    }
    near = _near_misses(seqs, events)
    return Batch(_lines(seqs, events), _points(seqs, events), progress, events.last_metrics, near)


def _near_misses(seqs: list[int], events: EventColumns) -> dict[str, NearMissCount]:
    found: dict[str, NearMissCount] = {}
    for place, event in suspects(events.events):
        if (one := near_miss(event)) is not None:
            known = found.get(one.kind) or NearMissCount(one.kind, 0, seqs[place], one.nearly, one.change)
            found[one.kind] = replace(known, count=known.count + 1)
    return found


def _lines(seqs: list[int], events: EventColumns) -> LineColumns:
    raws, types = events.texts, events.types
    together = "".join(raws)
    if not together.isascii() or "\0" in together:
        raws = [clean(raw) for raw in raws]
    if set(types) - EVERY_LINE_TYPES - {None}:
        types = [kind if kind is None or kind in EVERY_LINE_TYPES else key(kind) for kind in types]
    notes = {
        seqs[place]: (clean(event.message), to_json(event.fields) if event.fields else None)
        for place, event in events.events
        if event.stream is Stream.AGENT
    }
    return LineColumns(seqs, events.times_us, list(bytes(events.streams)), events.levels, types, raws, notes)


def _points(seqs: list[int], events: EventColumns) -> dict[tuple[str, str], PointColumns]:
    """The points of each metric. Those of one line share their columns of numbers, epochs and times."""
    found: dict[tuple[str, str], list[PointColumns]] = {}
    for (kind, *names), points in events.points.items():
        its_seqs = [seqs[place] for place in points.places]
        its_times_us = [events.times_us[place] for place in points.places]
        for name, values in zip(names, points.values, strict=True):
            columns = PointColumns(its_seqs, points.epochs, values, its_times_us)
            found.setdefault((kind, name), []).append(columns)
    return {
        one: pieces[0] if len(pieces) == 1 else pieces[0].joined(*pieces[1:], sort=True)
        for one, pieces in found.items()
    }
