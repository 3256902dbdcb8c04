"""What the data of a project itself says: objects, places, mistakes, nearly equal images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from web_stub.budget import BudgetRoute, in_turn, unless_gone
from web_stub.context import WebDep
from web_stub.json_response import json_response
from web_stub.parameters import Id
from web_stub.resources.insights import Insights, InsightsProgress, NearList, Places
from web_stub.resources.resource import Resource

router = APIRouter(route_class=BudgetRoute, prefix="/projects/{project_id}/insights", tags=["projects"])

_MOST_PAIRS = 500  # on a page


@router.get("", response_model=Insights)
async def get_insights(web: WebDep, request: Request, project_id: Id) -> Response:
    """Objects by class, size and place, classes that occur together, sizes of images, labels that look wrong.

    Counted once with the statistics, then kept. Every number leads to its images: `class`, `also` and `finding` of
    `GET /api/projects/{project_id}/images`.
    """
    project = await run_in_threadpool(web.store.projects.get, project_id)
    counted = await unless_gone(request, web.search.statistics.prepared(project))
    return await _answer(request, lambda: Insights.of(counted))


@router.get("/places", response_model=Places)
async def get_places(
    web: WebDep,
    request: Request,
    project_id: Id,
    title: Annotated[str | None, Query(alias="class", max_length=500, description="only its objects")] = None,
) -> Response:
    """Where on their images objects lie."""
    project = await run_in_threadpool(web.store.projects.get, project_id)
    counted = await unless_gone(request, web.search.statistics.prepared(project))
    return await _answer(request, lambda: Places.of(counted, title))


@router.get("/near", response_model=NearList)
async def get_near(
    web: WebDep,
    request: Request,
    project_id: Id,
    limit: Annotated[int, Query(ge=1, le=_MOST_PAIRS)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """Pairs of nearly equal images. The first answer waits until every image was decoded; `progress` says how far."""
    project = await run_in_threadpool(web.store.projects.get, project_id)
    found = await unless_gone(request, web.search.near.prepared(project))
    return await _answer(request, lambda: NearList.of(found, offset=offset, limit=limit))


@router.get("/progress", response_model=InsightsProgress)
def get_progress(web: WebDep, project_id: Id) -> Response:
    """How far the work is for which `insights` and `insights/near` wait."""
    project, search = web.store.projects.get(project_id), web.search
    labels, pictures = search.statistics.progress(project), search.near.progress(project)
    return json_response(InsightsProgress(images=project.images_count, labels=labels, pictures=pictures))


async def _answer(request: Request, make: Callable[[], Resource]) -> Response:
    return await in_turn(request, lambda: run_in_threadpool(lambda: json_response(make())))
