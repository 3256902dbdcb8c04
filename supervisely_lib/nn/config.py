"""Merging configs with their defaults, and checking them against JSON schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from typing import Any

from supervisely_lib._requirements import require
from supervisely_lib.io.json import load_json_file

require("jsonschema")

Json = Any
_DEFINITIONS = "definitions"


def update_recursively(lhs: MutableMapping[str, Any], rhs: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """Merge `rhs` into `lhs` in place and return `lhs`.

    Objects are merged key by key. Any other value, also a list, replaces the old value.
    TypeError if an object has to be merged with a value that is not an object.
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
    """Add the items of `rhs` to `lhs` in place and return `lhs`; ValueError if `lhs` has a key already."""
    for key, value in rhs.items():
        if key in lhs:
            raise ValueError(f'Key collision while strict updating. Key:"{key}"')
        lhs[key] = value
    return lhs


class MissingKey(KeyError):
    """A key that a config lacks. The text is a sentence; KeyError would show it in quotes."""

    def __str__(self) -> str:
        return str(self.args[0])


def required(config: Any, place: str, remedy: str, *path: str) -> Any:
    """The value below `config` at a path of keys. MissingKey says which key `place` lacks, and the remedy."""
    value = config
    for count, key in enumerate(path, start=1):
        if not isinstance(value, Mapping) or key not in value:
            raise MissingKey(f"{place} has no {'.'.join(path[:count])}; {remedy}")
        value = value[key]
    return value


class MultiTypeValidator:
    """Named Draft-4 schemas of a JSON file: `{"definitions": {...}, "<type name>": schema, ...}`.

    All schemas share the `definitions`.
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

        RuntimeError if the schema does not exist or the object violates it.
        """
        validator = self._validators.get(type_name)
        if validator is None:
            raise RuntimeError(f"JSON validator is not defined. Type: {type_name}")
        try:
            # The first pass fills in defaults, because `required` may come before the `properties` with the default.
            list(validator.iter_errors(obj))
            validator.validate(obj)
        except Exception as error:  # noqa: BLE001 - a schema may also be broken itself; the text says which
            raise RuntimeError(
                f"Error occurred during JSON validation. Type: {type_name}. Exc: {error}. See documentation"
            ) from None


class JsonConfigValidator(MultiTypeValidator):
    """The plugin's own schemas, by default from /workdir/src/schemas.json in its image."""

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
    """jsonschema's Draft-4 validator, extended to fill in `default`s of properties before it checks them."""
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
