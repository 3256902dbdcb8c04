"""config_schema.json of a plugin: what the values of a task's config may be, for each kind of task. Pure.

`{"train": SCHEMA, "inference": SCHEMA}`, each a JSON Schema (draft 2020-12) of the whole config, of the keywords below
and no others: a schema from a stranger refers to nothing outside, and no pattern of it can take for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from agent.errors import Problem
from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse_unique
from agent.fs.names import shown

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

CONFIG_SCHEMA = "config_schema.json"
MAX_SCHEMA_BYTES = 256 << 10
KINDS = ("train", "inference")

_KEYWORDS = (
    *("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"),
    *("items", "minItems", "maxItems", "properties", "required", "additionalProperties"),
    *("title", "description", "default", "examples", "$comment"),
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MOST_VALUES = 20_000  # in a config, each of which may be compared with ...
_LONGEST_ENUM = 200  # ... so many
_WORDS = {
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "an object",
}
_BOUNDS = {
    "minimum": "it must be at least {}",
    "maximum": "it must be at most {}",
    "exclusiveMinimum": "it must be more than {}",
    "exclusiveMaximum": "it must be less than {}",
    "minLength": "its length must be at least {}",
    "maxLength": "its length must be at most {}",
    "minItems": "its length must be at least {}",
    "maxItems": "its length must be at most {}",
}
_LONGEST_VALUE = 60  # characters of a value in a sentence
_MOST_CHOICES = 12  # named in a sentence


def parse_schemas(
    data: bytes, presets: Sequence[Mapping[str, Any]], file: str = CONFIG_SCHEMA
) -> tuple[Mapping[str, Any], list[Problem]]:
    """The schema of each kind of task, and problems: of the file, and of presets that their schema refuses."""
    if len(data) > MAX_SCHEMA_BYTES:
        return {}, [Problem(file, "", f"is larger than {MAX_SCHEMA_BYTES >> 10} KiB.")]
    try:
        schemas, twice = parse_unique(data)
    except NotJson as error:
        return {}, [error.problem(file)]
    if not isinstance(schemas, dict) or not set(schemas) <= set(KINDS):
        remedy = 'Write {"train": SCHEMA, "inference": SCHEMA}, or one of the two.'
        return {}, [Problem(file, "", "is not an object of the keys train and inference.", remedy)]
    problems = [Problem(file, shown(key), "appears twice in one object.", "Keep one of them.") for key in twice]
    for kind, schema in schemas.items():
        if isinstance(schema, dict) and (dialect := schema.pop("$schema", _DIALECT)) != _DIALECT:  # at the top only
            remedy = f"Write {_DIALECT}, or nothing."
            problems.append(Problem(file, f"{kind}.$schema", f"{shown(str(dialect))!r} is not supported.", remedy))
        problems += _faults(schema, kind, file)
    if problems:
        return {}, problems
    for index, preset in enumerate(presets):
        kind, config = preset.get("type"), preset.get("config")
        schema = schemas.get(kind) if isinstance(kind, str) else None
        if schema is not None and isinstance(config, dict) and (sentence := refusal(schema, config)):
            remedy = f"Change the preset or {CONFIG_SCHEMA}."
            problems.append(Problem("predefined_run_configs.json", f"[{index}].config", f"{sentence}.", remedy))
    return schemas, problems


def refusal(schema: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Why the schema refuses the config: a sentence about the first such value, with its path; None: it does not."""
    from jsonschema import Draft202012Validator  # 50 ms to load, and most plugins have no schema

    if not _is_of_bounded_size(config):
        return f"the config has more than {_MOST_VALUES:,} values; a plugin with {CONFIG_SCHEMA} takes no more"
    error = next(iter(Draft202012Validator(schema).iter_errors(config)), None)
    return None if error is None else _sentence(error)


def _is_of_bounded_size(config: Any) -> bool:
    left, number = [config], 0
    while left and number <= _MOST_VALUES:
        value = left.pop()
        number += 1
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        left += islice(inner, _MOST_VALUES + 1)
    return number <= _MOST_VALUES


def _faults(schema: Any, place: str, file: str) -> Iterator[Problem]:
    """Problems of a schema and of those in it."""
    if not isinstance(schema, dict):
        yield Problem(file, shown(place), "is not an object.", 'Write {"type": ...}.')
        return
    if isinstance(enum := schema.get("enum"), list) and len(enum) > _LONGEST_ENUM:
        yield Problem(file, shown(f"{place}.enum"), f"has {len(enum)} values.", f"Write at most {_LONGEST_ENUM}.")
    for key in schema.keys() - set(_KEYWORDS):
        yield Problem(file, shown(place), f"{shown(key)!r} is not supported.", f"Use {', '.join(_KEYWORDS)}.")
    if fault := _shape_fault({key: value for key, value in schema.items() if key not in ("properties", "items")}):
        yield Problem(file, shown(place), f"{shown(fault)}.", "Mend the schema.")
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        yield Problem(file, shown(f"{place}.properties"), "is not an object.", "Write a schema for each key.")
    else:
        for key, inner in properties.items():
            yield from _faults(inner, f"{place}.{key}", file)
    if "items" in schema:
        yield from _faults(schema["items"], f"{place}[]", file)


def _shape_fault(schema: Mapping[str, Any]) -> str:
    """What is wrong with a schema's own keywords."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema.get("additionalProperties", True), bool):
        return "additionalProperties is neither true nor false"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{'.'.join(map(str, error.absolute_path)) or 'it'} cannot be {_short(error.instance)}"
    return ""


def _sentence(error: ValidationError) -> str:
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.absolute_path).lstrip(".")
    keyword = str(error.validator)
    value: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    inner = shown(f"{path}." if path else "")
    if keyword == "required":
        return f"{inner}{shown(next(key for key in wanted if key not in value))} is missing"
    if keyword == "additionalProperties":
        known = schema.get("properties", {})
        key = next(key for key in value if key not in known)
        return f"{inner}{shown(key)} is no key of it; its keys are {_listed(list(known))}"
    is_length = keyword in ("minLength", "maxLength", "minItems", "maxItems")
    has = f"has length {len(value)}" if is_length else f"is {_short(value)}"
    return f"{shown(path) or 'the config'} {has}; {_demand(keyword, wanted)}"


def _demand(keyword: str, wanted: Any) -> str:
    if keyword in _BOUNDS:
        return _BOUNDS[keyword].format(wanted)
    if keyword == "enum":
        return f"it must be one of {_listed([_short(one) for one in wanted])}"
    kinds = wanted if isinstance(wanted, list) else [wanted]
    return f"it must be {' or '.join(_WORDS[kind] for kind in kinds)}"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_CHOICES
    return ", ".join(map(shown, names[:_MOST_CHOICES])) + (f" and {rest} more" if rest > 0 else "") or "none"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return shown(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…")
