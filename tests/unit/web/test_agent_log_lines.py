"""What the original agent's lines say: whose line it is, what of it is kept, and what becomes of the task."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import Step, TaskStatus
from agent.events.model import Event, Level, Metrics, Stream
from web_stub.agent_rpc.log_lines import (
    Closed,
    Ended,
    Fact,
    Gone,
    Result,
    Saved,
    Spawned,
    Started,
    StepDone,
    Transcript,
    is_repeated,
    read_log_line,
)

ADDED = {"service_type": "ServiceType.TASK", "task_id": 7, "timestamp": "2026-12-01T01:58:03.172Z"}


def said(message: str = "", kind: str = "LOGJ", level: str = "info", **fields: Any) -> str:
    return json.dumps({"message": message, "event_type": f"EventType.{kind}", **fields, **ADDED, "level": level})


def printed(text: str) -> str:
    return said(cont_msg=f"{text}\n")


def read(*lines: str) -> list[tuple[Event, Fact | None]]:
    transcript = Transcript()
    found = [read_log_line(line) for line in lines]
    assert None not in found
    return [transcript.read(line, 1) for line in found if line is not None]


SPAWNED = said("Docker container is spawned", container_id="c0ffee", container_name="sly_task_7")
GONE = said("Task container finished with status: {'Error': None, 'StatusCode': 0}", level="debug")
LOGGED = said("WAIT_FOR_TASK_LOG")


@pytest.mark.parametrize(
    "text",
    [
        "", "text", "[]", "7", '"a"', '{"message": "m"}', json.dumps({**ADDED, "service_type": "ServiceType.AGENT"}),
        json.dumps({**ADDED, "task_id": "telemetry"}), json.dumps({**ADDED, "task_id": None}),
        json.dumps({**ADDED, "task_id": -1}), json.dumps({**ADDED, "task_id": 1 << 70}), "{" * 5000, '{"a": ' * 2000,
    ],
)  # fmt: skip
def test_what_is_not_about_a_task_is_none(text: str) -> None:
    assert read_log_line(text) is None


def test_the_plugin_s_lines_are_kept_as_it_printed_them() -> None:
    metrics = said("metrics", "METRICS", type="train", epoch=1, metrics={"loss": 0.5})
    events = [event for event, _ in read(SPAWNED, printed("out 1"), metrics, said("plain", level="warn", x=1))]

    assert [event.stream for event in events] == [Stream.AGENT, Stream.STDOUT, Stream.STDERR, Stream.STDERR]
    text, points, plain = events[1:]
    assert (text.raw, text.message, text.event_type) == ("out 1", "out 1", None)
    assert points.body == Metrics("train", 1.0, {"loss": 0.5})
    assert points.fields is None
    assert (plain.message, plain.level, plain.event_type, plain.fields) == ("plain", Level.WARN, None, {"x": 1})


def test_the_agent_s_own_lines_are_kept_as_they_came() -> None:
    text = said("DOWNLOAD_MODEL", nn_title="start")
    ((event, fact),) = read(text)

    assert (event.stream, event.raw, event.event_type, event.fields) == (
        Stream.AGENT,
        text,
        None,
        {"nn_title": "start"},
    )
    assert fact is None


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (said("TASK_START", "TASK_STARTED"), Started()),
        (SPAWNED, Spawned("c0ffee")),
        (said("Docker container is spawned", container_id="c0ffee\0"), None),
        (said("Docker container is spawned"), None),
        (said("STEP_DONE", "STEP_COMPLETE", step="DOWNLOAD"), StepDone(Step.DOWNLOAD)),
        (said("STEP_DONE", "STEP_COMPLETE", step="DANCE"), None),
        (said("PROJECT_CREATED", "PROJECT_CREATED", project_id=12), Result(12)),
        (said("PROJECT_CREATED", "PROJECT_CREATED", project_id="x"), None),
        (said("TASK_END", "TASK_FINISHED"), Ended(TaskStatus.FINISHED, "finished")),
        (said("TASK_END", "TASK_STOPPED", stopped="by_user"), Ended(TaskStatus.STOPPED, "stopped_by_user")),
        (said("TASK_REMOVED", "TASK_REMOVED", exit_code=1), Gone(False, 1)),
        (said("TASK_MISSED", "MISSED_TASK_FOUND"), Gone(False)),
        (said("TASK_MISSED", "TASK_STOPPED"), Gone(True)),
        (LOGGED, Closed()),
        (said("anything"), None),
    ],
)
def test_what_a_line_says(line: str, fact: Fact | None) -> None:
    assert read(line)[-1][1] == fact


@pytest.mark.parametrize(
    ("why", "reason", "exit_code", "words"),
    [
        ("Task container finished with non-zero status: {'Error': None, 'StatusCode': 137}", "plugin_exit", 137, "137"),
        ("No checkpoints produced during training", "no_checkpoint", None, "No checkpoints"),
        ("[Errno 2] No such file or directory: '/x'", "original_agent", None, "No such file"),
        (None, "original_agent", None, "does not say why"),
    ],
)
def test_a_crash_says_why(why: str | None, reason: str, exit_code: int | None, words: str) -> None:
    fact = read(SPAWNED, said("TASK_END", "TASK_CRASHED", "fatal", exc_str=why))[-1][1]

    assert isinstance(fact, Ended)
    assert (fact.status, fact.reason, fact.exit_code) == (TaskStatus.ERROR, reason, exit_code)
    assert words in (fact.message or "")


def test_a_crash_that_the_plugin_prints_ends_nothing() -> None:
    crash = said("Unexpected exception in main.", "TASK_CRASHED", "fatal", exc_str="boom")
    event, fact = read(SPAWNED, crash)[-1]

    assert (event.stream, event.event_type, fact) == (Stream.STDERR, "TASK_CRASHED", None)


def test_a_checkpoint_has_the_word_under_which_it_is_uploaded() -> None:
    fields: dict[str, Any] = {"id": 1, "subdir": "00000001", "sizeb": 8, "best_now": True, "optional": {}}
    event, fact = read(SPAWNED, said("checkpoint", "CHECKPOINT", **fields, model_id=3, model_hash="w/1.tar"))[-1]
    assert event.stream is Stream.STDERR
    assert isinstance(fact, Saved)
    assert (fact.reported.index, fact.upload_hash) == (1, "w/1.tar")
    assert read(SPAWNED, said("checkpoint", "CHECKPOINT", **fields))[-1][1] is None, (
        "without the word nothing was saved"
    )


def test_lines_of_an_upload_while_the_plugin_runs_are_the_agent_s() -> None:
    main = said("STEP_DONE", "STEP_COMPLETE", step="MAIN")
    upload = said("progress", "PROGRESS", subtask="Dataset 'ds': upload images", current=1, total=1)
    over = said("STEP_DONE", "STEP_COMPLETE", step="UPLOAD")
    applied, later = said("model applied", "MODEL_APPLIED"), said("bye")
    events = [
        event for event, _ in read(SPAWNED, main, upload, printed("meanwhile"), over, applied, later, GONE, upload)
    ]

    own, plugin = Stream.AGENT, Stream.STDERR
    assert [event.stream for event in events] == [own, own, own, Stream.STDOUT, own, plugin, plugin, own, own]


def test_lines_behind_the_end_are_still_the_plugin_s() -> None:
    end = said("TASK_END", "TASK_STOPPED", stopped="by_user")
    late = said("metrics", "METRICS", type="train", epoch=1, metrics={"loss": 0.5})
    assert [event.stream for event, _ in read(SPAWNED, end, LOGGED, late, printed("out 2"))][3:] == [
        Stream.STDERR,
        Stream.STDOUT,
    ]


def test_a_transcript_that_goes_on_knows_where_it_was() -> None:
    transcript = Transcript()
    for message, step in (("TASK_START", ""), ("Docker container is spawned", ""), ("STEP_DONE", "MAIN")):
        transcript.follow(message, step)
    line = read_log_line(said("progress", "PROGRESS", subtask="s", current=1, total=2))
    assert line is not None
    assert transcript.read(line, 1)[0].stream is Stream.AGENT


def test_a_batch_that_comes_again_is_known_by_its_times() -> None:
    transcript = Transcript()
    lines = [line for text in (SPAWNED, said("a"), printed("out 1")) if (line := read_log_line(text)) is not None]
    kept = [transcript.read(line, 1)[0] for line in lines]

    assert is_repeated(kept, lines), "also when the container has started since"
    assert not is_repeated(kept[2:], lines[2:]), "the same words may be printed twice"
    assert not is_repeated(kept[1:], lines)
    assert not is_repeated(kept[1:], lines[:2])
    assert not is_repeated([], [])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    ["message", "event_type", "level", "step", "cont_msg", "exc_str", "project_id", "container_id", "subdir",
     "model_hash", "metrics", "type", "epoch", "exit_code", "image", "timestamp"]
)  # fmt: skip
_MESSAGES = st.sampled_from(
    ["TASK_END", "STEP_DONE", "WAIT_FOR_TASK_LOG", "Docker container is spawned", "TASK_MISSED"]
)


@given(st.lists(st.dictionaries(_KEYS, _JSON | _MESSAGES, max_size=6), max_size=5))
def test_no_line_makes_it_raise(records: list[dict[str, Any]]) -> None:
    transcript = Transcript()
    for record in records:
        line = read_log_line(json.dumps({**record, "service_type": "ServiceType.TASK", "task_id": 7}))
        if line is not None:
            event, _ = transcript.read(line, 1)
            assert event.stream in tuple(Stream)
