"""JSON files, and the interface of objects that have a JSON form."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from os import PathLike
from typing import Any


class JsonSerializable:
    """An object with a JSON form."""

    def to_json(self) -> Any:
        """The object as dicts, lists, strings and numbers."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: Any) -> Any:
        """The object that `to_json` has described."""
        raise NotImplementedError


class InvalidJson(RuntimeError, ValueError):
    """A file that is not JSON. The message names file, line and column.

    It is both a RuntimeError, as in the official SDK of 2026, and a ValueError, as in the SDK of 2019.
    """


def load_json_file(filename: str | PathLike[str]) -> Any:
    """The value in the file. Raises FileNotFoundError, InvalidJson that names the place."""
    with open(filename, "rb") as file:
        text = file.read()
    if text.startswith(codecs.BOM_UTF8):
        raise InvalidJson(f"{filename} is not JSON: it starts with a byte order mark.")
    try:
        return json.loads(text.decode())  # of bytes, json would guess UTF-16 and UTF-32 as well
    except json.JSONDecodeError as e:
        raise InvalidJson(f"{filename} is not JSON: {e.msg} at line {e.lineno}, column {e.colno}.") from e
    except UnicodeDecodeError as e:
        raise InvalidJson(f"{filename} is not JSON: byte {e.start} is not UTF-8.") from e
    except RecursionError as e:
        raise InvalidJson(f"{filename} is nested too deeply to be read.") from e
    except ValueError as e:  # Python reads no integers of more than 4300 digits
        raise InvalidJson(f"{filename} has a number too long to be read.") from e


def flatten_json(data: Mapping[str, Any], sep: str = ".") -> dict[str, Any]:
    """Objects inside of objects as keys joined by `sep`: `{"a.b": 1}` for {"a": {"b": 1}}. Lists stay as they are."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            flat.update((f"{key}{sep}{inner}", item) for inner, item in flatten_json(value, sep).items())
        else:
            flat[str(key)] = value
    return flat


def modify_keys(data: Mapping[str, Any], prefix: str | None = None, suffix: str | None = None) -> dict[str, Any]:
    """The object with a text before and after each key."""
    return {f"{prefix or ''}{key}{suffix or ''}": value for key, value in data.items()}


def dump_json_file(data: Any, filename: str | PathLike[str], indent: int | None = None) -> None:
    """Write data as ASCII JSON, on one line unless indent is given."""
    with open(filename, "w", encoding="utf-8") as file:
        file.write(json.dumps(data, indent=indent))
