"""What is wrong with a file of a project, and where: file, object, field.

    RuntimeError, ValueError
    └── InvalidProjectFile          names the place
        ├── InvalidAnnotation       an annotation file
        │   └── DuplicateTag        (also DuplicateKeyError)
        └── InvalidMeta             meta.json
            ├── UnknownShape        (also KeyError)
            └── DuplicateName       (also DuplicateKeyError)

The official SDK raises RuntimeError for an unknown class, ValueError for a wrong tag and KeyError for
a shape it does not know; code that catches those catches these.
"""

from __future__ import annotations

from typing import Self

from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError


class InvalidProjectFile(RuntimeError, ValueError):
    """A file of a project that does not say what it should. `problem` is the sentence without the place."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(problem, place)
        self.problem = problem
        self.place = place

    def within(self, place: str) -> Self:
        """The same problem, known to lie in a larger place: a field within an object, an object within a file."""
        return type(self)(self.problem, f"{place}, {self.place}" if self.place else place)

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" if self.place else self.problem


class InvalidAnnotation(InvalidProjectFile):
    """An annotation file, or JSON that should be one."""


class DuplicateTag(InvalidAnnotation, DuplicateKeyError):
    """One tag twice on one image or object."""


class InvalidMeta(InvalidProjectFile):
    """A meta.json, or JSON that should be one."""


class UnknownShape(InvalidMeta, KeyError):
    """A class of a shape this SDK does not know."""


class DuplicateName(InvalidMeta, DuplicateKeyError):
    """Two classes, or two tags, of one name."""


def kind_of(value: object) -> str:
    """A JSON value's type, in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)
