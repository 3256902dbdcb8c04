"""Columns of the table of runs, by name: `name`, `config.batch_size.train`, `metrics.val.mean_iou@max`. Pure.

A key is spelled in one way, which the parser of expressions reads: `spelled` and `parse_keys` undo each other.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

ColumnKind = Literal["number", "text", "time", "duration", "size", "status", "reference", "bool", "mixed"]

FIELDS: dict[str, ColumnKind] = {
    "id": "number",
    "name": "text",
    "type": "text",
    "status": "status",
    "plugin": "reference",
    "project": "reference",
    "model": "reference",
    "agent": "text",
    "engine": "text",
    "created": "time",
    "started": "time",
    "finished": "time",
    "duration": "duration",
    "reason": "text",
    "tags": "text",
    "notes": "text",
    "archived": "time",
    "peak_cpu": "number",
    "peak_memory": "size",
    "peak_gpu": "number",
    "peak_gpu_memory": "size",
    "lines": "number",
    "checkpoints": "number",
    "best_checkpoint": "reference",
}
_PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_SURROGATE = re.compile("[\ud800-\udfff]")

Step = str | int  # into an object, into a list


@dataclass(frozen=True, slots=True)
class Field:
    """A property that every task has."""

    name: str
    place: int = field(default=1, compare=False)  # where it was written: the number of its first character


@dataclass(frozen=True, slots=True)
class ConfigKey:
    path: tuple[Step, ...]
    place: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class MetricKey:
    """`at` is "last", "max", "min", or an epoch."""

    kind: str
    name: str
    at: str | float = "last"
    place: int = field(default=1, compare=False)


Key = Field | ConfigKey | MetricKey


@dataclass(frozen=True, slots=True)
class SortKey:
    key: Key
    descending: bool = False


def spelled(key: Key) -> str:
    """The key as it is written."""
    match key:
        case Field():
            return key.name
        case ConfigKey():
            return _steps("config", key.path)
        case MetricKey():
            at = "" if key.at == "last" else f"@{key.at if isinstance(key.at, str) else short_number(key.at)}"
            return f"{_steps('metrics', (key.kind, key.name))}{at}"


def config_path(path: Sequence[Step]) -> str:
    """The path of a config value as text: what `spelled` writes behind `config`."""
    return _steps("", path)


def title(key: Key) -> str:
    """The key as the head of a column."""
    match key:
        case Field():
            return key.name.replace("_", " ")
        case ConfigKey():
            return config_path(key.path).removeprefix(".")
        case MetricKey():
            at = "" if key.at == "last" else f" {key.at}" if isinstance(key.at, str) else f" @{short_number(key.at)}"
            return f"{key.kind} {key.name}{at}"


def short_number(number: float) -> str:
    """A finite number as short as it reads back: `10`, not `10.0`."""
    return str(int(number)) if number == int(number) and abs(number) < 1 << 53 else repr(number)


def quoted(text: str) -> str:
    """A text in quotes as JSON and Python both read it: half of a surrogate pair is an escape."""
    return _SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))


def _steps(root: str, path: Sequence[Step]) -> str:
    return root + "".join(_step(step) for step in path)


def _step(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN.fullmatch(step) and not keyword.iskeyword(step) else f"[{quoted(step)}]"
