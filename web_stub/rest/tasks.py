"""Tasks: list, submit, look at, stop; their events, progress, checkpoints and raw log."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from agent.errors import BadInput
from agent.events.model import Level, Stream
from agent.formats.recording import SUFFIX
from agent.library.cleaning import cleaner
from agent.library.portability import task_differences
from agent.library.recordings import record_task
from agent.store import READ_BYTES, SHOWN_BYTES, Lines
from agent.submission import config_notes, new_task
from web_stub.budget import BudgetRoute, large, still_wanted
from web_stub.context import Web, WebDep
from web_stub.json_response import json_response
from web_stub.lists import TaskListQuery, task_list
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources.portability import Portability
from web_stub.resources.tasks import (
    Attempt,
    AttemptList,
    CheckpointList,
    Event,
    EventLine,
    EventList,
    LineCount,
    NearMissKind,
    NearMissList,
    Progress,
    ProgressList,
    QueuedTask,
    TaskDetail,
    TaskList,
)
from web_stub.rest.payloads import NewTask
from web_stub.task_cards import checkpoints_of

router = APIRouter(route_class=BudgetRoute, tags=["tasks"])

_LOG_CHUNK = 256 << 10  # bytes of the log sent at once
_FILE_CHUNK = 1 << 20  # of a recording


@router.get("/tasks", response_model=TaskList)
@large
def list_tasks(web: WebDep, query: Annotated[TaskListQuery, Query()]) -> Response:
    """Tasks, newest first unless sorted by name, status, started, finished or duration."""
    return json_response(task_list(web.store, web.cards, query))


@router.post("/tasks", response_model=QueuedTask, status_code=201)
@large
def submit_task(web: WebDep, asked: NewTask) -> Response:
    """Queue a task. An agent takes it as soon as one is free. `notes` say what in the request may be a slip."""
    task = web.store.tasks.add(new_task(web.store, web.settings, asked.request(), artifacts=web.artifacts))
    web.hub.touch()
    notes = config_notes(web.store.plugins.get(task.plugin_id), task)
    return json_response(web.cards.queued(task, notes), 201)


@router.get("/tasks/{task_id}", response_model=TaskDetail)
def get_task(web: WebDep, task_id: Id) -> Response:
    return json_response(web.cards.detail(web.store.tasks.get(task_id)))


@router.get("/tasks/{task_id}/attempts", response_model=AttemptList)
@large
def list_attempts(web: WebDep, task_id: Id) -> Response:
    """The runs of a task, each from the launch of its container on: several where its node was lost."""
    web.store.tasks.get(task_id)
    names = web.store.nodes.names()
    found = web.store.attempts.list(task_id)
    return json_response(AttemptList(items=[Attempt.of(one, node_name=names.get(one.node or "")) for one in found]))


@router.post("/tasks/{task_id}/stop", response_model=TaskDetail)
def stop_task(web: WebDep, task_id: Id) -> Response:
    """Ask for the stop. A queued task is stopped at once, a running one as soon as its agent sees it; twice is fine."""
    task = web.store.tasks.request_stop(task_id)
    web.hub.touch()
    return json_response(web.cards.detail(task))


_LevelName = Annotated[str | None, Query(description="this level and above: trace … fatal")]
_TypeName = Annotated[str | None, Query(max_length=100, description="METRICS, CHECKPOINT, …")]
_Text = Annotated[str | None, Query(max_length=500, description="part of the message")]
_Metrics = Annotated[bool, Query(description="false: without the lines of metrics and progress")]


@router.get("/tasks/{task_id}/events", response_model=EventList)
@large
def list_events(
    web: WebDep,
    task_id: Id,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID, description="events with a larger number")] = 0,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="events with a smaller number")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
    level: _LevelName = None,
    type: _TypeName = None,  # noqa: A002 - the wire's word
    text: _Text = None,
    metrics: _Metrics = True,
    newest: Annotated[bool, Query(description="the newest first; `after` and `before` still bound them")] = False,
    raw: Annotated[bool, Query(description="with each line as the plugin wrote it")] = False,
) -> Response:
    """The numbered lines of a task, in the order they were read. A page has at most 16 MiB of lines, 4 with `raw`.

    Of a line beyond 16,384 characters the beginning is given, and `parse_error` says so, unless `raw` is asked for.
    """
    web.store.tasks.get(task_id)
    rows, has_more = web.store.events.page(
        task_id,
        after,
        before_seq=before,
        limit=limit,
        min_level=_level(level),
        event_type=_event_type(type),
        text=text or None,
        without_metrics=not metrics,
        newest_first=newest,
        whole=raw,
        max_bytes=READ_BYTES if raw else SHOWN_BYTES,
    )
    lines = [Event.of(row, raw=row.raw) if raw else EventLine.of(row) for row in rows]
    return json_response({"items": lines, "next": lines[-1].seq if has_more else None})


@router.get("/tasks/{task_id}/events/count", response_model=LineCount)
@large
def count_events(
    web: WebDep,
    task_id: Id,
    level: _LevelName = None,
    type: _TypeName = None,  # noqa: A002 - the wire's word
    text: _Text = None,
    metrics: _Metrics = True,
) -> Response:
    """How many of the task's lines match."""
    web.store.tasks.get(task_id)
    lines = Lines(min_level=_level(level), event_type=_event_type(type), text=text or None, without_metrics=not metrics)
    count, total = web.log_counts.count(task_id, lines)
    return json_response(LineCount(count=count, all=total))


def _event_type(name: str | None) -> str | None:
    return name.removeprefix("EventType.") if name else None


def _level(name: str | None) -> Level | None:
    if name is None:
        return None
    try:
        return Level[name.upper()]
    except KeyError:
        raise BadInput(f"level {name!r} is not one of: {', '.join(level.name.lower() for level in Level)}") from None


@router.get("/tasks/{task_id}/progress", response_model=ProgressList)
@large
def list_progress(web: WebDep, task_id: Id) -> Response:
    """Every progress bar of the task, in order of first appearance."""
    web.store.tasks.get(task_id)
    return json_response(ProgressList(items=[Progress.of(bar) for bar in web.store.progress.list(task_id)]))


@router.get("/tasks/{task_id}/near-misses", response_model=NearMissList)
@large
def list_near_misses(web: WebDep, task_id: Id) -> Response:
    """Lines that were surely meant as an event: of each kind how many, and the first. Empty is how it should be."""
    web.store.tasks.get(task_id)
    return json_response(NearMissList(items=[NearMissKind.of(one) for one in web.store.near_misses.list(task_id)]))


@router.get("/tasks/{task_id}/portability", response_model=Portability)
@large
def task_portability(web: WebDep, task_id: Id) -> Response:
    """What the original agent, SDK or web would do otherwise with this task, each with its evidence."""
    return json_response(Portability.of(task_differences(web.store, web.store.tasks.get(task_id))))


@router.get("/tasks/{task_id}/checkpoints", response_model=CheckpointList)
@large
def list_checkpoints(web: WebDep, task_id: Id) -> Response:
    web.store.tasks.get(task_id)
    return json_response(CheckpointList(items=checkpoints_of(web.store, task_id)))


_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}, "description": "One line each"}}


@router.get("/tasks/{task_id}/log", response_class=StreamingResponse, responses=_TEXT)
def download_log(
    web: WebDep,
    task_id: Id,
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


_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}, "description": "A recording"}}


@router.get("/tasks/{task_id}/recording", response_class=StreamingResponse, responses=_ZIP)
@large
def download_recording(
    web: WebDep,
    task_id: Id,
    with_files: Annotated[
        bool, Query(description="with weights and pixels, not only their hashes; raw: secrets in them stay")
    ] = False,
) -> StreamingResponse:
    """An ended task as one file that `agent replay` plays, without secrets but those in files that were asked for."""
    task = web.store.tasks.get(task_id)
    making = web.artifacts.half_made.begin("recording")
    try:
        made = record_task(
            web.store,
            web.artifacts,
            task,
            making.folder / "recording",
            clean=cleaner(web.settings, task, os.environ),
            with_files=with_files,
            keep_going=still_wanted,
        )
    except BaseException:
        making.end()
        raise
    headers = {
        "content-disposition": f'attachment; filename="task-{task_id}{SUFFIX}"',
        "content-length": str(made.size_bytes),
    }
    return StreamingResponse(_chunks_of(made.path, making.end), media_type="application/zip", headers=headers)


def _chunks_of(file: Path, end: Callable[[], object]) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(_FILE_CHUNK):
                yield chunk
    finally:
        end()


def _log_lines(web: Web, task_id: int, *, with_agent: bool) -> Iterator[bytes]:
    chunk = bytearray()
    for row in web.store.events.each(task_id):
        if with_agent or row.stream is not Stream.AGENT:
            chunk += f"{row.raw or row.message}\n".encode(errors="replace")
            if len(chunk) >= _LOG_CHUNK:
                yield bytes(chunk)
                chunk.clear()
    yield bytes(chunk)
