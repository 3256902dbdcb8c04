"""Ratios against peers and limits. `python -m benchmarks [NAME ...]` runs all benchmarks, or the named benchmarks.

A benchmark is a module of this package with `measure(rounds) -> Iterable[Ratio]`. It measures this project and the peer
alternately, on the same machine and the same input, because a ratio depends less on the machine than seconds do.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio of this project to a peer or a limit, for each round. Above 1 is better than the peer or the limit."""

    name: str
    ours: str
    peer: str
    values: tuple[float, ...]
    wanted: float  # the lowest acceptable ratio
    remark: str = ""

    @property
    def good(self) -> bool:
        return median(self.values) >= self.wanted
