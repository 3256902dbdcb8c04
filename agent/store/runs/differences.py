"""What the configs of some runs have in common, and where they differ. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.store.runs.keys import ConfigKey, Step, spelled, title


@dataclass(frozen=True, slots=True)
class ConfigValues:
    """A key of configs: its values, each once, and for each config which of these it has; None: it has no such key."""

    key: str
    title: str
    values: Sequence[Any]
    which: Sequence[int | None]

    @property
    def is_equal(self) -> bool:
        return len(self.values) == 1 and None not in self.which


def config_values(configs: Sequence[Any]) -> list[ConfigValues]:
    """Every key of the configs, at any depth, in the order in which they appear.

    Objects are taken apart; a list and an empty object are values. Numbers that are equal are one value, as 1 and 1.0.
    """
    found: dict[tuple[Step, ...], dict[int, Any]] = {}
    for place, config in enumerate(configs):
        for path, value in _leaves(config, ()):
            found.setdefault(path, {})[place] = value
    return [_values(path, by_place, len(configs)) for path, by_place in found.items()]


def _leaves(value: Any, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Any]]:
    open_: list[tuple[tuple[Step, ...], Any]] = [(path, value)]
    while open_:
        path, value = open_.pop()
        if isinstance(value, dict) and (value or not path):
            open_ += [((*path, key), inner) for key, inner in reversed(value.items())]
        else:
            yield path, value


def _values(path: tuple[Step, ...], by_place: dict[int, Any], count: int) -> ConfigValues:
    values: list[Any] = []
    places: dict[object, int] = {}
    which: list[int | None] = [None] * count
    for place, value in by_place.items():
        same = identity(value)
        if same not in places:
            places[same] = len(values)
            values.append(value)
        which[place] = places[same]
    key = ConfigKey(path)
    return ConfigValues(spelled(key), title(key), values, which)


def identity(value: Any) -> object:
    """Equal for values that a person takes for the same: 1 and 1.0, objects whatever the order of their keys."""
    match value:
        case bool() | str() | None:
            return type(value), value
        case int() | float():
            return float, value
        case dict() | list():
            return dict, json.dumps(value, sort_keys=True)
    return type(value), value
