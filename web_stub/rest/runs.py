"""The table of runs: tasks compared by what they were given and measured; its groups, its columns, its exports."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from agent.domain import TaskStatus
from agent.store.runs.export import MEDIA_TYPES, ExportFormat, exported, group_table, rows_of
from agent.store.runs.keys import spelled
from agent.store.runs.request import RunRequest
from web_stub.budget import BudgetRoute, large
from web_stub.context import WebDep
from web_stub.json_response import json_response
from web_stub.resources.runs import RunColumns, RunGroups, RunTable

router = APIRouter(route_class=BudgetRoute, tags=["runs"])

_MOST_SKIPPED = 10_000_000
_Texts = Annotated[list[str], Field(max_length=200)]
_NONE: list[str] = []


class RunFilter(BaseModel):
    """Which tasks."""

    text: Annotated[str, Field(max_length=200, description="all of these words, as in the list of tasks")] = ""
    where: Annotated[str, Field(description='a condition: config.lr < 0.01 and status == "finished"')] = ""
    status: list[TaskStatus] | None = None
    archived: Annotated[bool, Field(description="those in the archive, in place of the others")] = False

    def request(self) -> RunRequest:
        given = self.model_dump(exclude={"text", "status"})
        return RunRequest(words=self.text, statuses=self.status, **{"limit": None, **given})


class RunTableQuery(RunFilter):
    """Which columns of them, in which order."""

    columns: Annotated[_Texts, Field(description="one or, with commas, several each; a few when left out")] = _NONE
    sort: Annotated[_Texts, Field(description="at most 8; - before one turns it; then the newest first")] = _NONE


class RunExportQuery(RunTableQuery):
    group: Annotated[_Texts, Field(description="columns whose equal values make a group")] = _NONE


class RunPage(BaseModel):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=_MOST_SKIPPED, description="rows to skip")] = 0


class RunQuery(RunPage, RunTableQuery):
    pass


class RunGroupQuery(RunPage, RunExportQuery):
    pass


@router.get("/runs", response_model=RunTable)
@large
def list_runs(web: WebDep, query: Annotated[RunQuery, Query()]) -> Response:
    """Tasks with the columns that are asked for, filtered and sorted by any."""
    request = query.request()
    return json_response(RunTable.of(web.store.runs.table(request.keys(), request.question(), request.window())))


@router.get("/runs/groups", response_model=RunGroups)
@large
def group_runs(web: WebDep, query: Annotated[RunGroupQuery, Query()]) -> Response:
    """The same tasks by equal values of `group`: how many, and mean, deviation, least and greatest of each column.

    `sort` takes a column of `group`, one of `columns` (by its mean), or `count`.
    """
    request = query.request()
    by, keys = request.group_keys(), request.summed_keys()
    return json_response(RunGroups.of(web.store.runs.groups(by, keys, request.question(), request.window())))


@router.get("/runs/columns", response_model=RunColumns)
@large
def list_run_columns(web: WebDep, query: Annotated[RunFilter, Query()]) -> Response:
    """The columns that the tasks have."""
    return json_response(RunColumns.of(web.store.runs.inventory(query.request().question())))


_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {} for media in MEDIA_TYPES.values()}, "description": "Every row, as a file"}
}


@router.get("/runs.{format}", response_class=StreamingResponse, responses=_FILE)
@large
def export_runs(
    web: WebDep,
    format: ExportFormat,  # noqa: A002 - the wire's word
    query: Annotated[RunExportQuery, Query()],
) -> StreamingResponse:
    """All pages of `/api/runs`, or with `group` of `/api/runs/groups`, as CSV, JSON or lines of JSON."""
    request = query.request()
    if request.group:
        by, keys = request.group_keys(), request.summed_keys()
        heads, rows = group_table(web.store.runs.groups(by, keys, request.question(), request.window()))
        pieces = exported(heads, rows, format)
    else:
        columns = request.keys()
        found = web.store.runs.export(columns, request.question(), request.window())
        pieces = exported([spelled(key) for key in columns], rows_of(found), format)
    return StreamingResponse(
        (piece.encode() for piece in pieces),
        media_type=MEDIA_TYPES[format],
        headers={"content-disposition": f'attachment; filename="runs.{format}"'},
    )
