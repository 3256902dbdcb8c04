from __future__ import annotations

import json
from math import inf, nan

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.errors import BadInput
from agent.tuning.space import Choices, Range, from_json, to_json
from agent.tuning.space_objects import space_of
from agent.tuning.space_texts import read_dimension, read_space
from tests.support.fuzzing import fuzz


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1e-5..1e-1:log", Range(1e-5, 1e-1, log=True)),
        ("5..20", Range(5, 20, is_integer=True)),
        ("-5..5", Range(-5, 5, is_integer=True)),
        ("0..1.0", Range(0.0, 1.0)),
        ("16..256:log", Range(16, 256, is_integer=True, log=True)),
        ("5..21:step=5", Range(5, 20, is_integer=True, step=5)),  # the last value that steps reach
        ("0..1:step=1", Range(0, 1, is_integer=True, step=1)),
        ("0.0..1.0:step=0.3", Range(0.0, 0.9, step=0.3)),
        ("0.1,0.01", Choices((0.1, 0.01))),
        ("sgd, adam", Choices(("sgd", "adam"))),
        ("true,false", Choices((True, False))),
        ("1,1.0,true", Choices((1, 1.0, True))),
        ("[256,256],[512,512]", Choices(([256, 256], [512, 512]))),
        ('"a,b",c', Choices(("a,b", "c"))),
        ("null,1", Choices((None, 1))),
    ],
)
def test_a_text_says_what_varies(text, meant):
    found = read_dimension(text, text)

    assert found == meant
    assert repr(found) == repr(meant)  # 1, 1.0 and true are equal to Python


@pytest.mark.parametrize("text", ["3", "adam", '"a,b"', "[1,2]", "../weights", "a..b", "", "v1.2", "1:2"])
def test_one_value_is_fixed(text):
    assert read_dimension(text, text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr=0.1..0.01", "0.1 is not below 0.01; write the lower end first"),
        ("lr=1..1", "is not below"),
        ("lr=0..1:log", "begins above 0"),
        ("lr=1..", "the upper end is missing"),
        ("lr=..1", "the lower end is missing"),
        ("lr=1..many", "the upper end 'many' is no number"),
        ("lr=1..inf", "'inf' is no number"),
        ("lr=0..1e999", "too large"),
        ("lr=0..99999999999999999999", "too large"),
        ("lr=-1e308..1e308", "too long"),
        ("lr=1..2:logarithm", ":logarithm is unknown"),
        ("lr=1..9:step=x", "the step 'x' is no number above 0"),
        ("lr=1..9:step=0.5", "is not an integer"),
        ("lr=1..9:step=0", "above 0"),
        ("lr=1..9:step=9", "longer than the range"),
        ("lr=1..9:log:step=2", "exclude each other"),
        ("lr=1..9:log:log", ":log is unknown"),
        ("lr=1,,2", "choice 2 is empty"),
        ("lr=1,1", "given twice"),
        ("lr=[1],[1]", "given twice"),
        ("lr=0.1,nan", "choice 2, nan, is no finite number"),
        ("lr=-Infinity,1", "choice 1, -Infinity, is no finite number"),
        ("lr=1,1e999", "choice 2, 1e999, is no finite number"),
        ("lr=0.0..1.0:step=1e-300", "too short for the range"),
        ("lr=" + ",".join(map(str, range(1001))), "has 1001 choices; give at most 1000"),
        ("lr", "is not key=value"),
        ("=1", "is not key=value"),
        ("a..b=1,2", "is not key=value"),
    ],
)
def test_a_slip_is_named_with_its_place_and_its_remedy(text, said):
    with pytest.raises(BadInput) as caught:
        read_space([text])

    assert repr(text) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lr": 3}, "space 'lr' is no object"),
        ({"lr": {}}, "space 'lr': the lower end is missing"),
        ({"lr": {"choices": []}}, "space 'lr' has no choices"),
        ({"lr": {"choices": "sgd"}}, "choices are no list"),
        ({"lr": {"choices": [1, 1]}}, "space 'lr': the choice 1 is given twice"),
        ({"lr": {"choices": [1, nan]}}, "choice 2 holds no finite number"),
        ({"lr": {"choices": [[inf], 1]}}, "choice 1 holds no finite number"),
        ({"lr": {"choices": [1, 2], "low": 1}}, "has choices and a range"),
        ({"lr": {"choices": list(range(1001))}}, "at most 1000"),
        ({"lr": {"choices": ["\ud800", 1]}}, "surrogate"),
        ({"lr": {"low": 1}}, "the upper end is missing"),
        ({"lr": {"low": "1", "high": 2}}, "the lower end is no number"),
        ({"lr": {"low": True, "high": 2}}, "the lower end is no number"),
        ({"lr": {"low": nan, "high": 2}}, "no finite number"),
        ({"lr": {"low": 1, "high": inf}}, "no finite number"),
        ({"lr": {"low": 1, "high": 10**400}}, "no finite number"),
        ({"lr": {"low": 1.0, "high": 10**400}}, "no finite number"),
        ({"lr": {"low": 1.0, "high": 10**400, "is_integer": False}}, "no finite number"),
        ({"lr": {"low": 2, "high": 1}}, "2 is not below 1"),
        ({"lr": {"low": 0, "high": 1, "log": True}}, "begins above 0"),
        ({"lr": {"low": 1, "high": 9, "log": 1}}, "log is neither true nor false"),
        ({"lr": {"low": 1, "high": 9, "step": 0}}, "the step is not an integer above 0"),
        ({"lr": {"low": 1, "high": 9, "step": -1}}, "the step is not an integer above 0"),
        ({"lr": {"low": 1.5, "high": 9, "step": nan}}, "the step is not a finite number above 0"),
        ({"lr": {"low": 1, "high": 9, "step": 9}}, "longer than the range"),
        ({"lr": {"low": 1, "high": 9, "step": 10**400}}, "the step is not an integer"),
        ({"lr": {"low": 1, "high": 9, "step": "2"}}, "the step is no number"),
        ({"lr": {"low": 1, "high": 9, "step": 2, "log": True}}, "exclude each other"),
        ({"lr": {"low": 1.5, "high": 9, "is_integer": True}}, "its ends are no integers"),
        ({"lr": {"low": 1, "hihg": 9}}, "'hihg' is unknown"),
        ({"": {"choices": [1, 2]}}, "is no key"),
        ({"a..b": {"choices": [1, 2]}}, "is no key"),
        ({"a": {"choices": [1, 2]}, "a.b.c": {"choices": [1, 2]}}, "a.b.c and a lie in each other"),
        ({"a." * 240 + "a": {"choices": [1, 2]}}, "nested deeper"),
        ({"a" * 501: {"choices": [1, 2]}}, "longer than 500 characters"),
        ({f"a{n}": {"choices": [1, 2]} for n in range(101)}, "at most 100"),
        ({"lr": {"choices": [1]}}, "nothing varies"),
        ({}, "nothing varies"),
    ],
)
def test_an_odd_object_is_refused_with_its_key_and_the_reason(given, said):
    with pytest.raises(BadInput) as caught:
        space_of(given)

    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_object_says_the_same_as_texts():
    objects = {
        "lr": {"low": 1e-5, "high": 0.1, "log": True},
        "n": {"low": 5, "high": 21, "step": 5},
        "part": {"low": 0, "high": 1, "is_integer": False, "step": None},
        "opt.name": {"choices": ["sgd", "adam"]},
        "size": {"choices": [[256, 256]]},
    }
    texts = ["lr=1e-5..0.1:log", "n=5..21:step=5", "part=0.0..1.0", "opt.name=sgd,adam", "size=[256, 256]"]

    assert space_of(objects) == read_space(texts)
    assert space_of(dict(text.split("=", 1) for text in texts[:4])) == read_space(texts[:4])
    assert space_of({"lr": "0.1,0.2", "opt.name": "adam"}) == read_space(["lr=0.1,0.2", "opt.name=adam"])
    with pytest.raises(BadInput, match="space 'lr': the upper end is missing"):
        space_of({"lr": "1.."})


@fuzz(50)
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.fixed_dictionaries(
            {},
            optional={
                "choices": st.lists(st.floats() | st.text() | st.integers(), max_size=3) | st.none(),
                "low": st.floats() | st.integers() | st.none(),
                "high": st.floats() | st.integers() | st.booleans(),
                "step": st.floats() | st.integers() | st.none(),
                "log": st.booleans() | st.none(),
                "is_integer": st.booleans() | st.none(),
            },
        ),
        max_size=3,
    )
)
def test_any_object_is_a_space_that_comes_back_from_the_store_or_is_refused(objects):
    try:
        space = space_of(objects)
    except BadInput:
        return
    assert from_json(json.loads(json.dumps(to_json(space.varied)))) == space.varied


def test_keys_that_exclude_each_other_are_refused():
    for texts, said in (
        (["lr=1,2", "lr=3"], "lr is set twice"),
        (["a=1,2", "a.b=3"], "lie in each other"),
        (["a.b=1", "a=1,2"], "lie in each other"),
    ):
        with pytest.raises(BadInput, match=said):
            read_space(texts)


def test_a_space_without_anything_that_varies_is_refused():
    for texts in ([], ["lr=3"]):
        with pytest.raises(BadInput, match="nothing varies"):
            read_space(texts)


def test_fixed_values_stay_as_they_were_written_and_combinations_are_counted():
    space = read_space(["lr=0.1,0.01", "opt.name=adam", "size=[1,2]", "n=1,2,3"])

    assert space.fixed == ("opt.name=adam", "size=[1,2]")
    assert space.combinations == 6
    assert read_space(["lr=0.1,0.01", "n=1..3"]).combinations is None


@fuzz(50)
@given(text=st.text() | st.from_regex(r"[0-9.,:e\-]*(\.\.)?[0-9.,:e\-]*(:log|:step=[0-9.]*)?", fullmatch=True))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    try:
        found = read_dimension(text, text)
    except BadInput:
        return
    if isinstance(found, Range):
        assert found.low < found.high
        assert not found.log or found.low > 0
        assert found.is_integer == (isinstance(found.low, int) and isinstance(found.high, int))
    elif found is not None:
        assert len(found.values) > 1


@fuzz(50)
@given(low=st.floats(-1e6, 1e6), high=st.floats(-1e6, 1e6), log=st.booleans())
def test_a_range_of_floats_reads_as_written(low, high, log):
    assume(low < high and (low > 0 or not log))

    assert read_dimension(f"{low!r}..{high!r}{':log' if log else ''}", "") == Range(low, high, log=log)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1, 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def without_sign_of_zero(value):
    return json.dumps(value).replace("-0.0", "0.0")


@fuzz(50)
@given(values=st.lists(_JSON, min_size=2, max_size=5, unique_by=without_sign_of_zero))
def test_choices_of_any_json_are_read_as_written_and_outlive_the_store(values):
    text = ",".join(json.dumps(value, ensure_ascii=False) for value in values)

    found = read_dimension(text, text)

    assert found == Choices(tuple(values))
    assert from_json(json.loads(json.dumps(to_json({"key": found})))) == {"key": found}
