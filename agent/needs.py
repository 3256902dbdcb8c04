"""What a task needs of a node beyond an engine: labels and GPUs. Pure.

The store keeps the needs of a task as one text, the same for the same needs: an agent reads the few texts that queued
tasks have, says which of them it meets, and claims a task with one of these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,62}")


def is_label(name: str, value: str) -> bool:
    """Whether a name and a value make a label: letters, digits and `_ . / -`, at most 63 each."""
    return bool(_LABEL.fullmatch(name) and _LABEL.fullmatch(value))


def read_labels(text: str) -> dict[str, str]:
    """`zone=lab,gpu=a100` → its labels. Raises ValueError with the sentence to show."""
    labels = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not is_label(name, value):
            raise ValueError(f"{part!r} is not a label; write name=value, with letters, digits and _ . / -")
        labels[name] = value
    return labels


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
