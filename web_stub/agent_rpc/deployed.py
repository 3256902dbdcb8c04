"""The calls of a deployed model: requests to it, their images, its answers.

Two of them are made for each image, so they are answered before the router and what lies in front of it for pages.

Our agent gives the model a key of its task, which says whose calls these are. An original agent gives it the agent's
own token; then `x-task-id` names the task, which the agent must hold.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from agent.domain import TaskType
from agent.errors import AgentError, BadInput, NotFound
from agent.formats.image_header import known_format
from agent.fs.names import read_number
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.calls import MEDIA_TYPE, parsed, read_message, reply, token_of
from web_stub.agent_rpc.frames import KEEP_ALIVE, FrameReader, frame
from web_stub.agent_rpc.originals import agent_id
from web_stub.auth.middleware import break_off
from web_stub.auth.rights import AGENT_PATH
from web_stub.broker import ANSWER_BYTES, Gone, ModelFailed
from web_stub.broker import Request as Asked
from web_stub.context import Web
from web_stub.image_hashes import sha256_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agent.artifacts import Artifacts
    from web_stub.broker import Broker

CHUNK_BYTES = 1 << 20
BODY_BYTES = ANSWER_BYTES + ANSWER_BYTES // 4  # of the body of an answer: its chunks, and what is between them
TAKES_IMAGES = "x-takes-images"
MOST_IMAGES = 100  # of a call; a model asks for one


class _Forbidden(BadInput):
    http_status = 403
    reason = "forbidden"


class _TooLong(BadInput):
    http_status = 413
    reason = "too_large"


async def _task_of(web: Web, request: Request) -> int:
    """The deployed task whose model calls. Raises _Forbidden, and Gone for one that has ended."""
    token, named = token_of(request), request.headers.get("x-task-id")
    if token.task_id is not None:
        if named is not None and named != str(token.task_id):
            raise _Forbidden(f"this is the key of task {token.task_id}, not of task {named[:20]}")
        return token.task_id
    if named is None:
        named = request.headers.get("x-request-id", "").partition("-")[0]
    task_id = read_number(named[:18])
    if task_id is None:
        raise BadInput("the header x-task-id does not say whose call this is")
    try:
        task = await web.broker.in_thread(lambda: web.store.tasks.get(task_id))
    except NotFound:
        task = None
    if task is None or task.type is not TaskType.DEPLOY or task.agent_id != agent_id(token):
        raise _Forbidden(f"this agent has no deployed model as task {task_id}")
    if task.status.is_final:
        raise Gone(f"task {task_id} has ended")
    return task_id


async def get_requests(web: Web, request: Request) -> StreamingResponse:
    """Requests for the model, until the task or this server ends: then the stream is broken off.

    The model bears ten good ends of a stream in its life, and any number of broken ones. To one that says so in a
    header, as our SDK does and the official one does not, a short image comes with its request.
    """
    task_id = await _task_of(web, request)
    longest_image = CHUNK_BYTES if request.headers.get(TAKES_IMAGES) == "1" else 0

    async def frames() -> AsyncIterator[bytes]:
        async with aclosing(web.broker.requests(task_id)) as requests:
            async for asked in requests:
                if asked is None:
                    yield KEEP_ALIVE
                    continue
                image = asked.image if asked.image and len(asked.image) <= longest_image else b""
                yield frame(api.GeneralEvent(request_id=asked.id, data=asked.data, image=image))
                if image:
                    asked.times.fetched = asyncio.get_running_loop().time()
        break_off(request.scope)

    return StreamingResponse(frames(), media_type=MEDIA_TYPE)


async def get_image(web: Web, request: Request) -> Response:
    """The file of an image that came with a request; for a request that nobody waits for, a sentence in its place."""
    request_id = request.headers.get("x-request-id", "")
    asked = web.broker.find(await _task_of(web, request), request_id)
    if asked is None or asked.image is None:
        why = "nobody waits for its answer" if asked is None else "no image came with it"
        return _one_frame(api.Chunk(error=f"request {request_id[:100]}: {why}"))
    if len(asked.image) <= CHUNK_BYTES:
        asked.times.fetched = asyncio.get_running_loop().time()
        return _one_frame(api.Chunk(buffer=asked.image, total_size=len(asked.image)))
    return StreamingResponse(_parts(asked, asked.image), media_type=MEDIA_TYPE)


async def _parts(asked: Asked, image: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(image), CHUNK_BYTES):
        yield frame(api.Chunk(buffer=image[at : at + CHUNK_BYTES], total_size=len(image)))
    asked.times.fetched = asyncio.get_running_loop().time()


def _one_frame(message: api.Chunk | api.ChunkImage) -> Response:
    return Response(frame(message), media_type=MEDIA_TYPE)


async def take_answer(web: Web, request: Request) -> Response:
    """An answer of the model. One that nobody waits for is read and dropped: the model can do nothing about it."""
    request_id = request.headers.get("x-request-id", "")
    task_id = await _task_of(web, request)
    async with web.broker.receiving(task_id):
        try:
            content = await _answer(request, web.broker, task_id, request_id)
        except ClientDisconnect:
            raise BadInput("the answer ended before all of it was there; send it again") from None
        except BadInput as error:  # the model will not send another one
            web.broker.answer(task_id, request_id, ModelFailed(f"the model's answer cannot be read: {error}"))
            raise
        web.broker.answer(task_id, request_id, content)
    return reply(api.Empty())


async def _answer(request: Request, broker: Broker, task_id: int, request_id: str) -> bytes:
    """The content of all chunks; empty where nobody waits for it. Raises BadInput and ClientDisconnect."""
    reader, content = FrameReader(), bytearray()
    total_size = received = 0
    async for piece in request.stream():
        received += len(piece)
        if received > BODY_BYTES:
            raise _TooLong(f"its body is larger than {BODY_BYTES >> 20} MiB")
        asked = broker.find(task_id, request_id)
        if asked is not None and asked.times.answering is None:
            asked.times.answering = asyncio.get_running_loop().time()
        for message in reader.feed(piece):
            chunk = parsed(message, api.Chunk, "a frame")
            if asked is None:
                continue
            if chunk.error:
                raise BadInput(f"the model says: {chunk.error[:1000]}")
            if len(content) + len(chunk.buffer) > ANSWER_BYTES:
                raise _TooLong(f"it is larger than the {ANSWER_BYTES >> 20} MiB an answer may have")
            content += chunk.buffer
            total_size = chunk.total_size or total_size
    reader.finish()
    if content and total_size not in (0, len(content)):
        raise BadInput(f"it has {len(content):,} bytes and announced {total_size:,}")
    return bytes(content)


async def download_images(web: Web, request: Request) -> Response:
    """Images of the library by their hashes; for one that nobody has, a sentence in its place."""
    await _task_of(web, request)
    asked = await read_message(request, api.ImagesHashes)
    if len(asked.images_hashes) > MOST_IMAGES:
        raise BadInput(f"a call of DownloadImages has at most {MOST_IMAGES} hashes")
    frames = await web.broker.in_thread(lambda: _images(web.artifacts, list(asked.images_hashes)))

    async def each() -> AsyncIterator[bytes]:
        while (part := await web.broker.in_thread(lambda: next(frames, None))) is not None:
            yield part

    return StreamingResponse(each(), media_type=MEDIA_TYPE)


def _images(artifacts: Artifacts, hashes: list[str]) -> Iterator[bytes]:
    """The frames of all images. The first one is read before the answer begins, so artifacts that are away are told."""
    frames = itertools.chain.from_iterable(_image(artifacts, name) for name in hashes)
    first = next(frames, None)
    return frames if first is None else itertools.chain([first], frames)


def _image(artifacts: Artifacts, name: str) -> Iterator[bytes]:
    sha256 = sha256_of(name)
    if sha256 is None or not artifacts.exists(sha256):
        yield _no_image(name, "no image with this hash is stored here")
        return
    size = artifacts.size(sha256)
    with artifacts.open(sha256) as file:
        part = file.read(CHUNK_BYTES)
        if not known_format(part):  # the artifacts keep more than images
            yield _no_image(name, "this is the hash of no image")
            return
        while part:
            chunk = api.Chunk(buffer=part, total_size=size)
            yield frame(api.ChunkImage(chunk=chunk, image=api.Image(hash=name)))
            part = file.read(CHUNK_BYTES)


def _no_image(name: str, why: str) -> bytes:
    return frame(api.ChunkImage(chunk=api.Chunk(error=f"image {name[:100]}: {why}"), image=api.Image(hash=name[:100])))


_CALLS: dict[str, Callable[[Web, Request], Awaitable[Response]]] = {
    f"{AGENT_PATH}GetGeneralEventsStream": get_requests,
    f"{AGENT_PATH}GetGeneralEventData": get_image,
    f"{AGENT_PATH}SendGeneralEventData": take_answer,
    f"{AGENT_PATH}DownloadImages": download_images,
}


class ModelCalls:
    """Answers the calls of deployed models that were admitted, and hands everything else on."""

    def __init__(self, app: ASGIApp, *, refusal: Callable[[Request, Exception], Awaitable[Response]]) -> None:
        self._app, self._refusal = app, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _CALLS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if call is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await call(scope["app"].state.web, request)
        except AgentError as error:
            response = await self._refusal(request, error)
        await response(scope, receive, send)
