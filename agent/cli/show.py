"""Values in a terminal, and as JSON for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from agent.errors import Problem
from agent.fs.disk import size_text
from agent.fs.names import shown, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from agent.cli.terminal import Terminal

    out: Terminal
    err: Terminal


class Format(StrEnum):
    """How a table of runs is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


_FORCING = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})  # variables that make Rich take a pipe for a terminal
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def __getattr__(name: str) -> Terminal:
    """`out` and `err`, standard output and error. Rich is imported at their first use: a table in a pipe needs none."""
    if name not in ("out", "err"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _terminal(is_error=name == "err")


@cache
def _terminal(*, is_error: bool) -> Terminal:
    from agent.cli.terminal import Terminal

    return Terminal(stderr=is_error, highlight=False, soft_wrap=True, emoji=False)


def colorful(console: Console) -> bool:
    """Whether this output is a terminal that shows colours, and the user wants them (NO_COLOR)."""
    return console.is_terminal and console.color_system is not None and not console.no_color


def is_out_colorful() -> bool:
    """As `colorful` of standard output. Rich is asked only where it may say yes: it takes its time to import."""
    may_be = sys.stdout.isatty() or not _FORCING.isdisjoint(os.environ)
    return may_be and colorful(_terminal(is_error=False))


def of_plugin(text: str, console: Console, style: str = "") -> Text:
    """A plugin's own words: its colours where the terminal shows them, control characters spelled out."""
    from rich.text import Text

    return Text.from_ansi(visible(text, keep_styles=colorful(console)), style=style)


def note(problem: Problem) -> None:
    """Say on stderr what an import ignored."""
    _terminal(is_error=True).print(f"Note: {problem}", markup=False)


def as_json(value: Any) -> None:
    """Print a JSON document: dataclasses as objects, times as ISO 8601 in UTC."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    text = orjson.dumps(value, option=options).decode()
    if not (sys.stdout.encoding or "utf-8").lower().startswith("utf"):  # any JSON reader knows the escapes of JSON
        text = _NOT_ASCII.sub(lambda found: json.dumps(found.group())[1:-1], text)
    sys.stdout.write(f"{text}\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table without frames, or `empty` when there are no rows. Markup in cells has no effect.

    A terminal wraps wide cells; a pipe or a file, which has no width, gets every cell whole, a line for each row.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    if not cells:
        sys.stdout.write(f"{visible(empty)}\n")
    elif sys.stdout.isatty():
        from agent.cli.terminal import drawn

        _terminal(is_error=False).print(drawn(columns, cells))
    else:
        lines = [[shown(visible(cell)) for cell in row] for row in [*([columns] if any(columns) else []), *cells]]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
            sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _width(text: str) -> int:
    """The columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


class Removable(Protocol):
    """A thing that `agent clean` or `agent retention` removes."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


def removals(rows: Iterable[tuple[Removable, str]], *, empty: str) -> None:
    """Print a table of things, each with the problem that kept it from being removed; empty without a problem."""
    cells = ((thing.kind, thing.name, size_text(thing.size_bytes), thing.why, problem) for thing, problem in rows)
    table(("WHAT", "NAME", "SIZE", "WHY", "PROBLEM"), cells, empty=empty)


def removal(thing: Removable, problem: str) -> dict[str, Any]:
    """A row of `removals`, for programs."""
    return {
        "kind": thing.kind,
        "name": thing.name,
        "why": thing.why,
        "size_bytes": thing.size_bytes,
        "problem": problem or None,
    }


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case bool():
            return "yes" if value else ""
    return str(value)


def duration(start: datetime | None, end: datetime | None) -> str:
    """The time from `start` to `end`, or to now: 1:02:03 or 2:03."""
    return "" if start is None else seconds(((end or datetime.now(UTC)) - start).total_seconds())


def seconds(count: float) -> str:
    """A duration: 1:02:03 or 2:03."""
    minutes, rest = divmod(max(int(count), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(value: float | None) -> str:
    """A metric with four significant digits; `nan` for None."""
    return "nan" if value is None else f"{value:.4g}"
