"""Merging configs with their defaults, and checking them against JSON schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from typing import Any

from supervisely_lib.io.json import load_json_file

Json = Any
_DEFINITIONS = "definitions"


def update_recursively(lhs: MutableMapping[str, Any], rhs: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """Merge `rhs` into `lhs` in place and return `lhs`.

    Objects merge key by key; everything else, lists included, replaces what was there.
    TypeError when an object meets a value that is none.
    """
    for key, value in rhs.items():
        if not isinstance(value, Mapping):
            lhs[key] = value
            continue
        current = lhs.get(key, {})
        if value and not isinstance(current, MutableMapping):
            raise TypeError(f"Config key {key!r}: an object cannot be merged into the value {current!r}.")
        lhs[key] = update_recursively(current, value)
    return lhs


def update_strict(lhs: MutableMapping[str, Any], rhs: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the items of `rhs` to `lhs` in place and return `lhs`; ValueError when a key is there already."""
    for key, value in rhs.items():
        if key in lhs:
            raise ValueError(f'Key collision while strict updating. Key:"{key}"')
        lhs[key] = value
    return lhs


class MultiTypeValidator:
    """Named Draft-4 schemas of one JSON file: `{"definitions": {...}, "<type name>": schema, ...}`.

    The `definitions` are shared by all of them.
    """

    DEFINITIONS = _DEFINITIONS

    def __init__(self, schema_fpath: str) -> None:
        schemas = load_json_file(schema_fpath)
        definitions = schemas.pop(_DEFINITIONS, {})
        for schema in schemas.values():
            schema.setdefault(_DEFINITIONS, {}).update(definitions)
        validator_type = _filling_validator_type()
        self._validators = {name: validator_type(schema) for name, schema in schemas.items()}

    def val(self, type_name: str, obj: Json) -> None:
        """Fill missing properties of `obj` with the schema's defaults, in place, then check it.

        RuntimeError when there is no such schema or the object does not follow it.
        """
        validator = self._validators.get(type_name)
        if validator is None:
            raise RuntimeError(f"JSON validator is not defined. Type: {type_name}")
        try:
            # Once to fill: `required` may stand before the `properties` that bring the default.
            list(validator.iter_errors(obj))
            validator.validate(obj)
        except Exception as error:  # noqa: BLE001 - a schema may also be broken itself; the text says which
            raise RuntimeError(
                f"Error occurred during JSON validation. Type: {type_name}. Exc: {error}. See documentation"
            ) from None


class JsonConfigValidator(MultiTypeValidator):
    """The plugin's own schemas, by default those its image carries in /workdir/src/schemas.json."""

    def __init__(self, schema_fpath: str | None = None) -> None:
        super().__init__(schema_fpath or "/workdir/src/schemas.json")

    def validate_train_cfg(self, config: Json) -> None:
        self.val("training_config", config)

    def validate_inference_cfg(self, config: Json) -> None:
        self.val("inference_config", config)


class AlwaysPassingConfigValidator:
    """For plugins without schemas."""

    @classmethod
    def validate_train_cfg(cls, config: Json) -> None:
        pass

    @classmethod
    def validate_inference_cfg(cls, config: Json) -> None:
        pass


def _filling_validator_type() -> Callable[[Json], Any]:
    """jsonschema's Draft-4 validator, taught to fill `default`s of properties before it checks them."""
    from jsonschema import Draft4Validator, validators  # 50 ms to load, and most plugins check nothing

    extend: Any = validators.extend  # its annotations are incomplete
    check_properties = Draft4Validator.VALIDATORS["properties"]

    def fill_then_check(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, dict):
            for name, subschema in properties.items():
                if "default" in subschema:
                    instance.setdefault(name, deepcopy(subschema["default"]))
        yield from check_properties(validator, properties, instance, schema)

    filling: Callable[[Json], Any] = extend(Draft4Validator, {"properties": fill_then_check})
    return filling
