"""config_schema.json: which schemas are taken, and what is said of a config that one refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.config_schema import MAX_SCHEMA_BYTES, parse_schemas, refusal
from tests.support.fuzzing import fuzz

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["epochs"],
    "properties": {
        "epochs": {"type": "integer", "minimum": 1, "maximum": 1000},
        "lr": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "optimizer": {"enum": ["sgd", "adam"], "default": "adam"},
        "input_size": {
            "type": "object",
            "properties": {"width": {"type": "integer"}},
            "required": ["width"],
            "additionalProperties": False,
        },
        "gpu_devices": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
        "note": {"type": "string", "maxLength": 3},
    },
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, None),
        ({"lr": None, "optimizer": "sgd", "input_size": {"width": 5}, "gpu_devices": [0], "other": {}}, None),
        ({"epochs": 12345678901234567890}, "epochs is 12345678901234567890; it must be at most 1000"),
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"epochs": 1.5}, "epochs is 1.5; it must be a whole number"),
        ({"epochs": True}, "epochs is true; it must be a whole number"),
        ({"lr": 0}, "lr is 0; it must be more than 0"),
        ({"lr": "fast"}, 'lr is "fast"; it must be a number or null'),
        ({"optimizer": "sgdm"}, 'optimizer is "sgdm"; it must be one of "sgd", "adam"'),
        ({"input_size": {}}, "input_size.width is missing"),
        ({"input_size": {"width": 1, "hight": 1}}, "input_size.hight is no key of it; its keys are width"),
        ({"gpu_devices": []}, "gpu_devices has length 0; its length must be at least 1"),
        ({"gpu_devices": [0, -1]}, "gpu_devices[1] is -1; it must be at least 0"),
        ({"note": "long"}, "note has length 4; its length must be at most 3"),
        ({"note": ["x" * 99]}, f'note is ["{"x" * 58}…; it must be text'),
    ],
)
def test_a_refused_value_is_one_sentence_with_its_path(changes, sentence):
    assert refusal(SCHEMA, {"epochs": 1, **changes}) == sentence


def test_a_missing_key_is_named():
    assert refusal(SCHEMA, {}) == "epochs is missing"


def test_schemas_are_given_by_kind_of_task():
    schemas, problems = parse_schemas(json.dumps({"train": SCHEMA}).encode(), [])

    assert (schemas, problems) == ({"train": SCHEMA}, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is not an object of the keys train and inference"),
        ('{"properties": {}}', "is not an object of the keys train and inference"),
        ('{"train": true}', "train: is not an object"),
        ('{"train": {"properties": {"lr": 3}}}', "train.lr: is not an object"),
        ('{"train": {"properties": []}}', "train.properties: is not an object"),
        ('{"train": {"properties": {"lr": {"type": "float"}}}}', 'train.lr: type cannot be "float"'),
        ('{"train": {"properties": {"lr": {"minimum": "1"}}}}', 'train.lr: minimum cannot be "1"'),
        ('{"train": {"additionalProperties": {}}}', "additionalProperties is neither true nor false"),
        ('{"train": {"items": {"pattern": "(a+)+$"}}}', "train[]: 'pattern' is not supported"),
        ('{"train": {"$ref": "http://example.com/schema"}}', "'$ref' is not supported"),
        ('{"train": {"$schema": "http://json-schema.org/draft-07/schema#"}}', "train.$schema: "),
        (
            '{"train": {"properties": {"lr": {"$schema": "http://json-schema.org/schema#"}}}}',
            "'$schema' is not supported",
        ),
        (json.dumps({"train": {"enum": list(range(201))}}), "train.enum: has 201 values"),
        ('{"train": {}, "train": {}}', "train: appears twice in one object"),
        (json.dumps({"train": {"title": "x" * MAX_SCHEMA_BYTES}}), "is larger than 256 KiB"),
    ],
)
def test_what_no_form_and_no_check_understands_is_refused(text, said):
    schemas, problems = parse_schemas(text.encode(), [])

    assert schemas == {}
    assert said in str(problems[0])


def test_a_preset_that_its_own_schema_refuses_is_a_problem():
    presets = [
        {"title": "a", "type": "train", "config": {"epochs": 5}},
        {"title": "b", "type": "train", "config": {"epochs": 0}},
        {"title": "c", "type": "inference", "config": {}},
    ]

    _, problems = parse_schemas(json.dumps({"train": SCHEMA}).encode(), presets)

    (problem,) = problems
    assert (problem.file, problem.place) == ("predefined_run_configs.json", "[1].config")
    assert problem.sentence == "epochs is 0; it must be at least 1."


@pytest.mark.parametrize("kind", [["train"], {}, None, 1])
def test_a_preset_of_no_kind_is_not_held_against_a_schema(kind):
    assert parse_schemas(json.dumps({"train": SCHEMA}).encode(), [{"type": kind, "config": {}}]) == (
        {"train": SCHEMA},
        [],
    )


@pytest.mark.parametrize(
    "config", [{"a": [0] * 20_000}, {str(key): {} for key in range(20_000)}, {"a": [[0]] * 10_000}]
)
def test_a_config_of_very_many_values_is_refused_before_each_is_compared(config):
    assert "more than 20,000 values" in str(refusal(SCHEMA, {"epochs": 1, **config}))


def test_the_dialect_of_a_schema_may_be_named():
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    assert parse_schemas(json.dumps({"train": {**dialect, **SCHEMA}}).encode(), []) == ({"train": SCHEMA}, [])


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
_JSON = st.recursive(
    _LEAVES | st.sampled_from(["object", "array", "integer", "string"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "enum", "minimum", "items", "properties", "required", "a", "b"]), inner
        )
    ),
    max_leaves=20,
)


@fuzz(100)
@given(_JSON, st.dictionaries(st.sampled_from(["a", "b"]), _JSON))
def test_any_schema_is_refused_or_checks_any_config(schema, config):
    schemas, problems = parse_schemas(json.dumps({"train": schema}).encode(), [])

    assert bool(schemas) != bool(problems)
    for kept in schemas.values():
        sentence = refusal(kept, config)
        assert sentence is None or ("\n" not in sentence and len(sentence) < 5000)
