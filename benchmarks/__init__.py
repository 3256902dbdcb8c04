"""Ratios against peers and limits. `python -m benchmarks [NAME ...]` runs them all, or those named.

A benchmark is a module here with `measure(rounds) -> Iterable[Ratio]`. What is compared is measured in turns,
on the same machine and the same input, so that a ratio says something where seconds do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Ratio:
    """How ours compares, once per round. Above 1 is better than the peer, or than the limit."""

    name: str
    ours: str
    peer: str
    values: tuple[float, ...]
    wanted: float  # the least ratio that is good enough
    remark: str = ""

    @property
    def good(self) -> bool:
        return median(self.values) >= self.wanted
