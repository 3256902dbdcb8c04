"""Lines of the task's log file."""

from __future__ import annotations

import json

import pytest

from agent.events.log_lines import LogLines
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.events.reading import EventColumns


@pytest.mark.parametrize(
    "text",
    [
        '{"message": "m",\r "event_type": "EventType.METRICS", "type": "val",\r\r"epoch": 1, "metrics": {"a": 1.0}}',
        '{"message": "c", "event_type": "EventType.CHECKPOINT", "id": 1, \r"subdir": "1", "sizeb": 9, "best_now": 1}\r',
        '{"message":\r "untyped", "n": {"a": "ä\\r"}, "level": "info"}',
    ],
)
def test_a_carriage_return_between_the_parts_of_an_object_makes_no_second_line(text):
    event = parse_line(text, Stream.STDERR, 1)
    lines = LogLines(7).lines(EventColumns.of([event, event])).splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {**json.loads(lines[1]), **json.loads(text)}
