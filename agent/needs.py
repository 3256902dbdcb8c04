"""What a task needs of a node beyond an engine: labels and GPUs. Pure.

The store keeps the needs of a task as one text, the same for the same needs: an agent reads the few texts that queued
tasks have, says which of them it meets, and claims a task with one of these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Needs:
    labels: Mapping[str, str] = field(default_factory=dict)  # of AGENT_LABELS
    gpus: int = 0  # the least number of GPUs

    def __str__(self) -> str:
        """As the store keeps it."""
        said = {"gpus": self.gpus, "on": dict(sorted(self.labels.items()))}
        return json.dumps({name: value for name, value in said.items() if value}, separators=(",", ":"), sort_keys=True)

    def __bool__(self) -> bool:
        return bool(self.labels or self.gpus)


def needs_of(gpus: str, labels: Mapping[str, str]) -> Needs:
    """The needs of a task with these options. `auto` takes what GPUs there are; device 2 needs three GPUs."""
    if gpus in ("auto", "none"):
        return Needs(labels)
    numbers = [int(name) for name in gpus.split(",") if name.strip().isdecimal()]
    return Needs(labels, max(numbers, default=0) + 1)


def read_needs(text: str | None) -> Needs:
    """The needs that the store keeps as this text."""
    said = json.loads(text) if text else {}
    return Needs(said.get("on", {}), said.get("gpus", 0))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a node has."""

    labels: Mapping[str, str] = field(default_factory=dict)
    gpus: int | None = None  # None: unknown, which is taken for enough


def lacks(needs: Needs, offer: Offer) -> str:
    """What a node lacks for a task, in words; empty when it has everything."""
    for name, value in needs.labels.items():
        if offer.labels.get(name) != value:
            return f"label {name}={value}"
    if offer.gpus is not None and offer.gpus < needs.gpus:
        return "a GPU" if needs.gpus == 1 else f"{needs.gpus} GPUs"
    return ""
