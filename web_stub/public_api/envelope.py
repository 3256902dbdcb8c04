"""The common form of requests and replies: bodies, filters, pages, times, hashes (contract: web_api.md 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from agent.errors import BadInput
from agent.fs.names import brief, name_problem, read_number, shown
from web_stub.budget import while_wanted
from web_stub.json_response import json_response, storable

View: TypeAlias = dict[str, Any]

TEAM_ID = WORKSPACE_ID = USER_ID = 1  # the only team, workspace and user of this installation
PER_PAGE = 500
MAX_PER_PAGE = 50_000  # later clients compute the pages themselves, so they get the size they ask for

MAX_RULES = 100  # of a filter; a rule may name any number of values

JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]
Id = Annotated[int, Field(ge=0, le=2**63 - 1)]


class NotOffered(BadInput):
    """The real instance does this and a local one does not. No client repeats a request that got a 501."""

    http_status = 501
    reason = "not_offered"


def null_is_empty(value: Any) -> Any:
    """Some clients send null for an empty list."""
    return [] if value is None else value


class Body(BaseModel):
    """A request. Its keys are camelCase; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)


class IdBody(Body):
    id: Id


class Filter(Body):
    field: str
    operator: str = "="
    value: Annotated[Any, AfterValidator(storable)] = None


class ListBody(Body):
    filter: Annotated[list[Filter], BeforeValidator(null_is_empty), Field(max_length=MAX_RULES)] = Field(
        default_factory=list
    )
    sort: str | None = None
    sort_order: Literal["asc", "desc"] | None = Field(default=None, alias="sort_order")
    page: Annotated[int, Field(ge=1, le=2**31)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] | None = Field(default=None, alias="per_page")
    after: Annotated[int, Field(ge=1, le=2**31)] | None = None  # the token of the next page, as given below

    @property
    def wanted_name(self) -> str | None:
        """The name that the filter asks for, if it does: clients look for a name before they create an entity."""
        values = (rule.value for rule in self.filter if rule.field == "name" and rule.operator == "=")
        name = next(values, None)
        return name if isinstance(name, str) else None

    @property
    def page_size(self) -> int:
        return self.per_page or PER_PAGE

    @property
    def number(self) -> int:
        """Which page, from 1."""
        return self.after or self.page

    @property
    def is_by_number(self) -> bool:
        """Whether the order is that of the ids, which it is by default too, the newest first."""
        return self.sort in (None, "id")

    @property
    def is_ascending(self) -> bool:
        return self.sort is not None and self.sort_order != "desc"

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.page_size


def require_name(noun: str, name: str) -> None:
    """BadInput for a name that no file or folder of a task folder can have."""
    if problem := name_problem(name):
        raise BadInput(f"the {noun}'s name {shown(name[:80])!r} {problem}")


def reply(value: Any) -> Response:
    return json_response(value)


def list_reply(entities: Sequence[View], body: ListBody, finish: Callable[[View], View] | None = None) -> Response:
    """The page asked for of the entities that pass the filter, sorted; `finish` completes those that are shown."""
    rules = [_Rule(rule) for rule in body.filter]
    found = [entity for entity in while_wanted(entities) if all(rule.passes(entity) for rule in rules)]
    column = body.sort
    if column is not None and all(column in entity for entity in found):
        found.sort(key=lambda entity: _order(entity[column]), reverse=body.sort_order == "desc")
    shown = found[body.offset : body.offset + body.page_size]
    return page_reply([finish(entity) for entity in shown] if finish else shown, len(found), body)


def page_reply(entities: Sequence[View], total: int, body: ListBody) -> Response:
    """A page. `after` is for later clients, which walk by token: null on the last page."""
    pages = max(1, -(-total // body.page_size))
    after = str(body.number + 1) if body.number < pages else None
    page = {"total": total, "perPage": body.page_size, "pagesCount": pages, "after": after}
    return reply({**page, "entities": entities})


class _Rule:
    """A rule of a filter, prepared once for all entities."""

    def __init__(self, rule: Filter) -> None:
        self._field, self._operator, self._value = rule.field, rule.operator, rule.value
        self._test = _OPERATORS.get(rule.operator)
        self._in = _Values(rule.value) if rule.operator == "in" and isinstance(rule.value, list) else None

    def passes(self, entity: View) -> bool:
        """Raises BadInput for a rule that does not fit the entity."""
        if self._field not in entity:
            raise BadInput(f"cannot filter by {self._field!r}; there are: {', '.join(entity)}")
        value = entity[self._field]
        if self._in is not None:
            return value in self._in
        if self._operator == "in":
            raise BadInput("the value of an 'in' filter is a list")
        if self._test is None:
            raise BadInput(f"filter operator {self._operator!r} is not one of: {', '.join([*_OPERATORS, 'in'])}")
        try:
            return self._test(value, _like(self._value, value))
        except TypeError:
            raise BadInput(f"{self._field!r} cannot be compared with {brief(repr(self._value))}") from None


class _Values:
    """The values of an 'in' rule: found in one step, but for lists and objects among them."""

    def __init__(self, values: list[Any]) -> None:
        self._others = [value for value in values if isinstance(value, list | dict)]
        self._plain = {value for value in values if not isinstance(value, list | dict)}
        texts = (value for value in values if isinstance(value, str))
        self._numbers = {number for text in texts if (number := read_number(text)) is not None}

    def __contains__(self, value: Any) -> bool:
        if isinstance(value, list | dict):
            return value in self._others
        return value in self._plain or (isinstance(value, int) and value in self._numbers)


def _like(wanted: Any, value: Any) -> Any:
    """A number written as text, as environments give it, counts as the number."""
    number = read_number(wanted) if isinstance(wanted, str) and isinstance(value, int) else None
    return wanted if number is None else number


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: bool(value == wanted),
    "!=": lambda value, wanted: bool(value != wanted),
    "<": lambda value, wanted: bool(value < wanted),
    "<=": lambda value, wanted: bool(value <= wanted),
    ">": lambda value, wanted: bool(value > wanted),
    ">=": lambda value, wanted: bool(value >= wanted),
}


def _order(value: Any) -> tuple[int, Any]:
    """Nulls first; a column never holds both texts and numbers."""
    return (0, 0) if value is None else (1, value)


def time_text(time: datetime | None) -> str | None:
    """`2019-11-28T12:00:00.000Z`"""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
