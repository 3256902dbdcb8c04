"""What to do about a plugin's failure, from its own words and the facts of its task. Pure.

A hint is the end of a sentence that quotes the words. Words that no hint knows get none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from agent.domain import TASK_MOUNT

_KEY = re.compile(r"""(?:KeyError:\s*)?(['"])([\w.-]{1,80})\1""")
_NO_MODEL = re.compile(
    rf"{TASK_MOUNT}/model|config from training was not found|config for previous training wasn't found", re.IGNORECASE
)
_REMEDIES = tuple(
    (re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (
            "exec format error",
            "the image is for another processor than this machine's: build it here, or for this machine's platform",
        ),
        (
            rf"permission denied.*{TASK_MOUNT}",
            "the image's USER may not write the task folder: remove USER, because the platform runs plugins as root",
        ),
        (
            rf"read-only file system.*{TASK_MOUNT}/data",
            "data/ shares its files with the library and is read-only: write elsewhere, or submit with --writable-data",
        ),
        (r"cuda.*out of memory", "use smaller batches or a smaller input size"),
    )
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the agent knows of a task beside the plugin's words."""

    config: Mapping[str, Any] = field(default_factory=dict)
    has_model: bool = True  # whether the folder model/ holds anything


def missing_key(words: str) -> str | None:
    """The key, if these words are those of a KeyError and nothing else; else None."""
    found = _KEY.fullmatch(words.strip())
    return found[2] if found else None


def hint(words: str, facts: Facts) -> str:
    """The remedy as the end of a sentence, with its separator; empty for words that no hint knows."""
    if (key := missing_key(words)) is not None:
        return _hint_for_key(key, facts.config)
    if not facts.has_model and _NO_MODEL.search(words):
        return "; the task has no model to start from: choose one with --model"
    return next((f"; {remedy}" for pattern, remedy in _REMEDIES if pattern.search(words)), "")


def _hint_for_key(key: str, config: Mapping[str, Any]) -> str:
    given = list(dict.fromkeys(_keys(config)))
    if key in given:
        return ""
    near = get_close_matches(key, given, n=1)
    if near:
        return f"; the task's config has no {key!r}, but {near[0]!r}: is that a slip?"
    return f"; the task's config has no {key!r}: if the plugin reads it from there, give it with --set {key}=…"


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
