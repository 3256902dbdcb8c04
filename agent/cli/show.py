"""How values look in a terminal, and as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.formats.names import shown


class Terminal(Console):
    """A console on which text stays text: what a plugin or a stranger wrote moves no cursor and sets no title."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text), **how)


def visible(text: str) -> str:
    """The text with control characters spelled out, all but the ends of its lines and tabs."""
    if text.isprintable():
        return text
    lines = (line.removesuffix("\r").split("\t") for line in text.split("\n"))
    return "\n".join("\t".join(map(shown, parts)) for parts in lines)


out = Terminal(highlight=False, soft_wrap=True, emoji=False)
err = Terminal(stderr=True, highlight=False, soft_wrap=True, emoji=False)

COLORS = {"finished": "green", "error": "red", "stopped": "yellow", "started": "cyan", "consumed": "cyan"}


def as_json(value: Any) -> None:
    """One JSON document on standard output: dataclasses as objects, times as ISO 8601 in UTC."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(orjson.dumps(value, option=options).decode() + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table without frames; `empty` is said instead of an empty one. Cells are data: no markup in them."""
    shown = Table(*columns, box=None, header_style="bold", pad_edge=False)
    count = 0
    for row in rows:
        shown.add_row(*(_cell(cell) for cell in row))
        count += 1
    if count:
        out.print(shown)
    else:
        out.print(empty, markup=False)


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
    """A table of things and what kept each from being removed, empty where nothing did."""
    cells = ((one.kind, one.name, size(one.size_bytes), one.why, problem) for one, problem in rows)
    table(("WHAT", "NAME", "SIZE", "WHY", "PROBLEM"), cells, empty=empty)


def removal(one: Removable, problem: str) -> dict[str, Any]:
    """The same for programs."""
    said = {"kind": one.kind, "name": one.name, "why": one.why, "size_bytes": one.size_bytes}
    return {**said, "problem": problem or None}


def _cell(value: object) -> str:
    from rich.markup import escape

    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case bool():
            return "yes" if value else ""
    text = escape(str(value))
    return f"[{COLORS[text]}]{text}[/]" if text in COLORS else text


def size(size_bytes: int) -> str:
    """1536 → "1.5 KiB"."""
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def duration(start: datetime | None, end: datetime | None) -> str:
    """How long something took or has been running: 1:02:03 or 2:03."""
    if start is None:
        return ""
    seconds = int(((end or datetime.now(UTC)) - start).total_seconds())
    minutes, seconds = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def number(value: float | None) -> str:
    """A metric as a person reads it: four significant digits, `nan` when there is none."""
    return "nan" if value is None else f"{value:.4g}"
