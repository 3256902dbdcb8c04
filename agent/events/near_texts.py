"""Near misses among lines that are no JSON object: text, for the parser. Pure; `near_misses.py` asks.

Every rule here looks at the line alone. An event that was printed over several lines is known by the line on which its
type stands, so it counts once, and no reader of a part of a log needs the lines before.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum

import msgspec

from agent.events.near_names import SIGNS, is_meant, nearest_type

LONGEST = 64 << 10  # characters of a line that is looked at; an event has a few hundred


class Kind(StrEnum):
    """Why a line is no event."""

    TYPE = "event_type"
    KEY = "key"
    VALUE = "metric_value"
    TOTAL = "progress_total"
    FOLDER = "checkpoint_folder"
    LEVEL = "level"
    QUOTES = "single_quotes"
    TWO = "two_objects"
    SPLIT = "split"
    LIST = "list"
    NESTED = "nested"
    TWICE = "encoded_twice"
    BROKEN = "not_json"
    UNFLUSHED = "unflushed"  # of a task, not of a line


class NearMiss(msgspec.Struct, frozen=True, gc=False):
    """`nearly` completes "this line is nearly …"; `change` is one sentence with the exact field."""

    kind: Kind
    nearly: str
    change: str


_TYPE_IN_QUOTES = re.compile(r"'event[_-]?type'\s{0,9}:\s{0,9}'([\w.-]{1,60})'", re.IGNORECASE)
_TYPE_IN_ENUM = re.compile(r"'event[_-]?type'\s{0,9}:\s{0,9}<?EventType\.(\w{1,40})", re.IGNORECASE)
_TYPE = re.compile(r'\\{0,2}"event_type\\{0,2}"\s{0,9}:\s{0,9}\\{0,2}"([\w.-]{1,60})\\{0,2}"')
_PIECE = re.compile(r'\s{0,99}"event_type"\s{0,9}:\s{0,9}"([\w.-]{1,60})"\s{0,9},?\s{0,99}\}?\s{0,99}')
_DECODER = json.JSONDecoder(parse_int=float)  # Python refuses long integers; a float takes any


def near_text(text: str) -> NearMiss | None:
    """What a line of text nearly was. At most LONGEST characters."""
    stripped = text.strip()
    first = stripped[:1]
    if "vent" not in stripped:
        return None
    if first == "{":
        return _like_object(stripped)
    if "event_type" not in stripped:
        return None
    if first == '"':
        return _in_a_string(stripped, text)
    if first == "[" and stripped[1:].lstrip()[:1] == "{":
        return _in_a_list(stripped)
    return None


def _like_object(text: str) -> NearMiss | None:
    quoted = _TYPE_IN_QUOTES.search(text) or _TYPE_IN_ENUM.search(text)
    if event := _event_of(quoted, text):
        return NearMiss(
            Kind.QUOTES,
            f"{event}, but it is a Python dict: its quotes are single",
            "Print json.dumps(record) in place of the dict itself: JSON has double quotes.",
        )
    event = _event_of(_TYPE.search(text), text)
    if event is None:
        return None
    try:
        _, end = _DECODER.raw_decode(text)
    except RecursionError:
        return None
    except json.JSONDecodeError as error:
        return _split(event) if _is_open(text, error) else _broken(event, text, error)
    return _with_more_behind(event, text[end:].lstrip(" ,;"))


def _is_open(text: str, error: json.JSONDecodeError) -> bool:
    return error.pos >= len(text) or error.msg.startswith("Unterminated string")


def _with_more_behind(event: str, rest: str) -> NearMiss | None:
    if not rest:
        return None
    if rest[0] == "{":
        nearly = f"{event}, but another object stands behind it on the same line"
        return NearMiss(Kind.TWO, nearly, "End each object by a newline: print(line, flush=True) does.")
    nearly = f"{event}, but text stands behind its object: {_shown(rest)}"
    return NearMiss(Kind.TWO, nearly, "Begin a new line before that text, and end each object by a newline.")


def _in_a_string(stripped: str, text: str) -> NearMiss | None:
    if piece := _PIECE.fullmatch(text):
        event = _event_of(piece, "")
        return _split(event) if event else None
    event = _event_of(_TYPE.search(stripped), stripped)
    if event is None or not stripped.startswith('"{'):
        return None
    nearly = f"{event}, but its JSON was made JSON again: it is a string"
    return NearMiss(Kind.TWICE, nearly, "Call json.dumps once: print the text that it gives.")


def _in_a_list(text: str) -> NearMiss | None:
    event = _event_of(_TYPE.search(text), text)
    if event is None:
        return None
    nearly = f"{event}, but it stands in a list"
    return NearMiss(Kind.LIST, nearly, "Print each object of the list on a line of its own, without the brackets.")


def _split(event: str) -> NearMiss:
    nearly = f"{event}, but its object does not end on this line"
    return NearMiss(
        Kind.SPLIT, nearly, "Print the whole object on one line: json.dumps(record) without indent, in one write."
    )


def _broken(event: str, text: str, error: json.JSONDecodeError) -> NearMiss:
    """JSON up to a place: what stands there says which slip it is."""
    there = text[error.pos : error.pos + 12]
    before = text[: error.pos].rstrip()[-1:]
    low = there.lower().lstrip("-+ ")
    if low.startswith(("nan", "inf")):
        change = "Write null, or NaN and Infinity as Python's json does: no other spelling of them is a number."
    elif there[:1] == "'":
        change = "Write double quotes: json.dumps(record) does."
    elif there.startswith(("True", "False", "None")):
        change = "Write true, false and null: json.dumps(record) does."
    elif low.startswith(("tensor", "array", "np.")):
        change = "Convert it to a number first: float(value)."
    elif (there[:1] in "}]" and before == ",") or "trailing comma" in error.msg:
        change = "Leave out the comma before the bracket."
    else:
        change = "Make the line by json.dumps(record), which writes every quote, comma and bracket."
    at = f" at {_shown(there.split()[0])}" if there.split() else ""
    return NearMiss(Kind.BROKEN, f"{event}, but it is no JSON from character {error.pos + 1} on{at}", change)


def has_type(text: str) -> bool:
    """Whether a text has the type of an event of ours, as JSON writes it."""
    return _event_of(_TYPE.search(text), text) is not None


def _event_of(found: re.Match[str] | None, text: str) -> str | None:
    """How the event is called whose type was found in a text; None for a type that is not ours."""
    meant = None if found is None else nearest_type(found[1])
    if found is None or meant is None:
        return None
    keys = [key for key in SIGNS.get(meant, ()) if f'"{key}' in text or f"'{key}'" in text]
    return f"a {meant} event" if is_meant(meant, found[1], keys) else None


def _shown(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:27]}..."
