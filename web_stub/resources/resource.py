"""The base of all resources, and the shapes that several nouns share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, dataclass_transform

from pydantic import ConfigDict


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Resource:
    """A dataclass whose fields are those of the JSON, in their order. Nothing is validated on the way out.

    Type checkers take it for a frozen one. It is not: lists hold a thousand, and freezing triples the cost of each.

    Pydantic makes its description when somebody asks for the OpenAPI: the web starts sooner.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", defer_build=True)
    _fields: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        made: Any = dataclass(cls)
        cls._fields = tuple(field.name for field in fields(made))

    @classmethod
    def of(cls, *values: Any, **given: Any) -> Self:
        """The resource of a value: a field that is not `given` is the value's attribute of the same name."""
        (value,) = values
        taken = {name: getattr(value, name) for name in cls._fields if name not in given}
        return cls(**taken, **given)


class Ref(Resource):
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    message: str
    reason: str | None = None
    problems: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Error:
    error: str
    details: ErrorDetails
