"""Lines as the log loop records them: columns of what the store keeps of each. Pure.

An event for each line would cost a third of the loop's time, and its memory until the line is committed. So lines are
decoded a few hundred at a time, and at once taken apart into columns: texts, levels, types, points of charts, bars. A
line of the fast way (`sdk_lines.py`) leaves nothing else behind; of every other line its event stays. Whoever reads the
store gets events.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import add, itemgetter
from typing import Any, Self

from agent.events.lines import Lines
from agent.events.model import Event, Level, Metrics, Progress, Stream
from agent.events.parse import level_of, parse_generally
from agent.events.sdk_lines import NOT_SDK_LINES, MetricsLine, ProgressLine, SdkLine, decode_sdk_line

Measured = Metrics | MetricsLine
Bar = Progress | ProgressLine


@dataclass(slots=True)
class ChartPoints:
    """The points of lines with the same metrics: columns of the same length, one of values for each metric."""

    places: list[int]  # of the lines, ascending
    epochs: list[float | None]
    values: list[list[float | None]]

    def extend(self, later: ChartPoints, offset: int) -> None:
        self.places += map(add, later.places, repeat(offset))
        self.epochs += later.epochs
        for column, more in zip(self.values, later.values, strict=True):
            column.extend(more)

    def beyond(self, start: int) -> ChartPoints:
        first = bisect_left(self.places, start)
        places = [place - start for place in self.places[first:]]
        return ChartPoints(places, self.epochs[first:], [column[first:] for column in self.values])


@dataclass(slots=True)
class EventColumns:
    """Events in their order. The first five columns have one entry for each; the others name places in them."""

    texts: list[str] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    types: list[str | None] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)  # all but the lines of the fast way
    points: dict[tuple[str, ...], ChartPoints] = field(default_factory=dict)  # by kind and names
    bars: dict[str, tuple[int, int, Bar]] = field(default_factory=dict)  # by subtask: first place, last place, content
    last_metrics: Measured | None = None

    @classmethod
    def of(cls, events: Sequence[Event]) -> Self:
        columns = cls([event.raw for event in events], [event.stream for event in events])
        columns.times_us = [event.time_us for event in events]
        columns._take(events)
        return columns

    def __len__(self) -> int:
        return len(self.texts)

    def extend(self, later: EventColumns) -> None:
        offset = len(self.texts)
        self.texts += later.texts
        self.streams += later.streams
        self.times_us += later.times_us
        self.levels += later.levels
        self.types += later.types
        self.events += [(place + offset, event) for place, event in later.events]
        for names, points in later.points.items():
            known = self.points.get(names)
            if known is None:
                known = self.points[names] = ChartPoints([], [], [[] for _ in points.values])
            known.extend(points, offset)
        for subtask, (first, last, bar) in later.bars.items():
            began = self.bars[subtask][0] if subtask in self.bars else first + offset
            self.bars[subtask] = (began, last + offset, bar)
        self.last_metrics = later.last_metrics or self.last_metrics

    def beyond(self, start: int) -> EventColumns:
        """The events from this place on. A bar that began before has its first place at the beginning."""
        if not start:
            return self
        points = {names: found.beyond(start) for names, found in self.points.items() if found.places[-1] >= start}
        return EventColumns(
            self.texts[start:],
            self.streams[start:],
            self.times_us[start:],
            self.levels[start:],
            self.types[start:],
            [(place - start, event) for place, event in self.events if place >= start],
            points,
            {
                subtask: (max(first - start, 0), last - start, bar)
                for subtask, (first, last, bar) in self.bars.items()
                if last >= start
            },
            self.last_metrics if "METRICS" in self.types[start:] else None,
        )

    def _take(self, read: Sequence[SdkLine | Event]) -> None:
        """Take the content of the lines apart, whose texts are there."""
        self.types = [line.event_type for line in read]
        self.levels = _numbers_of([line.level for line in read])
        found: dict[tuple[str, ...], tuple[list[int], list[Any]]] = {}  # kind and names → places, metrics
        for place, line in enumerate(read):
            content: Any = line
            if type(line) is Event:
                self.events.append((place, line))
                content = line.body
            type_of_content = type(content)
            if type_of_content is MetricsLine or type_of_content is Metrics:
                names = (content.kind, *content.values)
                try:
                    places, metrics = found[names]
                except KeyError:
                    places, metrics = found[names] = ([], [])
                places.append(place)
                metrics.append(content)
            elif type_of_content is ProgressLine or type_of_content is Progress:
                first = self.bars[content.subtask][0] if content.subtask in self.bars else place
                self.bars[content.subtask] = (first, place, content)
        for names, (places, metrics) in found.items():
            columns = zip(*[one.values.values() for one in metrics], strict=True)
            self.points[names] = ChartPoints(places, [one.epoch for one in metrics], list(map(list, columns)))
        if found:
            self.last_metrics = max(found.values(), key=_last_place)[1][-1]


def _last_place(found: tuple[list[int], list[Any]]) -> int:
    return found[0][-1]


_NUMBERS: dict[str | Level, int] = {
    **{level: int(level) for level in Level},
    **{name: int(level) for level in Level for name in (level.name, level.name.lower())},
}


def _numbers_of(levels: Sequence[str | Level]) -> list[int]:
    numbers = list(map(_NUMBERS.get, levels))
    if None in numbers:
        return [_NUMBERS.get(level) or int(level_of(str(level))) for level in levels]
    return numbers  # type: ignore[return-value]  # there is no None among them


_first = itemgetter(slice(1))
_BLANKS = frozenset(" \t\r\n")  # the decoder skips them, and a line that begins with one is text


class ReadLines:
    """Lines that were received at one time, decoded. Each means what `parse_line` says of it."""

    __slots__ = ("_lines", "_read", "_time_us", "events")

    def __init__(self, lines: Lines, time_us: int) -> None:
        self._lines = lines
        self._time_us = time_us
        self._read = read = _decoded(lines, time_us)
        self.events = [(place, line) for place, line in enumerate(read) if type(line) is Event]  # as in EventColumns

    def __len__(self) -> int:
        return len(self._read)

    def columns(self, start: int = 0, stop: int | None = None) -> EventColumns:
        some, read = slice(start, stop), self._read
        columns = EventColumns(self._lines.texts[some], self._lines.streams[some])
        columns.times_us = [self._time_us] * len(columns.texts)
        columns._take(read[some] if start or stop is not None else read)
        return columns


def _decoded(lines: Lines, time_us: int) -> list[SdkLine | Event]:
    texts, streams = lines.texts, lines.streams
    tried = texts if _BLANKS.isdisjoint(map(_first, texts)) else ["" if text[:1] in _BLANKS else text for text in texts]
    read: list[SdkLine | Event] = []
    waiting = iter(tried)
    while True:
        try:
            read.extend(map(decode_sdk_line, waiting))  # in a row; those before an error are kept
            return read
        except NOT_SDK_LINES:
            place = len(read)
            read.append(parse_generally(texts[place], streams[place], time_us))
