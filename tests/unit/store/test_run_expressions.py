"""Keys and conditions of the table of runs: what is written reads back, and every refusal says where and what to do."""

from __future__ import annotations

import contextlib
import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput
from agent.store.runs.expression import And, Compare, Constant, Contains, Expression, IsNone, Not, OneOf, written
from agent.store.runs.keys import ConfigKey, Field, Key, MetricKey, SortKey, spelled
from agent.store.runs.parsing import parse_expression, parse_keys, parse_sort
from agent.store.runs.values import (
    LONGEST_TEXT,
    MOST_VALUES,
    Kind,
    as_float,
    config_values,
    microseconds_of,
    seconds_of,
)
from tests.support.generated_runs import configs, expressions, keys

LR, IOU = ConfigKey(("lr",)), MetricKey("val", "mean_iou", "max")


@given(expression=expressions)
def test_a_condition_as_it_is_written_reads_back(expression: Expression) -> None:
    text = written(expression)
    if len(text) <= 2000:
        assert parse_expression(text) == expression


@given(key=keys | st.builds(MetricKey, st.text(), st.text(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_key_as_it_is_spelled_reads_back(key: Key) -> None:
    assert parse_keys([spelled(key)]) == [key]
    assert parse_sort([f"-{spelled(key)}"]) == [SortKey(key, descending=True)]
    assert parse_sort([spelled(key)]) == [SortKey(key)]


@given(text=st.text(max_size=60) | st.text("()[]-+=<>!@.'\"aidnorts 019\\{}:,#\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        for parse in (parse_expression, lambda text: parse_keys([text]), lambda text: parse_sort([text])):
            with contextlib.suppress(BadInput):
                parse(text)


def test_a_condition_is_read() -> None:
    text = 'metrics.val.mean_iou@max > 0.8 and config.lr < 0.01 and status == "finished"'
    best = Compare(IOU, ">", Constant(0.8))
    status = Compare(Field("status"), "==", Constant("finished"))
    assert parse_expression(text) == And((best, Compare(LR, "<", Constant(0.01)), status))
    assert parse_expression("1e-4 < config.lr <= 0.1") == And(
        (Compare(Constant(1e-4), "<", LR), Compare(LR, "<=", Constant(0.1)))
    )
    assert parse_expression('"UNet" in name') == Contains("UNet", Field("name"))
    assert parse_expression("config.lr in (1, -2.5, null)") == OneOf(LR, (1, -2.5, None))
    assert parse_expression("config.lr not in [1]") == Not(OneOf(LR, (1,)))
    assert parse_expression("config.lr is not None") == parse_expression("None != config.lr") == Not(IsNone(LR))
    assert parse_expression("config.on == true") == Compare(ConfigKey(("on",)), "==", Constant(True))
    assert parse_expression("  config.a\n  > 1") == Compare(ConfigKey(("a",)), ">", Constant(1))


def test_keys_are_read() -> None:
    assert parse_keys(['id, config["learning rate"].x,config.sizes[0]', "id"]) == [
        Field("id"),
        ConfigKey(("learning rate", "x")),
        ConfigKey(("sizes", 0)),
    ]
    assert parse_keys(['metrics.val["loss/all"]@10']) == [MetricKey("val", "loss/all", 10.0)]
    assert parse_sort(["-metrics.val.mean_iou@max, name", "-id"]) == [
        SortKey(IOU, descending=True),
        SortKey(Field("name")),
        SortKey(Field("id"), descending=True),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("config.lr = 0.1", 'where, character 11: a single "=" compares nothing: write =='),
        ("  nmae == 'x'", "where, character 3: there is no column nmae; did you mean name? A text stands in quotes."),
        ("config.ö < 1 and nmae == 1", "where, character 18: there is no column nmae; did you mean name?"),
        ("status == 'finishd'", "where, character 11: no status is 'finishd'; did you mean finished?"),
        ("status == finished", "where, character 1: status and finished are of different kinds"),
        ("config.opt == adam", "where, character 15: there is no column adam"),
        ("config.a && id > 1", 'where, character 10: write "and" instead of "&"'),
        ("config.a == 1 AND id > 1", 'where, character 15: write "and" in small letters'),
        ("config.lambda == 1", 'where, character 8: "lambda" is a word of the language: write ["lambda"] for the key'),
        ("metrics.val.loss@mx < 1", "where, character 18: there is no @mx; did you mean max?"),
        ("metrics.loss < 1", "where, character 1: a metric is metrics.<kind>.<name>"),
        ("config < 1", "where, character 1: config alone is no column: write for example config.lr"),
        ("config.flag", "where, character 1: config.flag alone is no condition: compare it"),
        ("duration > 'soon'", 'where, character 12: duration is a duration: write seconds, or a text such as "1h 30m"'),
        ("created > 5", 'where, character 11: created is a time: write one such as "2026-11-01"'),
        ("created > '2026-13-01'", 'where, character 11: created is a time: write one such as "2026-11-01"'),
        ("config.lr > None", "where, character 13: None is neither less nor greater"),
        ("config.lr is 1", 'where, character 14: "is" goes with None only: write =='),
        ("1 < 2", "where, character 1: two constants are compared"),
        ("config.a + 1 > 2", "where, character 1: nothing is calculated"),
        ("exec('x') == 1", "where, character 1: there are no functions"),
        ("config[id] == 1", "where, character 8: write a text or a number in the brackets"),
        ("config.a[-1] == 1", "where, character 10: write a text or a number in the brackets"),
        ("name.x == 1", "where, character 1: name has no parts"),
        ("(config.a == 1", "where, character 1: '(' was never closed"),
        ("config.a == 1 or", "where, character 17: this cannot be read"),
        ("-" * 99 + "1 < id", "where, character 1: this is nested deeper than 30 levels"),
        ("(" * 999 + "1", "where, character"),
        ("id == " + "9" * 5000, "where: 5006 characters are too many; at most 2000 are read"),
        (" ", "where: there is nothing in it"),
        ("\ud800", "where, character 1: "),
    ],
)  # fmt: skip
def test_a_refusal_names_the_place_and_the_remedy(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_expression(text)
    assert str(refused.value).startswith(sentence)
    assert len(str(refused.value)) < 300


def test_durations_and_moments_are_read() -> None:
    assert [seconds_of(text) for text in ("1h", "90 m", "1d 12h", "2.5s", "1w")] == [3600, 5400, 129600, 2.5, 604800]
    assert [seconds_of(text) for text in ("", "h", "1", "1y", "-1h", "١h")] == [None] * 6
    assert microseconds_of("1970-01-02") == 86400 * 10**6
    assert microseconds_of("1970-01-01T01:00:00.5+01:00") == 500_000
    assert microseconds_of("yesterday") is None


@given(config=configs)
def test_each_value_of_a_config_has_a_path_of_its_own_that_is_a_key(config: dict[str, object]) -> None:
    found = list(config_values(config))
    assert len({value.path for value in found}) == len(found)
    for value in found:
        (key,) = parse_keys([f"config{value.path}"])
        assert spelled(key) == f"config{value.path}"
        assert value.number is None or math.isfinite(value.number)


def test_a_config_of_any_size_becomes_few_short_rows() -> None:
    wide = list(config_values({"many": list(range(10**6)), "last": 1}))
    assert len(wide) == MOST_VALUES
    assert {"many", "last"} == {value.path.split("[")[0].removeprefix(".") for value in wide}
    deep: object = 1
    for _ in range(90):
        deep = {"inner": deep}
    assert max(len(value.path) for value in config_values({"a": deep})) <= 500
    one, other = (next(config_values({"t": "x" * 20_000 + end})) for end in "ab")
    assert one.text is not None
    assert len(one.text) == LONGEST_TEXT
    assert one.text != other.text
    assert next(config_values({"t": float("nan")})).kind is Kind.NOTHING
    assert as_float(-(10**400)) == -1.7976931348623157e308
