"""Renaming of classes and tags: the names to keep, and a suffix (contract: sdk.md 5, model_classes, model_tags)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MATCH_ALL = "__all__"


def is_name_included(name: str, enabled_names: str | Sequence[str]) -> bool:
    """Whether a name is in a list of names, or the list is "__all__"."""
    return enabled_names == MATCH_ALL or (not isinstance(enabled_names, str) and name in enabled_names)


class Renamer:
    """Keeps the names of a list and adds a suffix to them."""

    ADD_SUFFIX = "add_suffix"
    SAVE_CLASSES = "save_classes"
    SAVE_NAMES = "save_names"

    def __init__(self, add_suffix: str = "", save_names: str | Sequence[str] | None = None) -> None:
        """save_names: original names to keep; "__all__" or None for all."""
        self._add_suffix = add_suffix
        self._save_names = MATCH_ALL if save_names is None else save_names

    def rename(self, name: str) -> str | None:
        """`name` with the suffix, or None for a name that is not kept."""
        return name + self._add_suffix if is_name_included(name, self._save_names) else None

    def to_json(self) -> dict[str, Any]:
        """`{"add_suffix": …, "save_classes": …}`."""
        names = self._save_names if isinstance(self._save_names, str) else list(self._save_names)
        return {self.ADD_SUFFIX: self._add_suffix, self.SAVE_CLASSES: names}

    @staticmethod
    def from_json(renamer_json: Mapping[str, Any]) -> Renamer:
        """`save_names` wins over `save_classes`; without both all names are kept."""
        names = renamer_json.get(Renamer.SAVE_NAMES)
        if names is None:
            names = renamer_json.get(Renamer.SAVE_CLASSES)
        return Renamer(renamer_json.get(Renamer.ADD_SUFFIX, ""), names)
