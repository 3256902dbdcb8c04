"""Merging and checking configs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from supervisely_lib.nn.config import (
    AlwaysPassingConfigValidator,
    JsonConfigValidator,
    MultiTypeValidator,
    update_recursively,
    update_strict,
)

SCHEMAS = {
    "definitions": {"size": {"type": "integer", "minimum": 1}},
    "training_config": {
        "type": "object",
        "required": ["epochs", "input_size"],
        "properties": {
            "epochs": {"$ref": "#/definitions/size"},
            "input_size": {
                "type": "object",
                "properties": {"width": {"$ref": "#/definitions/size", "default": 64}},
                "default": {},
            },
        },
        "additionalProperties": False,
    },
    "inference_config": {"type": "object", "properties": {"gpu_device": {"type": "integer", "default": 0}}},
}


@pytest.fixture
def schema_file(tmp_path: Path) -> str:
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(SCHEMAS))
    return str(path)


def test_objects_merge_key_by_key_and_everything_else_replaces() -> None:
    defaults = {"size": {"w": 1, "h": 2}, "devices": [0, 1], "lr": 0.1}

    merged = update_recursively(defaults, {"size": {"w": 5}, "devices": [3], "new": {"deep": {"x": None}}})

    assert merged is defaults
    assert merged == {"size": {"w": 5, "h": 2}, "devices": [3], "lr": 0.1, "new": {"deep": {"x": None}}}


def test_a_value_replaces_an_object() -> None:
    assert update_recursively({"a": {"b": 1}}, {"a": 5}) == {"a": 5}


def test_an_object_over_a_plain_value_is_refused_with_the_key() -> None:
    with pytest.raises(TypeError, match=r"'lr'.*0\.1"):
        update_recursively({"lr": 0.1}, {"lr": {"start": 0.1}})


def test_the_merged_in_object_is_not_shared() -> None:
    source = {"a": {"b": 1}}
    merged = update_recursively({}, source)
    merged["a"]["b"] = 2

    assert source == {"a": {"b": 1}}


def test_strict_update_adds_new_keys_only() -> None:
    assert update_strict({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match=r'Key collision while strict updating\. Key:"a"'):
        update_strict({"a": 1}, {"a": 1})


def test_defaults_of_the_schema_are_filled_before_the_check(schema_file: str) -> None:
    config: dict[str, object] = {"epochs": 3}

    JsonConfigValidator(schema_file).validate_train_cfg(config)

    assert config == {"epochs": 3, "input_size": {"width": 64}}


def test_filled_defaults_are_not_shared_between_configs(schema_file: str) -> None:
    validator = JsonConfigValidator(schema_file)
    first: dict[str, Any] = {"epochs": 1}
    second: dict[str, Any] = {"epochs": 1}
    validator.validate_train_cfg(first)
    first["input_size"]["width"] = 7
    validator.validate_train_cfg(second)

    assert second["input_size"] == {"width": 64}


@pytest.mark.parametrize(
    "config", [{"epochs": 0}, {"epochs": 1, "unknown": 1}, {}, [], 5, {"epochs": 1, "input_size": 3}]
)
def test_a_config_that_breaks_its_schema_is_refused(schema_file: str, config: object) -> None:
    with pytest.raises(RuntimeError) as refused:
        JsonConfigValidator(schema_file).validate_train_cfg(config)

    assert str(refused.value).startswith("Error occurred during JSON validation. Type: training_config. Exc: ")
    assert str(refused.value).endswith(". See documentation")


def test_an_unknown_schema_name_is_refused(schema_file: str) -> None:
    with pytest.raises(RuntimeError, match=r"JSON validator is not defined\. Type: absent"):
        MultiTypeValidator(schema_file).val("absent", {})


def test_plugins_without_schemas_accept_everything() -> None:
    AlwaysPassingConfigValidator.validate_train_cfg(None)
    AlwaysPassingConfigValidator.validate_inference_cfg(None)
