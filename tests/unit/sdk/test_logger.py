"""Lines on stderr are strict JSON, whatever is logged."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import supervisely_lib as sly
from supervisely_lib import sly_logger
from supervisely_lib.function_wrapper import catch_silently, function_wrapper, function_wrapper_nofail

Said = Callable[[], List[Dict[str, Any]]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """All lines of the SDK's logger so far, as strict JSON."""
    lines: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        lines.extend(json.loads(line, parse_constant=refuse) for line in capsys.readouterr().err.splitlines())
        return lines

    level = sly.logger.level
    sly.logger.setLevel("TRACE")
    yield read
    sly.logger.setLevel(level)


def refuse(token: str) -> None:
    pytest.fail(f"{token} is not JSON")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(np.float32(1)),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner, max_size=3)
    ),
)


@given(anything, st.text())
def test_any_value_and_any_text_make_one_line_of_strict_json(value, text):
    formatter = sly_logger.CustomJsonFormatter()
    record = logging.makeLogRecord({"msg": text, "levelno": 20, "levelname": "INFO", "value": value})
    line = formatter.format(record)

    assert "\n" not in line
    fields = json.loads(line, parse_constant=refuse)
    assert list(fields) == ["message", "value", "timestamp", "level"]
    assert fields["message"] == text


def test_keys_come_in_the_official_order(said):
    try:
        raise ValueError("x")
    except ValueError:
        sly.logger.error("failed %d", 3, extra={"b": 1, "a": 2})

    (line,) = said()
    assert list(line) == ["message", "b", "a", "timestamp", "level", "stack"]
    assert line["stack"][-1] == "ValueError: x"


def test_levels_are_written_in_their_own_words(said):
    for name in ["trace", "debug", "info", "warn", "warning", "error", "fatal", "critical"]:
        getattr(sly.logger, name)("m")

    assert [line["level"] for line in said()] == ["trace", "debug", "info", "warn", "warn", "error", "fatal", "fatal"]
    assert not any("stack" in line for line in said())


def test_not_a_number_is_null_also_deep_inside(said):
    metrics: dict[str, Any] = {"loss": float("nan"), "deep": [float("inf"), {"x": np.float64("nan")}]}
    sly.report_metrics_training(0.5, metrics)

    assert said()[0]["metrics"] == {"loss": None, "deep": [None, {"x": None}]}


def test_a_value_that_contains_itself_does_not_silence_the_line(said):
    loop: list[Any] = []
    loop.append(loop)
    sly.logger.info("loop", extra={"loop": loop})

    assert said()[0]["loop"] == "[[...]]"


def test_a_value_whose_text_fails_is_null(said):
    class Bad:
        def __str__(self) -> str:
            raise OSError

    sly.logger.info("bad", extra={"bad": Bad(), "good": 1})

    assert {**said()[0], "timestamp": ""} == {
        "message": "bad",
        "bad": None,
        "good": 1,
        "timestamp": "",
        "level": "info",
    }


def test_the_time_is_local_although_it_ends_in_z(said):
    sly.logger.info("now")

    stamp = said()[0]["timestamp"]
    assert stamp.endswith("Z")
    assert abs(time.mktime(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) - time.time()) < 5


@pytest.mark.parametrize(
    ("environ", "level"),
    [
        ({}, "TRACE"),
        ({"LOG_LEVEL": "debug"}, "DEBUG"),
        ({"LOGLEVEL": "ERROR"}, "ERROR"),
        ({"LOG_LEVEL": "INFO", "LOGLEVEL": "ERROR"}, "INFO"),
        ({"LOG_LEVEL": "loud"}, "TRACE"),
    ],
)
def test_the_level_comes_from_the_environment(monkeypatch, environ, level):
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    monkeypatch.delenv("LOGLEVEL", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert logging.getLevelName(sly_logger.get_task_logger(f"test {level}").level) == level


def test_a_default_field_is_on_every_line_until_it_is_taken_away(said):
    sly.change_formatters_default_values(sly.logger, "service", "x")
    sly.logger.info("one")
    sly.change_formatters_default_values(sly.logger, "service", None)
    sly.logger.info("two")

    assert [line.get("service") for line in said()] == ["x", None]


def test_bars_report_at_the_start_about_each_percent_and_at_the_end(said):
    bar = sly.Progress("Model training: ", 1000)
    for _ in range(1000):
        bar.iter_done_report()

    currents = [line["current"] for line in said()]
    assert currents == list(range(0, 1001, 10))
    assert {line["subtask"] for line in said()} == {"Model training: "}


def test_a_bar_without_steps_reports_0_of_0(said):
    sly.Progress("empty", 0)

    assert [(line["current"], line["total"]) for line in said()] == [(0, 0)]


def test_an_epoch_is_a_fraction_within_its_iterations():
    assert sly.epoch_float(2, 1, 4) == 2.25


def test_each_wrapper_logs_the_exception_and_raises_or_swallows_it(said):
    with pytest.raises(ZeroDivisionError):
        function_wrapper(lambda: 1 / 0)
    assert function_wrapper_nofail(lambda: 1 / 0) is None
    assert catch_silently(lambda: 1 / 0) is None
    assert function_wrapper(lambda: 3) == 3

    assert [line["level"] for line in said()] == ["error", "error", "debug"]
    assert all(line["exc_str"] == "division by zero" for line in said())
