"""What all calls of the protocol share: the token, the message in the body, the message in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from fastapi import Request
from google.protobuf.message import DecodeError, Message
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from agent.errors import BadInput
from web_stub.budget import ClientGone

if TYPE_CHECKING:
    from agent.store.tokens import Token

MEDIA_TYPE = "application/octet-stream"
M = TypeVar("M", bound=Message)


def token_of(request: Request) -> Token:
    """The token that the middleware has found to open this path."""
    token: Token = request.scope["agent_token"]
    return token


async def read_message(request: Request, kind: type[M]) -> M:
    """The message in the body. BadInput for bytes that are none, ClientGone where they break off."""
    try:
        body = await request.body()
    except ClientDisconnect:
        raise ClientGone("the client has gone") from None
    return parsed(body, kind, "the body")


def parsed(content: bytes, kind: type[M], what: str) -> M:
    """BadInput for bytes that are no such message; `what` names them."""
    try:
        return kind.FromString(content)
    except DecodeError:
        raise BadInput(f"{what} is no {kind.DESCRIPTOR.name} message of the agent's protocol") from None


def reply(message: Message) -> Response:
    return Response(message.SerializeToString(), media_type=MEDIA_TYPE)
