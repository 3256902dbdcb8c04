"""The space of a search in words: what `--set` says of each key. Pure.

lr=1e-5..1e-1:log     a range of numbers, drawn evenly or by their logarithm
epochs=5..20          a range of integers, both ends included; `:step=5` draws 5, 10, 15, 20
lr=0.1,0.01           choices, each read as `--set` of `agent submit-train` reads a value
opt.name=adam         one value: fixed, as in `agent submit-train`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from agent.errors import BadInput
from agent.submission import read_value
from agent.tuning.space import Choices, Dimension, Range, Space, is_finite, make_choices, make_range, make_space

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def read_space(texts: Sequence[str]) -> Space:
    """The space of these `--set` texts. BadInput with the text, what is wrong with it, and what to write."""
    found: dict[str, Dimension | str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        where = f"--set {text!r}"
        if not equals or not all(key.split(".")):
            raise BadInput(f"{where} is not key=value; write lr=1e-5..1e-1:log, epochs=5..20 or lr=0.1,0.01")
        if key in found:
            raise BadInput(f"{where}: {key} is set twice; keep one of the two")
        found[key] = read_dimension(value, where) or text
    return make_space(found, "--set lr=1e-5..1e-1:log, --set epochs=5..20, --set lr=0.1,0.01")


def read_dimension(value: str, where: str) -> Dimension | None:
    """What the text after `key=` lets vary; None for a fixed value. BadInput begins with `where` it stands."""
    if _is_json(value):  # a number, a string in quotes, a list: one value, as in `agent submit-train`
        return None
    if ".." in value:
        ends, *suffixes = value.split(":")
        low, high = (end.strip() for end in ends.split("..", 1)) if ".." in ends else ("", "")
        if _number(low) is not None or _number(high) is not None:
            return _range_of_texts(low, high, suffixes, where)
    parts = _split(value)
    return _choices_of_texts(parts, where) if len(parts) > 1 else None


def _range_of_texts(low_text: str, high_text: str, suffixes: Sequence[str], where: str) -> Range:
    ends = []
    for which, text in (("lower", low_text), ("upper", high_text)):
        number = _number(text)
        if number is None:
            shown = f"{text!r} is no number" if text else "is missing"
            raise BadInput(f"{where}: the {which} end {shown}; write for instance 1e-5..1e-1:log or 5..20")
        ends.append(number)
    log, step = _suffixes(suffixes, where)
    return make_range(*ends, log=log, step=step, where=where)


def _suffixes(suffixes: Sequence[str], where: str) -> tuple[bool, float | None]:
    log, step = False, None
    for suffix in suffixes:
        name, _, value = suffix.strip().partition("=")
        if name == "log" and not value and not log:
            log = True
        elif name == "step" and value and step is None:
            step = _number(value.strip())
            if step is None:
                raise BadInput(f"{where}: the step {value!r} is no number above 0; write for instance :step=2")
        else:
            raise BadInput(f"{where}: :{suffix} is unknown after a range; write :log or :step=2, or nothing")
    return log, step


def _choices_of_texts(parts: Sequence[str], where: str) -> Choices:
    values: list[Any] = []
    for place, part in enumerate(parts, 1):
        text = part.strip()
        if not text:
            raise BadInput(f'{where}: choice {place} is empty; remove the comma, or write "" for no text')
        number = _number(text)
        if _NO_NUMBER.fullmatch(text) or (number is not None and not is_finite(number)):
            raise BadInput(f'{where}: choice {place}, {text}, is no finite number; write "{text}" for the text')
        values.append(read_value(text))
    return make_choices(values, where)


def _split(text: str) -> list[str]:
    """The text at its commas, save those in quotes, brackets and braces."""
    parts, depth, quoted, escaped = [""], 0, False, False
    for char in text:
        if char == "," and not depth and not quoted:
            parts.append("")
            continue
        parts[-1] += char
        if quoted:
            quoted, escaped = char != '"' or escaped, char == "\\" and not escaped
        elif char == '"':
            quoted = True
        else:
            depth = max(0, depth + (char in "[{") - (char in "]}"))
    return parts


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _number(text: str) -> float | None:
    """The number, an int where it is written as one; None for any other text."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else None
