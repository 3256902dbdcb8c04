"""Errors about files of a project. Each names its place: file, object, field.

    RuntimeError, ValueError
    └── InvalidProjectFile          names the place
        ├── InvalidAnnotation       an annotation file
        └── InvalidMeta             meta.json
            ├── UnknownShape        (also KeyError)
            └── DuplicateName       (also DuplicateKeyError)

The official SDK raises RuntimeError for an unknown class, ValueError for a wrong tag and KeyError for
a shape it does not know; code that catches those catches these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError

if TYPE_CHECKING:
    from typing_extensions import Self  # for type checkers only: Python has it since 3.11


class InvalidProjectFile(RuntimeError, ValueError):
    """A file of a project with invalid content. `problem` is the message without the place."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(problem, place)
        self.problem = problem
        self.place = place

    def within(self, place: str) -> Self:
        """The same problem with a larger place in front: the object of the field, or the file of the object."""
        return type(self)(self.problem, f"{place}, {self.place}" if self.place else place)

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" if self.place else self.problem


class InvalidAnnotation(InvalidProjectFile):
    """An invalid annotation file, or invalid JSON of an annotation."""


class InvalidMeta(InvalidProjectFile):
    """An invalid meta.json, or invalid JSON of a meta."""


class UnknownShape(InvalidMeta, KeyError):
    """A class whose shape is unknown to this SDK."""


class DuplicateName(InvalidMeta, DuplicateKeyError):
    """Two classes or two tags with the same name."""


def kind_of(value: object) -> str:
    """The JSON name of a value's type."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)
