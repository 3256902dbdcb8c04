"""Event streams: of one task from a cursor on, of a list, and of many of these at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter, Header, Query
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from agent.errors import AgentError, BadInput, NotFound, StorageFailed
from agent.fs.names import read_number
from web_stub.context import Web, WebDep
from web_stub.event_stream import (
    News,
    list_news,
    refusal_news,
    stream_of_many,
    stream_of_one,
    stream_response,
    task_news,
)
from web_stub.feeds import LONGEST_LIST, Rows
from web_stub.lists import ListQuery, ModelListQuery, TaskListQuery, model_list, task_list
from web_stub.parameters import LARGEST_ID, Id
from web_stub.rest.payloads import JointStream, StreamPlace

router = APIRouter(tags=["live"])

_Query = TypeVar("_Query", bound=ListQuery)
_Read = Callable[[int], Rows]

_MOST_PARAMETERS = 100
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}, "description": "Until closed"}}


@router.get("/tasks/{task_id}/stream", response_class=StreamingResponse, responses=_STREAM)
async def stream_task(
    web: WebDep,
    task_id: Id,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID, description="start behind this event")] = 0,
    last_event_id: Annotated[str | None, Header(description="where a broken stream goes on; beats `after`")] = None,
) -> StreamingResponse:
    """Messages `batch` (events and metric points, id = number of the last event), `state` and `end`."""
    cursor = after
    if last_event_id:
        number = read_number(last_event_id)
        if number is None:
            raise BadInput(f"Last-Event-ID {last_event_id!r} is not the number of an event")
        cursor = number
    return stream_response(stream_of_one(web.hub, await _task_news(web, task_id, cursor)))


async def _task_news(web: Web, task_id: int, cursor: int, mark: str = "") -> News:
    await run_in_threadpool(web.store.tasks.get, task_id)
    return task_news(web.hub, web.hub.task_feed(task_id, web.cards), cursor, mark)


class TaskStreamQuery(TaskListQuery):
    limit: Annotated[int, Field(ge=1, le=LONGEST_LIST)] = 100


class ModelStreamQuery(ModelListQuery):
    limit: Annotated[int, Field(ge=1, le=LONGEST_LIST)] = 100


@router.get("/stream", response_class=StreamingResponse, responses=_STREAM)
async def stream_list(web: WebDep, query: Annotated[TaskStreamQuery, Query()]) -> StreamingResponse:
    """Messages `cards`: a page of the list of tasks, then whichever of them changed."""
    return stream_response(stream_of_one(web.hub, _tasks_news(web, query)))


def _tasks_news(web: Web, query: TaskStreamQuery, mark: str = "") -> News:
    def read(limit: int) -> Rows:
        found = task_list(web.store, web.cards, query.model_copy(update={"limit": limit}))
        return Rows(found.items, total=found.total, counts=found.counts, archived=found.archived)

    return _list_news(web, "cards", query, read, mark)


@router.get("/models/stream", response_class=StreamingResponse, responses=_STREAM)
async def stream_models(web: WebDep, query: Annotated[ModelStreamQuery, Query()]) -> StreamingResponse:
    """Messages `models`: a page of the list of models, then whichever of them changed."""
    return stream_response(stream_of_one(web.hub, _models_news(web, query)))


def _models_news(web: Web, query: ModelStreamQuery, mark: str = "") -> News:
    def read(limit: int) -> Rows:
        found = model_list(web.store, query.model_copy(update={"limit": limit}))
        return Rows(found.items, total=found.total, counts=found.counts, best=found.best)

    return _list_news(web, "models", query, read, mark)


def _list_news(web: Web, name: str, query: TaskStreamQuery | ModelStreamQuery, read: _Read, mark: str) -> News:
    """Clients that ask the same share a feed, of however many rows each."""
    key = f"{name} {query.model_copy(update={'limit': 0}).model_dump_json()}"
    return list_news(web.hub, web.hub.list_feed(key, name, read), query.limit, mark)


# ---------------------------------------------------------------- many at once


@router.post("/stream", response_class=StreamingResponse, responses=_STREAM)
async def stream_together(web: WebDep, asked: JointStream) -> StreamingResponse:
    """Many streams in one. A line of data before that of each message has the number of its stream and a mark."""
    await run_in_threadpool(lambda: web.store.revision)  # a stream that has begun cannot say that the store is away
    return stream_response(stream_of_many(web.hub, [await _news(web, place) for place in asked.streams]))


async def _news(web: Web, place: StreamPlace) -> News:
    """The news behind a place. What is wrong with one place keeps nobody from the others."""
    path, _, query = place.address.partition("?")
    try:
        if path == "stream":
            return _tasks_news(web, _asked(TaskStreamQuery, query), place.mark)
        if path == "models/stream":
            return _models_news(web, _asked(ModelStreamQuery, query), place.mark)
        task_id = read_number(path.removeprefix("tasks/").removesuffix("/stream"))
        if task_id is None or not 0 < task_id <= LARGEST_ID or path != f"tasks/{task_id}/stream" or query:
            raise NotFound(f"there is no stream at {place.address!r}")
        return await _task_news(web, task_id, place.after, place.mark)
    except StorageFailed:  # the reader asks again
        raise
    except AgentError as error:
        return refusal_news(error.http_status, str(error))


def _asked(kind: type[_Query], query: str) -> _Query:
    """The question that a query asks, as FastAPI reads it. Raises BadInput."""
    try:
        given = parse_qs(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        return kind.model_validate(
            {name: texts if name in kind.REPEATED else texts[-1] for name, texts in given.items()}
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
    except ValueError as error:
        raise BadInput(f"the query of a stream cannot be read: {error}") from None
