"""The config of a short run: few passes over the data, and a validation at their end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

EPOCHS = ("epochs", "num_epochs", "n_epochs", "max_epochs")
EVERY = ("val_every", "save_every", "log_every")  # epochs between two: never more than there are


def shortened(
    config: Mapping[str, Any], epochs: int, *, kept: Iterable[str] = ()
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A training's config with that many epochs, and what was changed: `epochs 24 → 1`. Keys in `kept` stay.

    Without any key that counts epochs, nothing changes.
    """
    short, changed, kept = deepcopy(dict(config)), [], set(kept)
    most = epochs
    for key in EPOCHS:
        if _is_number(short.get(key)) and key not in kept:
            if short[key] > epochs:
                changed.append(f"{key} {short[key]} → {epochs}")
                short[key] = epochs
            most = min(most, short[key])
    if any(_is_number(config.get(key)) for key in EPOCHS):
        for key in EVERY:
            if _is_number(short.get(key)) and key not in kept and short[key] > most:
                changed.append(f"{key} {short[key]} → {most}")
                short[key] = most
    return short, tuple(changed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
