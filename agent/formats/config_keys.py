"""Keys of a task's config that no preset of its plugin has: often slips of the pen. Pure.

The agent sees a plugin's defaults only as its presets. A key that none of them has may still be read by the plugin, so
it is said and not refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

# Of every inference mode of the SDK (contract: sdk.md 5): a preset shows the keys of one mode.
_MODE = dict.fromkeys(
    (
        *("name", "source", "model_classes", "model_tags", "save_probabilities", "save", "class_name", "bounds"),
        *("from_classes", "padding", "add_suffix", "window", "min_overlap", "nms_after"),
    )
)


def unknown_keys(config: Mapping[str, Any], presets: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence for each key of the config that no preset has, with the nearest key that one has.

    Below the top level a key is named only if another key is near: there plugins keep names of their own, such as those
    of classes. No sentence without presets.
    """
    known: dict[str, Any] = {}
    for preset in presets:
        _merge(known, preset)
    if "mode" in known:
        _merge(known, {"mode": _MODE})
    return tuple(_sentences(config, known, "")) if known else ()


def _sentences(config: Mapping[str, Any], known: Mapping[str, Any], place: str) -> Iterator[str]:
    for key, value in config.items():
        inner = known.get(key)
        if key in known:
            if isinstance(value, Mapping) and isinstance(inner, Mapping):
                yield from _sentences(value, inner, f"{place}{key}.")
            continue
        near = get_close_matches(key, known, n=1, cutoff=0.75)
        if near:
            yield f"No preset of the plugin has the config key {place}{key}; did you mean {place}{near[0]}?"
        elif not place:
            yield f"No preset of the plugin has the config key {key}; does the plugin read it?"


def _merge(known: dict[str, Any], preset: Mapping[str, Any]) -> None:
    for key, value in preset.items():
        inner = known.setdefault(key, {} if isinstance(value, Mapping) else None)
        if isinstance(value, Mapping) and isinstance(inner, dict):
            _merge(inner, value)
