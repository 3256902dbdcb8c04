from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events.lines import cut_mark, redrawn_mark
from agent.events.model import (
    Applied,
    CheckpointReported,
    Crashed,
    Event,
    ImageReported,
    Level,
    Metrics,
    Progress,
    Stream,
)
from agent.events.parse import parse_line, read_object
from agent.formats.json_values import MAX_DEPTH


def read(line: str | dict[str, Any]) -> Event:
    text = line if isinstance(line, str) else json.dumps(line)
    return parse_line(text, Stream.STDERR, 7)


def metrics(**changes: Any) -> dict[str, Any]:
    line = {"message": "metrics", "event_type": "EventType.METRICS", "type": "train", "epoch": 0.5}
    return {**line, "metrics": {"loss": 0.25}, "timestamp": "2026-11-22T09:28:39.527Z", "level": "info", **changes}


def checkpoint(**changes: Any) -> dict[str, Any]:
    line = {"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "id": 3, "subdir": "00000003"}
    return {**line, "sizeb": 2048, "best_now": True, "optional": None, "level": "info", **changes}


def progress(**changes: Any) -> dict[str, Any]:
    line = {"message": "progress", "event_type": "EventType.PROGRESS", "subtask": "Model training: "}
    return {**line, "current": 3, "total": 250, "level": "info", **changes}


def without(line: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != key}


def image(**changes: Any) -> dict[str, Any]:
    """A line of the SDK's logger with `extra={"image": {...}}`."""
    asked = {"path": "/sly_task_data/results/12.png", "name": "val", "step": 12, "caption": "IoU 0.5", **changes}
    return {"message": "prediction", "image": asked, "timestamp": "2026-11-22T09:28:39.527Z", "level": "info"}


# ---------------------------------------------------------------- the record


def test_a_metrics_line_gives_its_point():
    event = read(metrics())

    assert event == Event(
        json.dumps(metrics()), Stream.STDERR, 7, Level.INFO, "metrics", "METRICS",
        Metrics("train", 0.5, {"loss": 0.25}), json_start=0,
    )  # fmt: skip


@pytest.mark.parametrize("spelling", ["EventType.METRICS", "METRICS", 9, "9"])
def test_the_three_spellings_of_an_event_type_are_one(spelling: object):
    assert read(metrics(event_type=spelling)).body == Metrics("train", 0.5, {"loss": 0.25})


@pytest.mark.parametrize("name", ["EventType.metrics", "eventtype.METRICS", "metrics", "EventType.SOMETHING", 42, 9.5])
def test_an_unknown_event_type_is_forwarded_without_body(name: object):
    event = read(metrics(event_type=name))

    assert event.body is None
    assert event.parse_error is None
    assert event.event_type == str(name).removeprefix("EventType.")
    assert event.fields == {"type": "train", "epoch": 0.5, "metrics": {"loss": 0.25}}


@pytest.mark.parametrize("name", [["EventType.METRICS"], {"a": 1}])
def test_an_event_type_that_is_no_name_makes_a_plain_line(name: object):
    event = read(metrics(event_type=name))

    assert (event.message, event.event_type, event.fields) == (event.raw, None, None)


@pytest.mark.parametrize(
    "text", ["[1, 2]", "3", '"text"', "null", "{}", '{"loss": 0.5}', '{"level": "error"}', "{", "}"]
)
def test_what_is_no_log_line_is_text(text: str):
    assert read(text) == Event(text, Stream.STDERR, 7, Level.INFO, text)


@pytest.mark.parametrize("missing", ["message", "level"])
def test_an_event_without_message_or_level_is_accepted(missing: str):
    event = read(without(metrics(), missing))

    assert event.body == Metrics("train", 0.5, {"loss": 0.25})
    assert event.level is Level.INFO


@pytest.mark.parametrize(
    ("wire", "level"),
    [
        ("trace", Level.TRACE), ("debug", Level.DEBUG), ("info", Level.INFO), ("warn", Level.WARN),
        ("error", Level.ERROR), ("fatal", Level.FATAL), ("WARN", Level.WARN), ("Error", Level.ERROR),
        ("critical", Level.INFO), ("warning", Level.INFO), ("verbose", Level.INFO),
        (None, Level.INFO), (30, Level.INFO), ([], Level.INFO),
    ],
)  # fmt: skip
def test_levels_are_the_official_ones_and_unknown_is_info(wire: object, level: Level):
    assert read({"message": "m", "level": wire}).level is level


@pytest.mark.parametrize(("wire", "message"), [(5, "5"), (None, "None"), ({"a": 1}, "{'a': 1}"), (True, "True")])
def test_a_message_that_is_no_text_becomes_text(wire: object, message: str):
    assert read({"message": wire, "level": "info"}).message == message


def test_reserved_log_record_keys_are_data():
    extra = {"name": "x", "args": [1], "msg": "y", "exc_info": None, "module": "m", "asctime": 1, "task_id": 99}

    assert read({"message": "m", **extra, "level": "info"}).fields == extra


def test_of_duplicate_keys_the_last_wins():
    assert read('{"message": "a", "message": "b", "level": "error", "level": "warn"}').message == "b"


def test_already_satisfied_requirements_of_pip_are_debug():
    assert read("Requirement already satisfied: numpy in /usr/lib").level is Level.DEBUG


@pytest.mark.parametrize(
    "line", ["Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "", "   "]
)
def test_plain_lines_between_json_lines_are_info(line: str):
    assert read(line) == Event(line, Stream.STDERR, 7, Level.INFO, line)


# ---------------------------------------------------------------- JSON that is not quite


def test_nan_and_infinity_become_none():
    values = '{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999, "e": 1}'
    event = read(f'{{"event_type": "EventType.METRICS", "type": "val", "epoch": NaN, "metrics": {values}}}')

    assert event.body == Metrics("val", None, {"a": None, "b": None, "c": None, "d": None, "e": 1.0})
    assert event.parse_error is None


def test_the_nan_of_printf_makes_a_plain_line_that_says_why():
    event = read(
        '{"message": "metrics", "event_type": "EventType.METRICS", "metrics": {"loss": -nan}, "level": "info"}'
    )

    assert (event.body, event.event_type, event.message) == (None, None, event.raw)
    assert "no JSON" in (event.parse_error or "")


def test_integers_beyond_64_bits_are_data():
    event = read('{"message": "m", "big": 123456789012345678901234567890, "level": "info"}')

    assert event.fields == {"big": 1.2345678901234568e29}
    assert read('{"message": "m", "x": NaN, "big": -123456789012345678901234567890}').fields == {
        "x": None,
        "big": -1.2345678901234568e29,
    }


def test_an_integer_beyond_every_float_is_none():
    assert read(f'{{"message": "m", "big": {"9" * 5000}}}').fields == {"big": None}


def test_half_a_surrogate_pair_is_replaced():
    event = read(r'{"message": "a\ud83cb", "\ud800": ["\udfff", "\ud83c\udf53"], "level": "info"}')

    assert event.message == "a\ufffdb"
    assert event.fields == {"\ufffd": ["\ufffd", "🍓"]}


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 300, 5000, 200_000])
def test_absurd_nesting_is_text_with_a_reason(depth: int):
    event = read('{"message": "m", "level": "info", "x": ' + "[" * depth + "]" * depth + "}")

    assert (event.message, event.fields) == (event.raw, None)
    assert "nested deeper" in (event.parse_error or "")


def test_many_brackets_without_nesting_are_data():
    assert read({"message": "m", "boxes": [[1, 2]] * 500}).fields == {"boxes": [[1, 2]] * 500}


# ---------------------------------------------------------------- bars


def test_of_a_redrawn_line_the_last_drawing_is_shown():
    event = read("\r 10%\r 20%\r 30%")

    assert event.message == " 30%"
    assert event.raw == "\r 10%\r 20%\r 30%"


def test_a_bar_that_wiped_itself_shows_its_last_drawing():
    assert read("\r100%|###|\r         \r").message == "100%|###|"


def test_a_line_of_windows_loses_its_carriage_return():
    assert read("hello\r").message == "hello"
    assert read(json.dumps(metrics()) + "\r").body == Metrics("train", 0.5, {"loss": 0.25})


@pytest.mark.parametrize("bar", ["\r 50%|##  |", "\r 10%\r 50%", "50% ", "{'iou': 0.5} ", "\rloss={0.5}: "])
def test_a_bar_glued_before_a_json_line_hides_nothing(bar: str):
    event = read(bar + json.dumps(metrics()))

    assert event.body == Metrics("train", 0.5, {"loss": 0.25})
    assert event.fields == {"prefix": bar}
    assert event.json_start == len(bar)


def test_blanks_before_a_json_line_are_dropped():
    event = read("\r   " + json.dumps(metrics()))

    assert event.body == Metrics("train", 0.5, {"loss": 0.25})
    assert event.fields is None


@pytest.mark.parametrize(
    "text", ['answer: {"message": "not found"}', 'sent {"loss": 1}', 'x {"level": "info"}', "a {b}"]
)
def test_a_print_that_quotes_an_object_is_text(text: str):
    assert read(text) == Event(text, Stream.STDERR, 7, Level.INFO, text)


def test_a_cut_line_says_so():
    event = read('{"message": "metrics", "event_type": "EventType.METR' + cut_mark(123))

    assert event.body is None
    assert event.parse_error == "the line was longer than can be kept: its last 123 bytes were dropped"


def test_a_line_behind_a_bar_that_was_dropped_is_read():
    event = read(redrawn_mark(5_000_000) + " 99%" + json.dumps(metrics()))

    assert event.body == Metrics("train", 0.5, {"loss": 0.25})
    assert event.fields is not None
    assert "5000000 redrawn bytes dropped" in event.fields["prefix"]


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (0.5, 0.5), (3, 3.0), (None, None), (True, 1.0), ("0.25", 0.25), ("3", 3.0), ("1e-3", 0.001), ("nan", None),
        ("-inf", None), ("tensor(1.09)", 1.09), ("tensor(0.5, device='cuda:0')", 0.5), ("tensor([[3]])", 3.0),
        ("tensor(1.5, grad_fn=<NllLossBackward0>)", 1.5), ("tensor(nan)", None), ("np.float32(0.25)", 0.25),
        ("array(2., dtype=float32)", 2.0), ("[0.5]", 0.5), ("[[3.]]", 3.0), ("tensor(True)", 1.0),
    ],
)  # fmt: skip
def test_metric_values_that_came_as_text_are_numbers(wire: object, value: float | None):
    event = read(metrics(metrics={"loss": wire}))

    assert event.body == Metrics("train", 0.5, {"loss": value})
    assert event.parse_error is None


@pytest.mark.parametrize(
    "wire",
    ["good", "", "[1. 2.]", "[1, 2]", "[]", "tensor([1, 2])", "tensor([0.5, 0.6])", [0.5], {"a": 1}, "9" * 1000],
)
def test_a_metric_that_is_not_a_number_is_none_and_named_and_the_others_stay(wire: object):
    event = read(metrics(metrics={"a": 1.5, "odd": wire}))

    assert event.body == Metrics("train", 0.5, {"a": 1.5, "odd": None})
    assert "'odd'" in (event.parse_error or "")


@pytest.mark.parametrize("epoch", [2, "2", 2.0, "tensor(2)"])
def test_an_epoch_may_be_whole_or_text(epoch: object):
    assert read(metrics(epoch=epoch)).body == Metrics("train", 2.0, {"loss": 0.25})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (metrics(metrics=[0.5]), "'metrics' must be an object"),
        (metrics(metrics=None), "'metrics' must be an object of name and number, got nothing"),
        (metrics(epoch="two"), "'epoch' must be a number, got 'two'"),
        (metrics(epoch=[1]), "'epoch' must be a number"),
        (without(metrics(), "epoch"), "'epoch' must be a number, got nothing"),
        (metrics(type=3), "'type' must be"),
        (without(metrics(), "type"), "'type' must be"),
        (progress(current="many"), "'current' must be a whole number, got 'many'"),
        (progress(total=None), "'total' must be a whole number, got nothing"),
        (progress(total=1 << 63), "'total' must be a whole number"),
        (progress(subtask=None), "'subtask' must be text"),
        (without(checkpoint(), "subdir"), "'subdir' must name the folder below results/, got nothing"),
        (checkpoint(subdir=""), "'subdir' must name"),
        (checkpoint(subdir=7), "'subdir' must name"),
    ],
)
def test_a_known_event_with_a_wrong_body_says_what_is_wrong(line: dict[str, Any], said: str):
    event = read(line)

    assert event.body is None
    assert event.event_type == line["event_type"].removeprefix("EventType.")
    assert said in (event.parse_error or "")
    assert event.fields == {
        key: value for key, value in line.items() if key not in ("message", "event_type", "timestamp", "level")
    }


def test_progress_counts_are_rounded_up_and_labels_kept():
    event = read(progress(current=2.5, total="10", current_label="0.0 B", total_label="3.0 MiB"))

    assert event.body == Progress("Model training: ", 3, 10, "0.0 B", "3.0 MiB")
    assert event.fields is None


@pytest.mark.parametrize("best", [True, 1, "tensor(True)", "true", "True", "1"])
def test_best_now_may_be_text_of_a_tensor(best: object):
    assert read(checkpoint(best_now=best)).body == CheckpointReported(3, "00000003", 2048, True, None)


@pytest.mark.parametrize("best", [False, 0, "tensor(False)", "False"])
def test_not_best_may_be_text_of_a_tensor(best: object):
    assert read(checkpoint(best_now=best)).body == CheckpointReported(3, "00000003", 2048, False, None)


def test_numpy_integers_of_a_checkpoint_may_be_text():
    assert read(checkpoint(id="3", sizeb="2048")).body == CheckpointReported(3, "00000003", 2048, True, None)


def test_the_folder_of_a_checkpoint_is_kept_as_written():
    event = read(checkpoint(subdir="/sly_task_data/results/000003"))

    assert event.body == CheckpointReported(3, "/sly_task_data/results/000003", 2048, True, None)


def test_a_checkpoint_is_not_lost_for_what_only_describes_it():
    event = read({"event_type": "EventType.CHECKPOINT", "subdir": "000007", "optional": [1], "best_now": "maybe"})

    assert event.body == CheckpointReported(7, "000007", 0, False, None)
    assert "'best_now'" in (event.parse_error or "")


def test_a_crash_keeps_its_message_and_its_stack():
    stack = ["Traceback (most recent call last):", "ValueError: boom"]
    line = {"message": "Unexpected exception in main.", "main_name": "N", "event_type": "EventType.TASK_CRASHED"}
    event = read({**line, "exc_str": "boom", "stack": stack, "level": "fatal"})

    assert event.body == Crashed("boom", tuple(stack))
    assert event.level is Level.FATAL
    assert event.fields == {"main_name": "N", "exc_str": "boom", "stack": stack}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"exc_info": "Traceback (most recent call last):\nValueError: no env\n"}, "ValueError: no env"),
        ({"exc_str": "why", "exc_info": "Traceback\nValueError: no env"}, "why"),
    ],
)
def test_a_crash_without_a_message_has_the_last_line_of_its_traceback(fields, error):
    event = read({"message": "get_params error", "event_type": "EventType.TASK_CRASHED", **fields})
    assert isinstance(event.body, Crashed)
    assert event.body.error == error


def test_a_crash_without_a_message_has_the_last_line_of_its_stack():
    event = read({"message": "m", "event_type": "EventType.TASK_CRASHED", "stack": ["Traceback", "KeyError: 1"]})

    assert event.body == Crashed("KeyError: 1", ("Traceback", "KeyError: 1"))


def test_model_applied_needs_no_further_keys():
    assert read({"message": "model applied", "event_type": "EventType.MODEL_APPLIED"}).body == Applied()


# ---------------------------------------------------------------- any text

keys = st.sampled_from(
    ["message", "level", "event_type", "type", "epoch", "metrics", "subtask", "current", "total", "id", "subdir",
     "sizeb", "best_now", "optional", "exc_str", "stack", "task_id", "current_label", "x"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["info", "tensor(1)", "0.5", "EventType.METRICS", "EventType.PROGRESS", "EventType.CHECKPOINT",
                       "EventType.TASK_CRASHED", 9, "9", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
records = st.dictionaries(keys, values, max_size=9).map(json.dumps)
lines = st.one_of(
    st.text(),
    records,
    st.tuples(st.text(max_size=5), st.sampled_from(["", "\r", "\r\r", "{"]), records, st.text(max_size=3)).map("".join),
    st.tuples(records, st.integers(0, 200)).map(lambda cut: cut[0][: cut[1]]),
)


@given(lines)
def test_any_text_is_an_event_that_can_be_stored(text: str):
    event = parse_line(text, Stream.STDOUT, 1)

    assert event.raw == text
    written = orjson.dumps([event.fields, msgspec.to_builtins(event.body), event.parse_error and ""])
    assert orjson.loads(written)[0] == event.fields
    if event.json_start is not None:
        assert text[event.json_start] == "{"
    match event.body:
        case Metrics(epoch=epoch, values=numbers):
            assert all(number is None or math.isfinite(number) for number in [epoch, *numbers.values()])
        case Progress(current=current, total=total):
            assert all(-(1 << 63) <= number < 1 << 63 for number in (current, total))
        case CheckpointReported(index=index, size_bytes=size):
            assert all(-(1 << 63) <= number < 1 << 63 for number in (index, size))


sdk_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["train", "val", "info", "Warn", "critical", "0.5", "EventType.METRICS", "EventType.PROGRESS"]),
    st.dictionaries(st.text(max_size=5), st.floats() | st.integers() | st.just("0.5") | st.none(), max_size=3),
)  # fmt: skip


@given(
    st.sampled_from([metrics(), progress(), progress(current_label="1 B", total_label="2 B")]),
    st.dictionaries(keys | st.just("timestamp"), sdk_values, max_size=3),
    st.lists(keys, max_size=1),
    st.randoms(use_true_random=False),
)
def test_the_short_way_and_the_long_way_read_the_same(line, changes, dropped, order):
    record = {key: value for key, value in {**line, **changes}.items() if key not in dropped}
    items = list(record.items())
    order.shuffle(items)
    text = json.dumps(dict(items))

    short, long = parse_line(text, Stream.STDOUT, 1), read_object(text, Stream.STDOUT, 1)

    assert short == long


def test_of_duplicate_event_types_the_last_wins():
    text = (
        json.dumps(metrics())[:-1] + ', "event_type": "EventType.PROGRESS", "subtask": "s", "current": 1, "total": 2}'
    )

    assert read(text).body == Progress("s", 1, 2)


@given(records)
def test_whatever_pythons_parser_reads_as_a_log_line_is_one_here(text: str):
    record = json.loads(text, parse_constant=lambda _: None)  # NaN and Infinity are null
    is_line = (record.get("event_type") is not None or "message" in record) and not isinstance(
        record.get("event_type"), (dict, list)
    )

    assert (parse_line(text, Stream.STDOUT, 1).json_start == 0) is is_line


# ---------------------------------------------------------------- images


def test_a_plain_line_with_the_path_of_an_image_asks_to_keep_it():
    event = read({**image(), "epoch": 3})

    assert (event.event_type, event.message, event.level) == ("IMAGE", "prediction", Level.INFO)
    assert event.body == ImageReported("/sly_task_data/results/12.png", "val", 12.0, "IoU 0.5")
    assert (event.fields, event.parse_error) == ({"epoch": 3}, None)


def test_an_image_needs_its_path_only():
    assert read({"message": "m", "image": {"path": "a.png"}}).body == ImageReported("a.png", "a.png", None, None)


@pytest.mark.parametrize("step", ["12", "tensor(12)", "np.int64(12)", 12.0])
def test_the_step_of_an_image_may_be_written_as_the_sdk_writes_numbers(step: object):
    assert read(image(step=step)).body == ImageReported("/sly_task_data/results/12.png", "val", 12.0, "IoU 0.5")


@pytest.mark.parametrize(
    ("changes", "body", "remark"),
    [
        ({"step": "last"}, ("val", None, "IoU 0.5"), "'step' must be a number, got 'last'"),
        ({"step": [1, 2]}, ("val", None, "IoU 0.5"), "'step' must be a number"),
        ({"name": 5}, ("/sly_task_data/results/12.png", 12.0, "IoU 0.5"), "'name' must be text, got 5"),
        ({"caption": {}}, ("val", 12.0, None), "'caption' must be text, got {}"),
    ],
)
def test_no_fault_of_another_key_costs_the_image(changes: dict[str, Any], body: tuple[Any, ...], remark: str):
    event = read(image(**changes))

    assert event.body == ImageReported("/sly_task_data/results/12.png", *body)
    assert event.parse_error is not None
    assert remark in event.parse_error


@pytest.mark.parametrize("value", ["a.png", 3, None, [], {}, {"id": 7, "name": "a.png"}, {"path": 3}, {"path": ""}])
def test_another_field_of_this_name_asks_for_nothing(value: object):
    event = read({"message": "m", "image": value, "level": "info"})

    assert (event.event_type, event.body, event.fields, event.parse_error) == (None, None, {"image": value}, None)


@pytest.mark.parametrize(
    "line", [metrics(), checkpoint(), progress(), {"message": "m", "event_type": "EventType.LOGJ"}]
)
def test_an_official_event_is_never_taken_for_an_image(line: dict[str, Any]):
    event = read({**line, "image": {"path": "a.png"}})

    assert event.event_type == read(line).event_type
    assert not isinstance(event.body, ImageReported)
