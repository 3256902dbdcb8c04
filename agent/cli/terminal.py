"""What a person sees in a terminal, drawn by Rich, which takes its time to import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.fs.names import visible

_COLORS = {"finished": "green", "error": "red", "stopped": "yellow", "started": "cyan", "consumed": "cyan"}


class Terminal(Console):
    """A console that spells control characters out: text from a plugin moves no cursor and sets no title."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text), **how)


def drawn(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without frames, whose wide cells wrap. Markup in cells has no effect."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False, show_header=any(columns))
    for row in rows:
        table.add_row(*(Text(visible(cell), style=_COLORS.get(cell, "")) for cell in row))
    return table
