"""Near misses: lines that were surely meant as an event (docs/reference/near-misses.md).

tests/data/near_misses.json has a line of each slip, what is said of it, and the line after the change that is said.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events.lines import LINE_LIMIT, LineJoiner
from agent.events.model import Event, Metrics, Progress, Stream
from agent.events.near_misses import near_miss, near_miss_of_line, suspects
from agent.events.near_texts import Kind
from agent.events.parse import parse_line
from tests.support.event_lines import EVENTS

DATA = Path(__file__).parents[2] / "data"
LINES = json.loads((DATA / "near_misses.json").read_text())
# Of the recorded output, which was written to hold traps, exactly these lines are near misses.
IN_RECORDED = {
    "hand_written": ["event_type", "key", "metric_value", "metric_value", "event_type", "key", "level", "level"],
    "yolo": ["not_json"],
}


def parsed(text: str) -> Event:
    return parse_line(text, Stream.STDOUT, 0)


@pytest.mark.parametrize("case", LINES, ids=lambda case: f"{case['kind']}: {case['nearly'][:60]}")
def test_what_a_line_nearly_was_and_the_change(case: dict[str, str]) -> None:
    found = near_miss_of_line(case["line"])
    assert found is not None
    assert (str(found.kind), found.nearly, found.change) == (case["kind"], case["nearly"], case["change"])
    assert not found.nearly.endswith(".")
    assert found.change.endswith(".")


@pytest.mark.parametrize("case", LINES, ids=lambda case: f"{case['kind']}: {case['nearly'][:60]}")
def test_the_change_makes_the_line_an_event(case: dict[str, str]) -> None:
    for line in case["changed"].split("\n"):
        assert near_miss_of_line(line) is None
    event = parsed(case["changed"].split("\n")[0])
    assert event.body is not None or event.level.name.lower() in case["change"] or event.event_type == "MODEL_APPLIED"


@pytest.mark.parametrize("case", LINES, ids=lambda case: f"{case['kind']}: {case['nearly'][:60]}")
def test_a_near_miss_is_kept_whole_and_draws_nothing(case: dict[str, str]) -> None:
    event = parsed(case["line"])
    assert event.raw == case["line"]
    assert not isinstance(event.body, Progress)
    if isinstance(event.body, Metrics):
        assert set(event.body.values.values()) == {None}


def test_every_kind_of_a_line_has_a_case() -> None:
    assert {case["kind"] for case in LINES} == {str(kind) for kind in Kind} - {Kind.UNFLUSHED}
    assert len(LINES) >= 40


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_of_the_sdk_is_none(name: str) -> None:
    line = "{" + ", ".join(f'"{key}": {text}' for key, text in EVENTS[name].items()) + "}"
    assert near_miss_of_line(line) is None


@pytest.mark.parametrize("log", sorted((DATA / "events").glob("*.log")), ids=lambda path: path.stem)
def test_ordinary_lines_are_none(log: Path) -> None:
    joiner = LineJoiner()
    lines = [*joiner.feed([(1, log.read_bytes())]), *joiner.finish()]
    found = [near_miss_of_line(line.text) for line in lines]
    assert [str(one.kind) for one in found if one is not None] == IN_RECORDED.get(log.stem, [])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "{}",
        "{'loss': 0.25}",
        "an event_type is the name of an event",
        '    print({"message": "metrics", "event_type": "EventType.METRICS"})',
        "    'event_type': 'EventType.METRICS',",
        "KeyError: 'event_type'",
        '{"metrics": {"loss": 0.5}}',
        '{"message": "saved", "subdir": "a"}',
        '{"message": "best", "metrics": {"loss": 0.5}, "level": "info"}',
        '{"message": "x", "event_type": "EventType.MY_OWN", "level": "info"}',
        '{"message": "an event", "event": "click", "level": "info"}',
        '{"message": "x", "level": "INFO"}',
        "{'event_type': 'click', 'x': 1}",
        "{'loss': 1, 'cfg': {'event_type': 'click'}}",
        '{"event_type":"train_step","x":1} done',
        '{"event_type":"train_step","x":1}{"event_type":"train_step","x":2}',
        '{"event_type":"click",',
        '{"event_type":"click","x":nan}',
        '[{"event_type":"click"}]',
        '"{\\"event_type\\":\\"click\\"}"',
        '{"event_type":["click"],"x":1}',
        '{"event_type":"Process","x":1} done',
        '{"message":"{\\"event_type\\": \\"click\\"}","level":"info"}',
        '{"message":"x","event_type":"Process"}',
        '{"message":"x","event_type":"REGRESS"}',
        '{"message":"x","event_time":"progress"}',
        '{"message":"x","eventType":"progress","lengthComputable":true}',
        '{"message":"x","cfg":{"event_type":"Process"}}',
        '{"message":"x","event_type":"matrix"}',
        '{"message":"x","level":"trade"}',
        '{"message":"x","level":"warp"}',
        '{"message":"x","level":"ward"}',
        '{"message":"x","level":"natal"}',
        '{"message": "x"}',
        '{"message": "metrics", "event_type": "EventType.METRICS", "type": "train", "epoch": 1, "metrics": {"loss": "tensor(1.53)"}, "level": "info"}',  # noqa: E501
        '{"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "subdir": "/sly_task_data/results/000003"}',
        '{"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "subdir": "epoch/3.5", "level": "info"}',
    ],
)
def test_what_was_not_meant_as_an_event_or_is_one(line: str) -> None:
    assert near_miss_of_line(line) is None


def test_notes_of_the_agent_are_none() -> None:
    event = Event('{"event_type": "EventType.METRIC"}', Stream.AGENT, 0, parsed("x").level, "x", "METRIC", json_start=0)
    assert near_miss(event) is None


PIECES = st.sampled_from(
    [
        '{"',
        '"event_type": ',
        '"EventType.METRICS"',
        "{'event_type': 'EventType.METRICS'",
        ", ",
        "}",
        "[",
        "\\",
        '"subdir":',
    ]
)


@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=20).map("".join)))
def test_any_line_has_an_answer_and_its_suspects_are_all(line: str) -> None:
    event = parsed(line)
    found = near_miss(event)
    assert found is None or suspects([(0, event)])
    assert found is None or (found.nearly and found.change)


@given(st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_metrics_of_numbers_are_none(values: dict[str, float]) -> None:
    record = {"message": "metrics", "event_type": "EventType.METRICS", "type": "val", "epoch": 1, "metrics": values}
    assert near_miss_of_line(json.dumps(record)) is None


@pytest.mark.parametrize(
    "line",
    [
        '{"event_type": ' * 60_000,
        "{'event_type" + " " * LINE_LIMIT,
        '{"event_type": "EventType.METRICS", "a": ' + "9" * 60_000,
        '{"event_type": "EventType.METRICS"' + ' "event_type": ' * 4_000,
        '"' + '\\"event_type\\"' * 4_000,
        "[" * 60_000 + '{"event_type": "EventType.METRICS"}',
    ],
    ids=["nested", "blanks", "digits", "types", "escapes", "lists"],
)
def test_no_line_takes_long(line: str) -> None:
    started = time.process_time()
    near_miss_of_line(line)
    assert time.process_time() - started < 0.5
