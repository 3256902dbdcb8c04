"""What all methods share on the wire: bodies, list replies, times, hashes (contract: web_api.md 1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from agent.errors import BadInput
from agent.formats.names import name_problem, shown
from web_stub.jsons import encode, storable

View: TypeAlias = dict[str, Any]

TEAM_ID = WORKSPACE_ID = USER_ID = 1  # this installation has one of each
PER_PAGE = 500
MAX_PER_PAGE = 50_000  # later clients work out the pages themselves, so what they ask for is what they get

JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]
Id = Annotated[int, Field(ge=0, le=2**63 - 1)]


class NotOffered(BadInput):
    """Something the real instance does and a local one does not. No client tries a 501 again."""

    http_status = 501
    reason = "not_offered"


def _no_null(value: Any) -> Any:
    return [] if value is None else value


class Body(BaseModel):
    """A request. Wire names are camelCase; keys we do not know mean nothing to us."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)


class IdBody(Body):
    id: Id


class Filter(Body):
    field: str
    operator: str = "="
    value: Annotated[Any, AfterValidator(storable)] = None


class ListBody(Body):
    filter: Annotated[list[Filter], BeforeValidator(_no_null)] = Field(default_factory=list)
    sort: str | None = None
    sort_order: Literal["asc", "desc"] | None = Field(default=None, alias="sort_order")
    page: Annotated[int, Field(ge=1, le=2**31)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] | None = Field(default=None, alias="per_page")
    after: Annotated[int, Field(ge=1, le=2**31)] | None = None  # the token of the next page, as given below

    @property
    def page_size(self) -> int:
        return self.per_page or PER_PAGE

    @property
    def number(self) -> int:
        """Which page, from 1."""
        return self.after or self.page

    @property
    def is_by_number(self) -> bool:
        """Whether the order asked for is that of the ids; without a wish the newest come first."""
        return self.sort in (None, "id")

    @property
    def is_ascending(self) -> bool:
        return self.sort is not None and self.sort_order != "desc"

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.page_size


def require_name(noun: str, name: str) -> None:
    """BadInput for a name that could not be a file's or folder's in a task folder."""
    if problem := name_problem(name):
        raise BadInput(f"the {noun}'s name {shown(name[:80])!r} {problem}")


def reply(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")


def list_reply(entities: Sequence[View], body: ListBody, finish: Callable[[View], View] | None = None) -> Response:
    """The page asked for of the entities that pass the filter, sorted; `finish` completes those that are shown."""
    found = [entity for entity in entities if all(_passes(entity, rule) for rule in body.filter)]
    column = body.sort
    if column is not None and all(column in entity for entity in found):
        found.sort(key=lambda entity: _order(entity[column]), reverse=body.sort_order == "desc")
    shown = found[body.offset : body.offset + body.page_size]
    return page_reply([finish(entity) for entity in shown] if finish else shown, len(found), body)


def page_reply(entities: Sequence[View], total: int, body: ListBody) -> Response:
    """One page. `after` is for later clients that walk by token: null on the last one."""
    pages = max(1, -(-total // body.page_size))
    after = str(body.number + 1) if body.number < pages else None
    page = {"total": total, "perPage": body.page_size, "pagesCount": pages, "after": after}
    return reply({**page, "entities": entities})


def _passes(entity: View, rule: Filter) -> bool:
    if rule.field not in entity:
        raise BadInput(f"cannot filter by {rule.field!r}; there are: {', '.join(entity)}")
    test = _OPERATORS.get(rule.operator)
    if test is None:
        raise BadInput(f"filter operator {rule.operator!r} is not one of: {', '.join(_OPERATORS)}")
    try:
        return test(entity[rule.field], _like(rule.value, entity[rule.field]))
    except TypeError:
        raise BadInput(f"{rule.field!r} cannot be compared with {rule.value!r}") from None


def _like(wanted: Any, value: Any) -> Any:
    """A number written as text, as environments give it, counts as the number."""
    if isinstance(wanted, list):
        return [_like(item, value) for item in wanted]
    is_number = isinstance(wanted, str) and wanted.isascii() and wanted.isdigit() and len(wanted) < 20
    return int(wanted) if is_number and isinstance(value, int) else wanted


def _is_in(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, list):
        raise BadInput("the value of an 'in' filter is a list")
    return value in wanted


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: bool(value == wanted),
    "!=": lambda value, wanted: bool(value != wanted),
    "in": _is_in,
    "<": lambda value, wanted: bool(value < wanted),
    "<=": lambda value, wanted: bool(value <= wanted),
    ">": lambda value, wanted: bool(value > wanted),
    ">=": lambda value, wanted: bool(value >= wanted),
}


def _order(value: Any) -> tuple[int, Any]:
    """Nulls first; texts and numbers never meet in one column."""
    return (0, 0) if value is None else (1, value)


def time_text(time: datetime | None) -> str | None:
    """`2019-11-28T12:00:00.000Z`"""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def image_hash(sha256: str) -> str:
    """Our hex → the API's base64 of the same 32 bytes."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def sha256_of(image_hash: str) -> str | None:
    """The API's hash → hex; None for text that is no hash."""
    try:
        raw = base64.b64decode(image_hash, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == 32 else None
