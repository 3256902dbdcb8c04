"""The space of a search as an object, as the REST API gives and takes it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.errors import BadInput
from agent.fs.names import brief
from agent.tuning.space import Choices, Dimension, Range, Space, make_choices, make_range, make_space
from agent.tuning.space_texts import read_dimension

_NAMES = frozenset(("choices", "low", "high", "log", "step", "is_integer"))


def space_of(given: Mapping[str, Any]) -> Space:
    """The space of an object: key → `choices`, or `low`, `high` and where wanted `log`, `step`, `is_integer`; or a text
    as after `--set key=`.

    A key with one choice is fixed. BadInput with the key, what is wrong with it, and what to give.
    """
    found: dict[str, Dimension | str] = {}
    for key, said in given.items():
        where = f"space {brief(key)!r}"
        if not all(key.split(".")):
            raise BadInput(f"{where} is no key of a config; give for instance lr or batch_size.train")
        if isinstance(said, str):
            found[key] = read_dimension(said, where) or f"{key}={said}"
            continue
        if not isinstance(said, Mapping):
            raise BadInput(f'{where} is no object; give {{"choices": [0.1, 0.01]}} or {{"low": 1, "high": 9}}')
        dimension = _dimension_of(said, where)
        if isinstance(dimension, Choices) and len(dimension.values) == 1:
            found[key] = f"{key}={json.dumps(dimension.values[0])}"
        else:
            found[key] = dimension
    return make_space(found, '{"lr": {"low": 1e-5, "high": 0.1, "log": true}, "size": {"choices": [256, 512]}}')


def _dimension_of(said: Mapping[str, Any], where: str) -> Dimension:
    if unknown := [name for name in said if name not in _NAMES]:
        raise BadInput(f"{where}: {brief(unknown[0])!r} is unknown; give choices, or low, high, log, step, is_integer")
    if "choices" in said:
        if len(said) > 1:
            raise BadInput(f"{where} has choices and a range; give one of the two")
        if not isinstance(said["choices"], list):
            raise BadInput(f"{where}: choices are no list; give for instance [0.1, 0.01]")
        return make_choices(said["choices"], where)
    return _range_of(said, where)


def _range_of(said: Mapping[str, Any], where: str) -> Range:
    for name, which in (("low", "lower"), ("high", "upper")):
        if said.get(name) is None:
            raise BadInput(f"{where}: the {which} end is missing; give low and high, or choices")
        if not _is_number(said[name]):
            raise BadInput(f"{where}: the {which} end is no number; give for instance 0.1")
    if said.get("step") is not None and not _is_number(said["step"]):
        raise BadInput(f"{where}: the step is no number above 0; give for instance 2")
    for name in ("log", "is_integer"):
        if not isinstance(said.get(name), bool | None):
            raise BadInput(f"{where}: {name} is neither true nor false; give one of them")
    low, high, step, is_integer = said["low"], said["high"], said.get("step"), said.get("is_integer")
    if is_integer and not (isinstance(low, int) and isinstance(high, int)):
        raise BadInput(f"{where}: its ends are no integers; give integers, or leave is_integer out")
    return make_range(low, high, log=bool(said.get("log")), step=step, where=where, is_integer=is_integer is not False)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
