"""Tasks: list, submit, look at, stop; their events, progress, checkpoints and raw log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response, StreamingResponse

from agent import wishes
from agent.domain import TaskStatus, TaskType
from agent.errors import BadInput
from agent.events.model import Level, Stream
from web_stub.context import Web, WebDep
from web_stub.jsons import encode
from web_stub.rest import schema
from web_stub.views import View, checkpoint_view, event_view, progress_view

router = APIRouter(tags=["tasks"])

TaskId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Cursor = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next` of the page before")]
_LOG_ROWS = 5000


@router.get("/tasks", response_model=schema.TaskList)
def list_tasks(
    web: WebDep,
    status: Annotated[list[TaskStatus] | None, Query()] = None,
    type: Annotated[TaskType | None, Query()] = None,  # noqa: A002 - the wire's word
    text: Annotated[str | None, Query(max_length=200, description="part of the name")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Cursor = None,
) -> Response:
    """Tasks, newest first."""
    found = web.store.tasks.list(
        statuses=status or None, type=type, name_part=text or None, limit=limit + 1, before_id=cursor
    )
    shown = found[:limit]
    answer = {"items": web.views.cards(shown), "next": shown[-1].id if len(found) > limit else None}
    return Response(encode(answer), media_type="application/json")  # as it is: validating a thousand cards takes longer


@router.post("/tasks", response_model=schema.TaskDetail, status_code=201)
def submit_task(web: WebDep, wish: schema.NewTask) -> View:
    """Queue a task. An agent takes it as soon as one is free."""
    new = wishes.new_task(
        web.store,
        type=wish.type,
        plugin=wish.plugin,
        project=wish.project,
        model=wish.model,
        name=wish.name,
        config=wish.config,
        preset=wish.preset,
        overrides=wish.overrides,
        options=wish.options.over(
            web.settings.engine, web.settings.gpus, web.settings.pull, hardened=web.settings.hardened
        ),
    )
    task = web.store.tasks.add(new)
    web.hub.touch()
    return web.views.detail(task)


@router.get("/tasks/{task_id}", response_model=schema.TaskDetail)
def get_task(web: WebDep, task_id: TaskId) -> View:
    return web.views.detail(web.store.tasks.get(task_id))


@router.post("/tasks/{task_id}/stop", response_model=schema.TaskDetail)
def stop_task(web: WebDep, task_id: TaskId) -> View:
    """Ask for the stop. A queued task is stopped at once, a running one as soon as its agent sees it; twice is fine."""
    task = web.store.tasks.request_stop(task_id)
    web.hub.touch()
    return web.views.detail(task)


@router.get("/tasks/{task_id}/events", response_model=schema.EventList, response_model_exclude_unset=True)
def list_events(
    web: WebDep,
    task_id: TaskId,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="events with a larger number")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
    level: Annotated[str | None, Query(description="this level and above: trace … fatal")] = None,
    type: Annotated[str | None, Query(max_length=100, description="METRICS, CHECKPOINT, …")] = None,  # noqa: A002
    text: Annotated[str | None, Query(max_length=500, description="part of the message")] = None,
    newest: Annotated[bool, Query(description="the newest first; `after` still bounds them")] = False,
    raw: Annotated[bool, Query(description="with each line as the plugin wrote it")] = False,
) -> View:
    """The numbered lines of a task, in the order they were read."""
    web.store.tasks.get(task_id)
    rows = web.store.events.after(
        task_id,
        after,
        limit=limit + 1,
        min_level=_level(level),
        event_type=type.removeprefix("EventType.") if type else None,
        text=text or None,
        newest_first=newest,
    )
    shown = rows[:limit]
    more = len(rows) > limit and not newest
    return {"items": [event_view(row, raw=raw) for row in shown], "next": shown[-1].seq if more else None}


def _level(name: str | None) -> Level | None:
    if name is None:
        return None
    try:
        return Level[name.upper()]
    except KeyError:
        raise BadInput(f"level {name!r} is not one of: {', '.join(level.name.lower() for level in Level)}") from None


@router.get("/tasks/{task_id}/progress", response_model=schema.ProgressList)
def list_progress(web: WebDep, task_id: TaskId) -> View:
    """Every progress bar of the task, in order of first appearance."""
    web.store.tasks.get(task_id)
    return {"items": [progress_view(bar) for bar in web.store.progress.list(task_id)]}


@router.get("/tasks/{task_id}/checkpoints", response_model=schema.CheckpointList)
def list_checkpoints(web: WebDep, task_id: TaskId) -> View:
    web.store.tasks.get(task_id)
    return {"items": [checkpoint_view(item, web.store) for item in web.store.checkpoints.list(task_id)]}


_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}, "description": "One line each"}}


@router.get("/tasks/{task_id}/log", response_class=StreamingResponse, responses=_TEXT)
def download_log(
    web: WebDep,
    task_id: TaskId,
    agent: Annotated[bool, Query(description="with the agent's own lines")] = False,
) -> StreamingResponse:
    """The raw log: every line as the plugin wrote it, both streams, in the order read."""
    web.store.tasks.get(task_id)
    name = f"task-{task_id}.log"
    return StreamingResponse(
        _log_lines(web, task_id, with_agent=agent),
        media_type="text/plain; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _log_lines(web: Web, task_id: int, *, with_agent: bool) -> Iterator[bytes]:
    cursor = 0
    while rows := web.store.events.after(task_id, cursor, limit=_LOG_ROWS):
        cursor = rows[-1].seq
        lines = [row.raw or row.message for row in rows if with_agent or row.stream is not Stream.AGENT]
        yield "".join(f"{line}\n" for line in lines).encode(errors="replace")
