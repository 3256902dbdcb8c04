"""The log loop's columns say of each line what its event says."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agent.events.lines import Lines
from agent.events.model import Level, Metrics, Progress, Stream
from agent.events.parse import parse_line
from agent.events.reading import EventColumns, ReadLines
from tests.support.event_lines import EVENTS, corpus

OUT, ERR = Stream.STDOUT, Stream.STDERR
CORPUS = [text for _, text in corpus()]
METRICS = "{" + ", ".join(f'"{key}": {value}' for key, value in EVENTS["METRICS"].items()) + "}"


def read(*texts: str) -> EventColumns:
    return ReadLines(Lines(list(texts), [ERR] * len(texts)), 7).columns()


Said = list[tuple[object, ...]]


def said_by(columns: EventColumns) -> Said:
    """What columns say, line by line, as text: 0.0 equals -0.0, and 1 equals True. Only the last line of a bar is kept,
    and the last metrics of all.
    """
    points: dict[int, list[str]] = {}
    for (kind, *names), found in columns.points.items():
        for place, epoch, *values in zip(found.places, found.epochs, *found.values, strict=True):
            points[place] = [kind, repr(epoch), repr(dict(zip(names, values, strict=True)))]
    bars = {last: _bar(bar) for _, last, bar in columns.bars.values()}
    return [
        (text, stream, time_us, level, kind, points.get(place), bars.get(place))
        for place, (text, stream, time_us, level, kind) in enumerate(
            zip(columns.texts, columns.streams, columns.times_us, columns.levels, columns.types, strict=True)
        )
    ]


def _bar(bar: object) -> str:
    return repr([getattr(bar, name) for name in ("subtask", "current", "total", "current_label", "total_label")])


def said_by_events(texts: list[str]) -> Said:
    """The same, from the event of each line."""
    events = [parse_line(text, ERR, 7) for text in texts]
    last = {event.body.subtask: place for place, event in enumerate(events) if isinstance(event.body, Progress)}
    said: Said = []
    for place, event in enumerate(events):
        points = bar = None
        if isinstance(event.body, Metrics):
            points = [event.body.kind, repr(event.body.epoch), repr(dict(event.body.values))]
        elif isinstance(event.body, Progress) and last[event.body.subtask] == place:
            bar = _bar(event.body)
        said.append((event.raw, event.stream, event.time_us, event.level, event.event_type, points, bar))
    return said


def test_every_line_of_the_corpus_says_what_its_event_says() -> None:
    for text in CORPUS:
        assert said_by(read(text)) == said_by_events([text])
    columns = read(*CORPUS)

    assert said_by(columns) == said_by_events(CORPUS)
    assert all(event == parse_line(CORPUS[place], ERR, 7) for place, event in columns.events)
    assert 300 < len(columns.events) < len(CORPUS) - 300


@given(st.lists(st.sampled_from(CORPUS) | st.text(max_size=10), max_size=12), st.data())
def test_any_lines_together_say_what_their_events_say(texts: list[str], data: st.DataObject) -> None:
    texts = [data.draw(st.sampled_from(["", "", " ", "\t", "\r"])) + text for text in texts]

    assert said_by(read(*texts)) == said_by_events(texts)
    assert said_by(EventColumns.of([parse_line(text, ERR, 7) for text in texts])) == said_by_events(texts)


@given(st.lists(st.sampled_from(CORPUS), min_size=1, max_size=12), st.data())
def test_pieces_in_a_row_say_the_same_as_all_at_once(texts: list[str], data: st.DataObject) -> None:
    lines = ReadLines(Lines(texts, [ERR] * len(texts)), 7)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    whole, joined = lines.columns(), EventColumns()
    for start, stop in zip([0, *cuts], [*cuts, len(texts)], strict=True):
        joined.extend(lines.columns(start, stop))

    assert said_by(joined) == said_by(whole)
    assert joined.events == whole.events
    assert joined.bars == whole.bars
    assert joined.last_metrics == whole.last_metrics
    for start in cuts:
        assert said_by(joined.beyond(start)) == said_by(whole)[start:]
        assert joined.beyond(start).events == lines.columns(start).events


def test_a_line_of_the_sdk_behind_a_blank_is_text_with_an_object_in_it() -> None:
    assert not read(METRICS).events

    ((_, event),) = read(f" {METRICS}").events
    assert event == parse_line(f" {METRICS}", ERR, 7)
    assert event.json_start == 1


def test_unknown_names_of_levels_are_info() -> None:
    texts = [json.dumps({**json.loads(METRICS), "level": name}) for name in ("info", "Warn", "critical", "ERROR")]

    assert read(*texts).levels == [Level.INFO, Level.WARN, Level.INFO, Level.ERROR]
    assert all(type(level) is int for level in read(*texts).levels)


def test_streams_stay_with_their_lines() -> None:
    columns = ReadLines(Lines(["a", "b", "c"], [OUT, ERR, OUT]), 7).columns()

    assert [event.stream for _, event in columns.events] == columns.streams == [OUT, ERR, OUT]
