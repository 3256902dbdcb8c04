"""How large a request may be: its path, its headers, its body, by where it goes."""

from __future__ import annotations

import re

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from agent.errors import BadInput
from web_stub.auth.rights import OPEN
from web_stub.json_response import error_response

BODY_LIMIT_BYTES = 16 << 20  # JSON: even a large config has only kilobytes
UPLOAD_LIMIT_BYTES = 64 << 30
UPLOAD_PATHS = (
    "/api/models",
    "/public/api/v3/models.upload",
    "/public/api/v3/images.bulk.upload",
    "/agent/SendGeneralEventData",  # bounds it itself, and tells the one who waits for the answer
)
LABELS_LIMIT_BYTES = 512 << 20  # fifty annotations at once, each with the masks of a large image
LABELS_PATHS = ("/public/api/v3/annotations.bulk.add",)
IMAGE_LIMIT_BYTES = 128 << 20  # of an image that a deployed model is asked about, which waits in memory
INFER_LIMIT_BYTES = IMAGE_LIMIT_BYTES + BODY_LIMIT_BYTES
OPEN_LIMIT_BYTES = 16 << 10  # from clients that may have no token: a login is two short texts
HEADER_LIMIT = 8 << 10  # characters of a header or a path: parsers behind this layer may need quadratic time
_COOKIE_LIMIT = 64 << 10  # a browser sends along the cookies of every other server on this host
_INFER_PATH = re.compile(r"/api/models/[0-9]+/infer|/api/predictions|/public/api/v3/models\.infer")


class TooLarge(BadInput):
    """The body is larger than this address takes."""

    http_status = 413
    reason = "too_large"


def is_question(path: str) -> bool:
    """Whether a deployed model is asked there."""
    return _INFER_PATH.fullmatch(path) is not None


def limit_of(path: str) -> int:
    """The bytes that a body sent to this path may have."""
    if path in OPEN:
        return OPEN_LIMIT_BYTES
    if path.rstrip("/") in UPLOAD_PATHS:
        return UPLOAD_LIMIT_BYTES
    if is_question(path):
        return INFER_LIMIT_BYTES
    return LABELS_LIMIT_BYTES if path in LABELS_PATHS else BODY_LIMIT_BYTES


def too_long_header(scope: Scope) -> str:
    """The name of a header that is longer than its limit; "" where each is within it."""
    for name, value in scope["headers"]:
        if len(value) > (_COOKIE_LIMIT if name == b"cookie" else HEADER_LIMIT):
            return str(name[:100], "latin-1")
    return ""


def too_large(path: str) -> Response:
    response = error_response(413, f"the body is larger than the {limit_of(path)} bytes this address takes")
    response.headers["connection"] = "close"  # or the client would send the rest of the body
    return response


def bounded(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Count the body as it comes. Beyond the limit reading fails, and any answer becomes a 413."""
    path = scope["path"]
    read = 0
    refused = False

    async def counting() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit_of(path):
            raise TooLarge("the body is too large")
        return message

    async def answering(message: Message) -> None:
        nonlocal refused
        if read <= limit_of(path):
            await send(message)
        elif not refused:
            refused = True
            await too_large(path)(scope, receive, send)

    return counting, answering
