"""The schema of one plugin's task configs: from its presets, and from its config_schema.json where it has one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from agent.formats.schemas.plugin import TASK_CONFIG

Schema = dict[str, Any]


def task_config_schema(presets: Sequence[Mapping[str, Any]], own: Mapping[str, Any] | None = None) -> Schema:
    """The schema of configs of one kind. `presets` are the configs of that kind, `own` is the plugin's own schema.

    A key of the presets has their values as examples and their types as its own: that of the first preset is the
    default. No key is required or refused but by the plugin's own schema: a plugin has defaults, and keys that no
    preset shows.
    """
    derived: Schema = {"type": "object", "properties": {}}
    for preset in presets:
        _add(derived, preset)
    for key, described in TASK_CONFIG["properties"].items():
        if key in derived["properties"] and "description" in described:
            derived["properties"][key].setdefault("description", described["description"])
    return _merged(derived, own) if own else derived


def _add(schema: Schema, config: Mapping[str, Any]) -> None:
    for key, value in config.items():
        known = schema["properties"].setdefault(key, {})
        if isinstance(value, Mapping):
            known.setdefault("properties", {})
            _add(known, value)
            kind = "object"
        else:
            known.setdefault("default", deepcopy(value))
            examples = known.setdefault("examples", [])
            if value not in examples:
                examples.append(deepcopy(value))
            kind = _kind(value)
        types = known.setdefault("type", [])
        if kind not in types:
            types.append(kind)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "array"


def _merged(derived: Schema, own: Mapping[str, Any]) -> Schema:
    """The plugin's word goes before what its presets suggest."""
    properties = dict(derived.get("properties", {}))
    for key, inner in own.get("properties", {}).items():
        properties[key] = _merged(properties.get(key, {}), inner)
    merged = {**derived, **own}
    return {**merged, "properties": properties} if properties else merged
