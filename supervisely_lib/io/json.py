"""JSON files, and the interface of what can become JSON."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any


class JsonSerializable:
    """Something with a JSON form."""

    def to_json(self) -> Any:
        """The object as dicts, lists, strings and numbers."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: Any) -> Any:
        """The object that `to_json` described."""
        raise NotImplementedError


class InvalidJson(RuntimeError, ValueError):
    """A file that is not JSON. The message names file, line and column.

    Both a RuntimeError (what the official SDK of 2026 raises) and a ValueError (that of 2019).
    """


def load_json_file(filename: str | PathLike[str]) -> Any:
    """The file's content. FileNotFoundError; InvalidJson naming the place."""
    with open(filename, "rb") as file:
        text = file.read()
    try:
        return json.loads(text)
    except json.JSONDecodeError as e:
        raise InvalidJson(f"{filename} is not JSON: {e.msg} at line {e.lineno}, column {e.colno}.") from e
    except UnicodeDecodeError as e:
        raise InvalidJson(f"{filename} is not JSON: byte {e.start} is not UTF-8.") from e
    except RecursionError as e:
        raise InvalidJson(f"{filename} is nested too deeply to be read.") from e
    except ValueError as e:  # Python reads no integers of more than 4300 digits
        raise InvalidJson(f"{filename} has a number too long to be read.") from e


def dump_json_file(data: Any, filename: str | PathLike[str], indent: int | None = None) -> None:
    """Write data as ASCII JSON, on one line unless indent is given."""
    with open(filename, "w", encoding="utf-8") as file:
        file.write(json.dumps(data, indent=indent))
