"""Event streams: of one task from a cursor on, and of the list."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from agent.errors import BadInput
from web_stub.context import WebDep
from web_stub.live import EventStream, list_stream, task_stream
from web_stub.rest.tasks import TaskId
from web_stub.views import model_view

router = APIRouter(tags=["live"])

_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}, "description": "Until closed"}}


@router.get("/tasks/{task_id}/stream", response_class=StreamingResponse, responses=_STREAM)
async def stream_task(
    web: WebDep,
    task_id: TaskId,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="start behind this event")] = 0,
    last_event_id: Annotated[str | None, Header(description="where a broken stream goes on; beats `after`")] = None,
) -> EventStream:
    """Messages `batch` (events and metric points, id = number of the last event), `state` and `end`."""
    await run_in_threadpool(web.store.tasks.get, task_id)
    cursor = after
    if last_event_id:
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
            raise BadInput(f"Last-Event-ID {last_event_id!r} is not the number of an event")
        cursor = int(last_event_id)
    return EventStream(task_stream(web.hub.feed(task_id, web.views), cursor))


@router.get("/stream", response_class=StreamingResponse, responses=_STREAM)
async def stream_list(
    web: WebDep,
    limit: Annotated[int, Query(ge=1, le=500, description="how many of the newest tasks")] = 100,
) -> EventStream:
    """Messages `cards`: the newest tasks, then whichever changed."""
    return EventStream(list_stream(web.hub, "cards", lambda: web.views.cards(web.store.tasks.list(limit=limit))))


@router.get("/models/stream", response_class=StreamingResponse, responses=_STREAM)
async def stream_models(
    web: WebDep,
    limit: Annotated[int, Query(ge=1, le=500, description="how many of the newest models")] = 100,
) -> EventStream:
    """Messages `models`: the newest models, then whichever are new."""
    return EventStream(
        list_stream(web.hub, "models", lambda: [model_view(model) for model in web.store.models.list(limit=limit)])
    )
