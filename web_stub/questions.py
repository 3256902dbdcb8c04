"""The body of a question to a deployed model: a form with a file, or JSON. Read into memory, within its bounds."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from agent.errors import BadInput
from agent.formats.image_header import ImageHeader, NotAnImage, read_image_header
from agent.formats.json_text import read_lenient
from agent.formats.json_values import storable_problem
from web_stub.asking import IMAGE_BYTES
from web_stub.auth.sizes import TooLarge
from web_stub.forms import pieces
from web_stub.parameters import LARGEST_ID

if TYPE_CHECKING:
    from web_stub.broker.room import Part

T = TypeVar("T")
S = TypeVar("S", bound="AboutImage")
TEXT_BYTES = 16 << 20  # of all that is no image
_FILE = "image"
_SHORT_BYTES = 256 << 10


class AboutImage(BaseModel):
    """The fields of a form, or of JSON, that is about one image."""

    model_config = ConfigDict(extra="forbid")

    image_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None


async def read_about_image(request: Request, room: Part, shape: type[S]) -> tuple[S, bytes | None]:
    """(the fields, the file of the image or None where they name one of the library). Raises as `read_question`."""
    fields, image = await read_question(request, room)
    try:
        said = await aside(length_of(fields), lambda: shape.model_validate(fields))
    except ValidationError as error:
        raise BadInput(sentence_of(error)) from None
    if (image is None) == (said.image_id is None):
        raise BadInput("one image is wanted: give its file as `image`, or `image_id`; not both")
    return said, image


async def read_question(request: Request, room: Part) -> tuple[dict[str, Any], bytes | None]:
    """(the fields by name, the file of the part `image` or None). Fields of a form are texts.

    Raises BadInput, TooLarge, and TooMany where the memory is full.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _form(request, room)
    body = bytearray()
    try:
        async for piece in request.stream():
            room.take(len(piece))
            body += piece
            if len(body) > TEXT_BYTES:
                raise TooLarge(f"a question without a file has at most {TEXT_BYTES >> 20} MiB")
    except ClientDisconnect:
        raise BadInput("the body ended before all of it was there; send it again") from None
    return await aside(len(body), lambda: object_of(body.decode("utf-8", "replace"), "the body")), None


async def _form(request: Request, room: Part) -> tuple[dict[str, Any], bytes | None]:
    texts: dict[str, bytearray] = {}
    image: bytearray | None = None
    length = 0
    async for piece in pieces(request):
        room.take(len(piece.data))
        if piece.name == _FILE:
            image = bytearray() if image is None else image
            image += piece.data
            if len(image) > IMAGE_BYTES:
                raise TooLarge(f"an image has at most {IMAGE_BYTES >> 20} MiB")
            continue
        length += len(piece.data) + 100
        if length > TEXT_BYTES:
            raise TooLarge(f"what is not the image has at most {TEXT_BYTES >> 20} MiB")
        texts.setdefault(piece.name, bytearray()).extend(piece.data)
    fields: dict[str, Any] = {name: text.decode("utf-8", "replace") for name, text in texts.items()}
    return fields, None if image is None else bytes(image)


async def aside(size: int, work: Callable[[], T]) -> T:
    """What `work` gives. For a large input it goes to a thread: the event loop has others to serve."""
    return work() if size <= _SHORT_BYTES else await run_in_threadpool(work)


def length_of(fields: Mapping[str, Any]) -> int:
    """The characters of the fields that are texts."""
    return sum(len(value) for value in fields.values() if isinstance(value, str))


def object_of(text: str, what: str) -> dict[str, Any]:
    """The JSON object in a text. BadInput, which names it."""
    try:
        value = read_lenient(text)
    except ValueError as error:
        raise BadInput(f"{what} is no JSON: {error}") from None
    if type(value) is not dict:
        raise BadInput(f"{what} is no JSON object")
    if problem := storable_problem(value):
        raise BadInput(f"{what} {problem}")
    return value


def sentence_of(error: ValidationError) -> str:
    """What is wrong with the fields of a question, a clause for each field. Pure."""
    said: dict[str, str] = {}
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else "the body"
        if len(one["loc"]) == 1:
            unknown = one["type"] == "extra_forbidden"
            said[name] = f"there is no field {name[:80]!r}" if unknown else f"{name}: {one['msg']}"
        elif one["type"] == "json_invalid":  # a text or an object may stand here, so there are two errors
            said[name] = f"{name} is no JSON: {one['ctx']['error']}"
        else:
            said.setdefault(name, f"{name} is no JSON object")
    return "; ".join(said.values())


def header_of(image: bytes) -> ImageHeader:
    """Size and kind of an image. BadInput for what is none."""
    try:
        return read_image_header(io.BytesIO(image))
    except NotAnImage as error:
        raise BadInput(f"the image {error}") from None


def client_of(scope: Mapping[str, Any]) -> str:
    """Who takes turns with others when many ask one model: a token at an address."""
    address = scope.get("client") or ("",)
    return f"{scope.get('token_id', '')}@{address[0]}"
