"""POST /agent/<Method>: calls and endless streams of original agents. The middleware has checked the agent's token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from agent.errors import AgentError, BadInput, NotFound, StorageFailed
from web_stub.agent_rpc import worker_api_pb2 as api
from web_stub.agent_rpc.calls import MEDIA_TYPE, read_message, reply, token_of
from web_stub.agent_rpc.frames import KEEP_ALIVE, KEEP_ALIVE_S, frame
from web_stub.agent_rpc.originals import Originals
from web_stub.auth.middleware import CUT_OFF, break_off
from web_stub.budget import ClientGone
from web_stub.context import Web, WebDep

if TYPE_CHECKING:
    from google.protobuf.message import Message

router = APIRouter(prefix="/agent", include_in_schema=False)
MOST_LINES = 10_000  # of a call; the agent sends a hundred
REST_S = 0.2  # between two looks into the store, which a task that prints changes with each commit
# Of the declared service, what no task of this installation needs.
_NOT_HERE = frozenset({"GetImportStructure", "GetImportFiles", "GetDatasetImages", "GetImagesInfo"})


def _originals(request: Request) -> Originals:
    originals: Originals = request.app.state.originals
    return originals


async def _read_lines(request: Request) -> list[str]:
    """The lines of a call of Log. BadInput where there are too many, which a look at the bytes mostly says."""
    said = f"a call of Log has at most {MOST_LINES:,} lines"
    try:
        fields = (await request.body()).count(b"\n")  # each line begins with the byte of its field; JSON has no newline
    except ClientDisconnect:
        raise ClientGone("the client has gone") from None
    if fields > 4 * MOST_LINES:  # reading them all would take seconds
        raise BadInput(said)
    lines = await read_message(request, api.LogLines)
    if len(lines.data) > MOST_LINES:
        raise BadInput(f"{said}; this one has {len(lines.data):,}")
    return list(lines.data)


@router.post("/AgentConnected")
async def agent_connected(request: Request) -> Response:
    originals, token = _originals(request), token_of(request)
    async with originals.traffic.call(token.id):
        said = await read_message(request, api.AgentInfo)
        async with originals.traffic.work(token.id):
            await run_in_threadpool(originals.connected, token, said.info)
    return reply(api.ServerInfo(info="{}"))


@router.post("/AgentPing")
async def agent_ping(request: Request) -> Response:
    originals, token = _originals(request), token_of(request)
    async with originals.traffic.work(token.id):
        await run_in_threadpool(originals.ping, token)
    return reply(api.Empty())


@router.post("/Log")
async def log(web: WebDep, request: Request) -> Response:
    originals, token = _originals(request), token_of(request)
    async with originals.traffic.call(token.id):
        lines = await _read_lines(request)
        async with originals.traffic.work(token.id):
            await run_in_threadpool(originals.take_log, token, lines)
    web.hub.touch()
    return reply(api.Empty())


@router.post("/UpdateTelemetry")
async def update_telemetry(request: Request) -> Response:
    """What a machine looks like in the agent's own words; nothing here shows it."""
    async with _originals(request).traffic.call(token_of(request).id):
        await read_message(request, api.AgentInfo)
    return reply(api.Empty())


@router.post("/GetNewTask")
async def get_new_task(web: WebDep, request: Request) -> StreamingResponse:
    originals, token = _originals(request), token_of(request)
    sent: set[int] = set()

    def news() -> list[Message]:
        found = originals.next_task(token, sent)
        if found is None:
            return []
        sent.add(found[0])
        return [api.Task(data=found[1])]

    return _stream(web, request, news)


@router.post("/GetStopTask")
async def get_stop_task(web: WebDep, request: Request) -> StreamingResponse:
    originals, token = _originals(request), token_of(request)
    sent: set[int] = set()

    def news() -> list[Message]:
        wanted = [task_id for task_id in originals.stops(token) if task_id not in sent]
        sent.update(wanted)
        return [api.Id(id=task_id) for task_id in wanted]

    return _stream(web, request, news)


@router.post("/GetTelemetryTask")
async def get_telemetry_task(web: WebDep, request: Request) -> StreamingResponse:
    """Nobody asks for telemetry; the stream stays open, because the agent ends with it."""
    return _stream(web, request, list)


@router.post("/{method}")
async def not_here(method: str) -> Response:
    if method in _NOT_HERE:
        raise _NotOffered(f"{method}: this local instance does not have this method of the agent's protocol")
    raise NotFound(f"{method[:100]}: there is no such method of the agent's protocol")


class _NotOffered(AgentError):
    http_status = 501
    reason = "not_offered"


def _stream(web: Web, request: Request, news: Callable[[], list[Message]]) -> StreamingResponse:
    """Messages as there are some, and a sign of life between them, until the client or this server ends.

    A server that ends breaks the stream off: the agent bears ten good ends of a stream in its life, and any number of
    broken ones.
    """

    originals, token = _originals(request), token_of(request)

    async def frames() -> AsyncIterator[bytes]:
        yield KEEP_ALIVE
        while True:
            if web.hub.is_closed():
                break_off(request.scope)
            seen = web.hub.generation
            try:
                web.hub.start()
                async with originals.traffic.work(token.id):
                    messages = await run_in_threadpool(news)
            except StorageFailed:  # away or busy: asked again
                await asyncio.sleep(1.0)
                continue
            for message in messages:
                yield frame(message)
            if not messages and not await web.hub.wait(seen, KEEP_ALIVE_S):
                yield KEEP_ALIVE
            await asyncio.sleep(REST_S)

    async def counted() -> AsyncIterator[bytes]:
        cut = request.scope.get(CUT_OFF, lambda: None)
        with originals.traffic.stream(token.id, request.url.path, cut), web.hub.counted():
            async for piece in frames():
                yield piece

    return StreamingResponse(counted(), media_type=MEDIA_TYPE)
