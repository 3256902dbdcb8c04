"""Strict JSON with errors that say line, column, cause and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import orjson

from agent.errors import BadInput, Invalid, NotFound, Problem
from agent.formats.names import shown
from agent.formats.paths import given_path

MAX_DEPTH = 100  # levels of nesting; people write 5, orjson writes 254, and Python's own writer ends somewhere near 900
_TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ALL_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


class NotJson(ValueError):
    """The text is not JSON. `place` is `line 3 column 7` or empty."""

    def __init__(self, place: str, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.place, self.sentence, self.remedy = place, sentence, remedy

    def problem(self, file: str) -> Problem:
        return Problem(file, self.place, self.sentence, self.remedy)


def parse(data: bytes) -> Any:
    """The value of a strict JSON text in UTF-8, at most MAX_DEPTH levels deep. Raises NotJson and nothing else."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        _explain(data, error)
    _require_shallow(data)
    return value


def parse_unique(data: bytes) -> tuple[Any, list[str]]:
    """The value, and the keys that appear twice in one object: readers differ in which one they keep."""
    value = parse(data)
    twice: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen and key not in twice:
                twice.append(key)
            seen.add(key)

    json.loads(data, object_pairs_hook=collect, parse_int=float)
    return value, twice


def read_json_file(path: Path) -> Any:
    """The value in a strict JSON file that somebody named. Raises NotFound, Invalid, BadInput."""
    try:
        data = given_path(path).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"There is no file {shown(str(path))}.") from None
    except OSError as error:
        raise BadInput(f"Cannot read {shown(str(path))}: {error.strerror}.") from error
    try:
        return parse(data)
    except NotJson as error:
        raise Invalid(f"File {shown(str(path))}", [error.problem(shown(path.name))]) from None


def parse_python(data: bytes) -> Any:
    """Like `parse`, for files written by Python's `json`: NaN and Infinity are read as None.

    The result can always be stored: what a strict writer would refuse is NotJson here.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            value = json.loads(data, parse_constant=lambda _: None, parse_int=_int_or_float)
        except (ValueError, RecursionError):
            _explain(data, error)
        _require_shallow(data)
        try:
            return orjson.loads(orjson.dumps(value))
        except (ValueError, TypeError):
            _explain(data, error)
    _require_shallow(data)
    return value


def compact(value: Any) -> str:
    """Compact JSON, ASCII only, so that a reader in any locale can read it; order and number types kept."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def canonical(value: Mapping[str, Any]) -> bytes:
    """Equal values give equal bytes, whatever their key order and spacing was."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()


def is_deeper(value: Any, levels: int = MAX_DEPTH) -> bool:
    """Whether a value that was read already is nested deeper. Goes level by level, without recursion."""
    level = [value]
    for _ in range(levels):
        outer = [item for item in level if isinstance(item, (dict, list))]
        level = [item for one in outer for item in (one.values() if isinstance(one, dict) else one)]
    return any(isinstance(item, (dict, list)) for item in level)


def _require_shallow(data: bytes) -> None:
    """NotJson for valid JSON nested deeper than MAX_DEPTH: readers and writers disagree on where they give up."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    left = _TEXTS.sub(b"", data).translate(_ALL_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):  # each pass takes the innermost level away; a list of points needs three
        if not left:
            return
        left = left.replace(b"[]", b"")
    if left:
        raise NotJson("", f"is nested deeper than {MAX_DEPTH} levels.", "Flatten it.")


def _int_or_float(digits: str) -> int | float:
    """Integers beyond 64 bits become floats, as in every JSON reader that is not Python's."""
    return int(digits) if len(digits) <= 20 and -(1 << 63) <= int(digits) < 1 << 63 else float(digits)


def _explain(data: bytes, error: json.JSONDecodeError) -> NoReturn:
    """Raise NotJson with the most helpful thing that can be said."""
    if not data.strip():
        raise NotJson("", "is empty.", "Write a JSON value.") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        raise NotJson("", "starts with a byte order mark.", "Save it as UTF-8 without BOM.") from None
    try:
        text = data.decode()
    except UnicodeDecodeError as wrong:
        before = data[: wrong.start]
        line = before.count(b"\n") + 1
        raise NotJson(f"line {line}", "is not UTF-8.", "Save it as UTF-8.") from None
    try:
        json.loads(text)
    except json.JSONDecodeError as wrong:
        error = wrong
    except (RecursionError, ValueError):
        raise NotJson("", "is nested too deeply, or has a number too long, to be read.") from None
    sentence, remedy = _cause(text, error)
    raise NotJson(f"line {error.lineno} column {error.colno}", sentence, remedy) from None


def _cause(text: str, error: json.JSONDecodeError) -> tuple[str, str]:
    before, rest = text[: error.pos].rstrip(), text[error.pos :].lstrip()
    after_last = (rest[:1] in ("]", "}") and before.endswith(",")) or (
        rest.startswith(",") and rest[1:].lstrip()[:1] in ("]", "}")
    )
    causes = (
        (not rest, "it ends in the middle of a value.", "The file looks cut off; write it again."),
        (rest.startswith(("#", "//", "/*")), "comments are not allowed.", "Remove the comment."),
        (after_last, "there is a comma after the last item.", "Remove the comma."),
        (
            rest.startswith(("NaN", "Infinity", "-Infinity")) or before.endswith(("NaN", "Infinity")),
            "NaN and Infinity are not allowed.",
            "Write null or a number.",
        ),
        (rest.startswith("'"), "text must stand in double quotes.", "Replace ' by \"."),
        (rest.startswith(("True", "False", "None")), "this is Python.", "Write true, false or null."),
        (True, f"{error.msg[:1].lower()}{error.msg[1:]}.", ""),
    )
    return next((f"is not JSON: {sentence}", remedy) for applies, sentence, remedy in causes if applies)
