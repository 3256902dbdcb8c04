"""The values of a check: what a task of it did, and what a step says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agent.store.near_misses import NearMissCount
from agent.workbench.check.finding import Finding

Figure = int | float | str | None


class State(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a check. Its fields are keys of the certificate."""

    name: str  # stable, for programs: continue
    title: str
    state: State
    why: str = ""  # it was skipped, a clause
    seconds: float = 0.0
    figures: Mapping[str, Figure] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenCheckpoint:
    index: int
    model_id: int | None  # None: it was not kept
    sha256: str = ""  # of its tar: the same files give the same
    size_bytes: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""  # it was not kept

    @property
    def classes(self) -> Mapping[str, Any]:
        """Class, or tag of a classifier → number, as the plugin has them in its outputs."""
        found = (self.config.get(key) for key in ("class_title_to_idx", "classification_tags_to_idx"))
        return next((mapping for mapping in found if isinstance(mapping, Mapping) and mapping), {})


@dataclass(frozen=True, slots=True)
class SeenResult:
    """What a project holds, read back: that of a check, or the result of an inference."""

    images: int
    objects: int
    tags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a task."""

    status: str
    reason: str
    message: str
    seconds: float = 0.0
    lines: int = 0
    points: int = 0
    parse_errors: int = 0
    near_misses: tuple[NearMissCount, ...] = ()
    losses: tuple[float, ...] = ()  # of the training, in their order
    checkpoints: tuple[SeenCheckpoint, ...] = ()
    memory_bytes: int | None = None  # peaks
    gpu_memory_bytes: int | None = None
    result: SeenResult | None = None
    stopping_s: float | None = None  # from the request to stop to the end

    @property
    def is_good(self) -> bool:
        return self.status == "finished"

    @property
    def kept(self) -> tuple[SeenCheckpoint, ...]:
        return tuple(one for one in self.checkpoints if one.model_id is not None)

    @property
    def figures(self) -> dict[str, Figure]:
        """What is said of every task; what is not known is left out."""
        found = {
            "seconds": round(self.seconds, 1),
            "lines": self.lines,
            "points": self.points or None,
            "checkpoints": len(self.checkpoints) or None,
            "peak_memory_bytes": self.memory_bytes,
            "peak_gpu_memory_bytes": self.gpu_memory_bytes,
            "first_loss": self.losses[0] if self.losses else None,
            "last_loss": self.losses[-1] if self.losses else None,
        }
        return {name: value for name, value in found.items() if value is not None}
