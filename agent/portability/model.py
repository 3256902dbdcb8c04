"""A difference between this project and the original platform. Its fields are keys of the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Level = Literal["breaks", "differs"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that works here. What `breaks` ends the task there or loses a part of it; the rest only `differs`."""

    code: str  # kebab-case and stable: "absolute-subdir"
    level: Level
    where: str  # "line 17", "src/train.py:12", "option env"
    here: str  # one sentence: what it is, and what happens here
    there: str  # one sentence: what the original does
    remedy: str  # one sentence
    evidence: str  # page and section of docs/contract/: "task.md 4"
    count: int = 1  # places of this kind; `where` is the first


def gathered(found: Iterable[Difference]) -> list[Difference]:
    """One of each code, with the number of its places; what breaks comes first."""
    first: dict[str, Difference] = {}
    for one in found:
        known = first.get(one.code)
        if known is None:
            first[one.code] = one
        else:
            worse = one if (one.level, known.level) == ("breaks", "differs") else known
            first[one.code] = replace(worse, count=known.count + one.count)
    return sorted(first.values(), key=lambda one: one.level != "breaks")
