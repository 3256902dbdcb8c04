"""Recorded output and its expected events: tests/data/events/*.log and *.jsonl.

`official_2026` is the output of tests/data/events/official_2026.py with the official package; `sdk_2026`,
`sdk_2019` and the crashes are lines captured from the two generations of the official SDK; `yolo` has the shapes of the
Darknet fork; the other two were written by hand, one trap a line. After a wanted change:
`pytest tests/unit/events --refresh-events`, and read the difference.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from agent.events.lines import LineJoiner
from agent.events.model import Event, Stream
from agent.events.parse import parse_line

RECORDED = Path(__file__).parents[2] / "data" / "events"


def read(log: bytes) -> list[Event]:
    joiner = LineJoiner()
    lines = [*joiner.feed([(Stream.STDERR, log)]), *joiner.finish()]
    return [parse_line(line.text, line.stream, 0) for line in lines]


def shown(event: Event) -> dict[str, object]:
    """The differences from a plain line, with the type of the body."""
    said: dict[str, object] = {"level": event.level.name, "message": event.message, "event_type": event.event_type}
    if event.body is not None:
        said["body"] = {"": type(event.body).__name__, **msgspec.to_builtins(event.body)}
    said |= {"fields": event.fields, "parse_error": event.parse_error, "json_start": event.json_start}
    return {key: value for key, value in said.items() if value is not None}


@pytest.mark.parametrize("log", sorted(RECORDED.glob("*.log")), ids=lambda path: path.stem)
def test_recorded_output_is_read_as_expected(log: Path, request: pytest.FixtureRequest) -> None:
    events = read(log.read_bytes())
    expected = log.with_suffix(".jsonl")
    found = msgspec.json.Encoder().encode_lines([shown(event) for event in events]).decode()
    if request.config.getoption("--refresh-events"):
        expected.write_text(found)

    assert found == expected.read_text()


@pytest.mark.parametrize("log", sorted(RECORDED.glob("*.log")), ids=lambda path: path.stem)
def test_nothing_recorded_is_lost(log: Path) -> None:
    text = log.read_bytes().decode(errors="replace")

    assert [event.raw for event in read(log.read_bytes())] == text.removesuffix("\n").split("\n")
