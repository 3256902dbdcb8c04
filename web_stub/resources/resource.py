"""The base of all resources, and the shapes that several nouns share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Self, dataclass_transform

from pydantic import ConfigDict, Field

from agent.errors import NotFound


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


class Used(Resource):
    """A thing that another names, also where it was deleted since."""

    id: int
    name: Annotated[str | None, Field(description="null: it is gone for good")]
    is_deleted: Annotated[bool, Field(description="it lies in the trash, or is gone for good")]

    @classmethod
    def found(cls, id_: int, find: Callable[[int], Any], name: str = "name", **given: Any) -> Self:
        """`find` gives it from anywhere or raises NotFound, `name` is its attribute."""
        try:
            found = find(id_)
        except NotFound:
            return cls(id=id_, name=None, is_deleted=True, **given)
        return cls(id=id_, name=getattr(found, name), is_deleted=found.deleted_at is not None, **given)


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    message: str
    reason: str | None = None
    problems: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Error:
    error: str
    details: ErrorDetails
