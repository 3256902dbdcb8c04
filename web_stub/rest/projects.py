"""Projects: their images, statistics, results of inference, and the whole project as a tar."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from agent import domain, library
from web_stub.budget import BudgetRoute, in_turn, large, unless_gone
from web_stub.context import Web, WebDep
from web_stub.downloads import disposition
from web_stub.gallery import find
from web_stub.json_response import json_response
from web_stub.lists import ProjectListQuery, project_list
from web_stub.parameters import LARGEST_ID, Cursor, Id
from web_stub.resources.images import Image, ImageList
from web_stub.resources.projects import (
    Dataset,
    DatasetList,
    ProjectCardList,
    ProjectDetail,
    Result,
    ResultList,
    Statistics,
)

router = APIRouter(route_class=BudgetRoute, tags=["projects"])

_TAR: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-tar": {}}, "description": "The tar"}}


def _filter(
    dataset: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="of this dataset, by id")] = None,
    title: Annotated[str | None, Query(alias="class", max_length=500, description="with an object of it")] = None,
    tag: Annotated[str | None, Query(max_length=500, description="with this tag, or an object that has it")] = None,
    text: Annotated[str, Query(max_length=500, description="in the image's name")] = "",
    also: Annotated[str | None, Query(max_length=500, description="with an object of this class, too")] = None,
    finding: Annotated[str | None, Query(max_length=100, description="of which the images are; see insights")] = None,
) -> find.Filter:
    return find.Filter(dataset, title, tag, text, also, finding)


FilterDep = Annotated[find.Filter, Depends(_filter)]


@router.get("/projects", response_model=ProjectCardList)
@large
def list_projects(web: WebDep, query: Annotated[ProjectListQuery, Query()]) -> Response:
    """Projects, newest first unless sorted by name, images or size."""
    return json_response(project_list(web.store, query))


@router.get("/projects/{project_id}", response_model=ProjectDetail)
def get_project(web: WebDep, project_id: Id) -> Response:
    """A project with its meta: classes and tags."""
    return json_response(ProjectDetail.of(web.store.projects.get(project_id)))


@router.get("/projects/{project_id}/datasets", response_model=DatasetList)
@large
def list_datasets(web: WebDep, project_id: Id) -> Response:
    web.store.projects.get(project_id)
    datasets = web.store.datasets.list(project_id)
    return json_response(DatasetList(items=[Dataset.of(dataset) for dataset in datasets]))


@router.get("/projects/{project_id}/images", response_model=ImageList)
async def list_images(
    web: WebDep,
    request: Request,
    project_id: Id,
    by: FilterDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> Response:
    """Images in the project's order: dataset by dataset. `total` counts all that match."""
    project = await run_in_threadpool(web.store.projects.get, project_id)
    page = partial(_images_page, web, project, by, cursor, limit)
    if not by.needs_statistics:
        return await run_in_threadpool(page)
    await unless_gone(request, web.search.prepare(project, by))
    return await in_turn(request, lambda: run_in_threadpool(page))


def _images_page(web: Web, project: domain.Project, by: find.Filter, cursor: int | None, limit: int) -> Response:
    datasets = {dataset.id: dataset for dataset in web.store.datasets.list(project.id)}
    found = find.find(web.search, project, by, cursor=cursor, limit=limit)
    images = [Image.of(image, datasets[image.dataset_id]) for image in found.images if image.dataset_id in datasets]
    return json_response(ImageList(items=images, next=found.next_id, total=found.total))


@router.get("/projects/{project_id}/statistics", response_model=Statistics)
async def get_statistics(web: WebDep, request: Request, project_id: Id) -> Response:
    """Objects, images and covered area of each class, and uses of each tag. Counted once, then kept."""
    project = await run_in_threadpool(web.store.projects.get, project_id)
    return json_response(Statistics.of(await unless_gone(request, web.search.statistics.prepared(project))))


@router.get("/projects/{project_id}/results", response_model=ResultList)
def list_results(web: WebDep, project_id: Id) -> Response:
    """Projects that inference made of this one, newest first."""
    web.store.projects.get(project_id)
    results = web.store.gallery.results_of(project_id)
    return json_response(ResultList(items=[Result.of(result) for result in results]))


@router.get("/projects/{project_id}/download", response_class=StreamingResponse, responses=_TAR)
def download_project(web: WebDep, project_id: Id) -> Response:
    """The project as a tar of its folder in Supervisely format, images and annotations as they came."""
    project = web.store.projects.get(project_id)
    chunks = library.project_tar(web.store, web.artifacts, project)
    headers = {"content-disposition": disposition(f"{project.name}.tar")}
    return StreamingResponse(chunks, media_type="application/x-tar", headers=headers)
