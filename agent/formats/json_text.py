"""JSON from strangers: the only place that decides how deep it may be and which numbers and characters it may hold.

Two readers. People write files: `parse` is strict, and its errors name line, column, cause and remedy
(`json_errors.py`). Plugins print lines and write files with Python's `json`: `parse_python` and `read_lenient` read
whatever Python's own parser reads, which the official agent uses (contract: events.md 6), and give only values that
every JSON writer and both databases take. How large a text may be is decided by whoever reads the bytes.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from agent.formats.json_errors import NotJson, explain
from agent.formats.json_values import MAX_DEPTH, is_deeper

_LONGEST_INTEGER = 400  # digits; a float ends at 309, Python's own limit is 4300
_TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ALL_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


class TooDeep(ValueError):
    """Nested deeper than MAX_DEPTH, which no person writes and no two readers agree on."""

    def __init__(self) -> None:
        super().__init__(f"is nested deeper than {MAX_DEPTH} levels.")


def parse(data: bytes) -> Any:
    """The value of a strict JSON text in UTF-8, at most MAX_DEPTH levels deep. Raises NotJson and nothing else."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise explain(data, error) from None
    if _is_deep_text(data):
        raise _too_deep()
    return value


def parse_unique(data: bytes) -> tuple[Any, list[str]]:
    """As `parse`, and the keys that appear twice in an object: readers differ in which of the two they keep."""
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


def parse_python(data: bytes) -> Any:
    """As `parse`, for files that Python's `json` wrote: read by the rules of `read_lenient`."""
    try:
        return read_lenient(data)
    except TooDeep:
        raise _too_deep() from None
    except ValueError as error:
        raise explain(data, error) from None


def read_lenient(text: str | bytes) -> Any:
    """What Python's own parser reads, as a value that any JSON writer and both databases take.

    NaN and infinities become None, half surrogate pairs U+FFFD, integers beyond 64 bits floats, or None beyond every
    float; of keys that appear twice the last counts. Raises TooDeep, and ValueError for what is no JSON. Strict JSON,
    nearly every line of a plugin, takes a tenth of the time of the rest; errors cost nothing to explain here.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            whole = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
            return _writable(_LENIENT.decode(whole))
        except RecursionError:
            raise TooDeep from None
    if len(text) > 2 * MAX_DEPTH and _brackets(text) > MAX_DEPTH and is_deeper(value):
        raise TooDeep
    return value


def _brackets(text: str | bytes) -> int:
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _writable(value: Any, depth: int = 0) -> Any:
    """The same value without half surrogate pairs. Raises TooDeep."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, (dict, list)):
        if depth == MAX_DEPTH:
            raise TooDeep
        if isinstance(value, dict):
            return {_writable(key): _writable(item, depth + 1) for key, item in value.items()}
        return [_writable(item, depth + 1) for item in value]
    return value


def _float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | float | None:
    if len(digits) > _LONGEST_INTEGER:
        return _float(digits)
    number = int(digits)
    return number if -(1 << 63) <= number < 1 << 64 else _float(digits)


_LENIENT = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_float, parse_int=_integer)


def _is_deep_text(data: bytes) -> bool:
    """Whether valid JSON is nested deeper than MAX_DEPTH: what `is_deeper` says of its value, in a fifth of the time.

    Annotations hold millions of points, each a list.
    """
    if _brackets(data) <= MAX_DEPTH:
        return False
    left = _TEXTS.sub(b"", data).translate(_ALL_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):  # each pass takes the innermost level away; a list of points needs three
        if not left:
            return False
        left = left.replace(b"[]", b"")
    return bool(left)


def _too_deep() -> NotJson:
    return NotJson("", str(TooDeep()), "Flatten it.")
