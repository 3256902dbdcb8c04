"""The measurements of a run as tables in docs/reference/figures.md, between the marks of each benchmark. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from benchmarks import Ratio

_BEGIN, _END = "<!-- {} -->", "<!-- end of {} -->"
_HEAD = "| Measurement | Ours | Against | Wanted | Ratio | Figures |\n|---|---|---|---|---|---|"


class NoPlace(Exception):
    """The page has no marks for a benchmark."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one benchmark has measured, when, and in how many seconds of wall time."""

    ratios: Sequence[Ratio]
    on: date
    took_s: float


def remade(page: str, measured: Mapping[str, Measured]) -> str:
    """The page with new tables for the benchmarks that ran, by their names; every other byte stays. Raises NoPlace."""
    for name, one in measured.items():
        begin, end = _BEGIN.format(name), _END.format(name)
        places = list(re.finditer(f"{re.escape(begin)}\n.*?{re.escape(end)}\n", page, re.DOTALL))
        if len(places) != 1:
            said = f"a line `{begin}` and a line `{end}`"
            raise NoPlace(f"the page has {len(places)} places for {name}; give it one: {said}")
        (place,) = places
        page = f"{page[: place.start()]}{begin}\n{_table(name, one)}\n{end}\n{page[place.end() :]}"
    return page


def _table(name: str, one: Measured) -> str:
    rows = [_HEAD]
    for ratio in one.ratios:
        wanted = f"≥ {ratio.wanted:g}"
        shown = (ratio.name, ratio.ours, ratio.peer, wanted, _spread(ratio), ratio.remark)
        rows.append("| " + " | ".join(_cell(text) for text in shown) + " |")
    said = f"`python -m benchmarks {name}`, {one.on.isoformat()}, in {one.took_s:.0f} s."
    return "\n".join([*rows, "", said])


def _spread(ratio: Ratio) -> str:
    middle = f"**{_number(median(ratio.values))}**" if not ratio.good else _number(median(ratio.values))
    if len(ratio.values) == 1:
        return middle
    return f"{middle} ({_number(min(ratio.values))}–{_number(max(ratio.values))})"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
