"""The events that a plugin's output consists of (contract: events.md 2 and 3). Pure.

The values are msgspec structs: one is made for every line, a hundred thousand times a second, and a struct costs a
tenth of a dataclass. Names of the wire become ours here (`sizeb` → `size_bytes`). The raw line is always kept, so no
way of reading it loses anything. `gc=False`: values read from JSON hold no circles, and the search for circles would
take a sixth of the log loop's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec


class Stream(IntEnum):
    """Where a line came from. 1 and 2 are the engine's own numbers."""

    AGENT = 0  # written by the agent itself
    STDOUT = 1
    STDERR = 2


class Level(IntEnum):
    """The official logger's numbers (contract: events.md 2)."""

    TRACE = 5
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


class Metrics(msgspec.Struct, frozen=True, gc=False):
    """One chart point per name. `epoch` and values are finite floats or None (NaN, Infinity, not a number)."""

    kind: str  # "train" or "val"
    epoch: float | None
    values: Mapping[str, float | None]


class Progress(msgspec.Struct, frozen=True, gc=False):
    subtask: str  # verbatim, trailing blanks and colons included
    current: int
    total: int
    current_label: str | None = None  # "1.2 MiB" where the SDK gives one
    total_label: str | None = None


class CheckpointReported(msgspec.Struct, frozen=True):
    index: int
    subdir: str  # as written: relative to results/, or absolute (contract: events.md 3)
    size_bytes: int
    is_best: bool
    optional: Mapping[str, Any] | None


class ImageReported(msgspec.Struct, frozen=True, gc=False):
    """A plugin asks to keep an image that it has written (docs/reference/events.md, "An image's line")."""

    path: str  # as written: relative to results/, or absolute
    name: str  # images of one name are compared over steps
    step: float | None  # finite
    caption: str | None


class Crashed(msgspec.Struct, frozen=True):
    """The plugin's main_wrapper caught an exception; what fails the task is its exit code."""

    error: str
    stack: tuple[str, ...]


class Applied(msgspec.Struct, frozen=True, gc=False):
    """MODEL_APPLIED: the result project is complete."""


Body = Metrics | Progress | CheckpointReported | ImageReported | Crashed | Applied


class Event(msgspec.Struct, frozen=True, gc=False):
    """One line, read.

    `raw` is the line as decoded, without its newline. `event_type` is the wire name without its prefix
    (`METRICS`), None for a plain log line; a plain line that asks to keep an image is an `IMAGE`. `body` is
    None for lines without a body of ours and for known types with a wrong one. `parse_error` says what could
    not be read; a body beside it holds the rest.
    """

    raw: str
    stream: Stream
    time_us: int  # receipt, microseconds since 1970, by the agent's clock
    level: Level
    message: str
    event_type: str | None = None
    body: Body | None = None
    fields: Mapping[str, Any] | None = None  # other keys of the JSON object, as data
    parse_error: str | None = None
    json_start: int | None = None  # where the JSON object begins in `raw`; None: the line is text
