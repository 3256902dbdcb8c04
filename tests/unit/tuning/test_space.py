from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.errors import BadInput
from agent.tuning.space import Choices, Range, from_json, read_dimension, read_space, to_json
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
    found = read_dimension(text, said=text)

    assert found == meant
    assert repr(found) == repr(meant)  # 1, 1.0 and true are equal to Python


@pytest.mark.parametrize("text", ["3", "adam", '"a,b"', "[1,2]", "../weights", "a..b", "", "v1.2", "1:2"])
def test_one_value_is_fixed(text):
    assert read_dimension(text, said=text) is None


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
        ("lr=1..9:step=x", "the step 'x' is not an integer above 0"),
        ("lr=1..9:step=0.5", "is not an integer"),
        ("lr=1..9:step=0", "above 0"),
        ("lr=1..9:step=9", "longer than the range"),
        ("lr=1..9:log:step=2", "exclude each other"),
        ("lr=1..9:log:log", ":log is unknown"),
        ("lr=1,,2", "choice 2 is empty"),
        ("lr=1,1", "given twice"),
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
        found = read_dimension(text, said=text)
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

    assert read_dimension(f"{low!r}..{high!r}{':log' if log else ''}", said="") == Range(low, high, log=log)


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

    found = read_dimension(text, said=text)

    assert found == Choices(tuple(values))
    assert from_json(json.loads(json.dumps(to_json({"key": found})))) == {"key": found}
