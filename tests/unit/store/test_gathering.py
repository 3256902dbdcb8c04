"""What events add to the tables, made column by column, is what a step per line makes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agent.events.lines import Lines
from agent.events.model import Metrics, Progress, Stream
from agent.events.parse import parse_line
from agent.events.reading import ReadLines
from agent.store.gathering import Batch, EventRow, NumberedEvents, gather

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.just("odd") | st.integers(-5, 5)
metrics = st.builds(
    lambda kind, epoch, values: json.dumps(
        {
            "message": "metrics", "event_type": "EventType.METRICS", "type": kind, "epoch": epoch, "metrics": values,
            "timestamp": "2026-11-22T09:28:39.527Z", "level": "info",
        }
    ),
    st.sampled_from(["train", "val", "test"]),
    st.floats(0, 9) | st.integers(0, 3),
    st.dictionaries(st.sampled_from(["loss", "accuracy", "iou"]), numbers, max_size=3),
)  # fmt: skip
progress = st.builds(
    lambda subtask, current: json.dumps(
        {
            "message": "progress", "event_type": "EventType.PROGRESS", "subtask": subtask, "current": current,
            "total": 9, "timestamp": "2026-11-22T09:28:39.527Z", "level": "info",
        }
    ),
    st.sampled_from(["Epoch: ", "Download"]),
    st.integers(0, 9) | st.just("many"),
)  # fmt: skip
texts = st.lists(
    metrics | progress | st.sampled_from(["text", "nul \0", '{"message": "m", "level": "warn"}']), max_size=30
)


@given(texts, st.integers(1, 1000))
def test_columns_hold_the_points_and_bars_of_each_line_in_their_order(lines: list[str], first: int) -> None:
    read = ReadLines(Lines(lines, [Stream.STDERR] * len(lines)), 7).columns()
    batch = gather(NumberedEvents(range(first, first + len(lines)), read))

    points: dict[tuple[str, str], list[tuple[int, float | None, float | None, int]]] = {}
    bars: dict[str, tuple[int, int, int]] = {}
    last = None
    for seq, text in enumerate(lines, first):
        match parse_line(text, Stream.STDERR, 7).body:
            case Metrics() as body:
                last = body
                for name, value in body.values.items():
                    points.setdefault((body.kind, name), []).append((seq, body.epoch, value, 7))
            case Progress() as bar:
                bars[bar.subtask] = (bars[bar.subtask][0] if bar.subtask in bars else seq, seq, bar.current)

    assert points_of(batch) == points
    assert list(batch.points) == list(points), "series are made in the order in which they were printed"
    assert {name: (at, seq, bar.current) for name, (at, seq, _, bar) in batch.progress.items()} == bars
    assert (batch.last_metrics and dict(batch.last_metrics.values)) == (last and dict(last.values))


@given(texts)
def test_lines_that_came_as_events_add_the_same(lines: list[str]) -> None:
    read = ReadLines(Lines(lines, [Stream.STDERR] * len(lines)), 7).columns()
    rows = [EventRow(seq, parse_line(text, Stream.STDERR, 7)) for seq, text in enumerate(lines, 1)]
    fast, slow = gather(NumberedEvents(range(1, len(lines) + 1), read)), gather(NumberedEvents.of(rows))

    assert fast.lines == slow.lines
    assert points_of(fast) == points_of(slow)
    assert [bar[:3] for bar in fast.progress.values()] == [bar[:3] for bar in slow.progress.values()]


def test_events_beyond_a_number_are_those_with_higher_ones() -> None:
    rows = [EventRow(seq, parse_line(f"line {seq}", Stream.STDERR, 7)) for seq in (3, 5, 9)]
    events = NumberedEvents.of(rows)

    assert [events.beyond(seq).events.texts for seq in (0, 3, 4, 9)] == [
        ["line 3", "line 5", "line 9"], ["line 5", "line 9"], ["line 5", "line 9"], [],
    ]  # fmt: skip


def points_of(batch: Batch) -> dict[tuple[str, str], list[tuple[int, float | None, float | None, int]]]:
    return {
        one: list(zip(columns.seqs, columns.epochs, columns.values, columns.times_us, strict=True))
        for one, columns in batch.points.items()
    }
