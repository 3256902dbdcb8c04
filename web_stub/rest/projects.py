"""Projects: their images, what is on them, what inference made of them, and all of it as a tar."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from agent import library
from web_stub import gallery
from web_stub.context import WebDep
from web_stub.downloads import disposition
from web_stub.gallery_views import image_view, project_card, result_view, statistics_view
from web_stub.rest import gallery_schema, schema
from web_stub.rest.library import Id
from web_stub.rest.tasks import Cursor
from web_stub.views import View, dataset_view, project_view

router = APIRouter(tags=["projects"])

_TAR: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-tar": {}}, "description": "The tar"}}


def _filter(
    dataset: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="of this dataset, by id")] = None,
    title: Annotated[str | None, Query(alias="class", max_length=500, description="with an object of it")] = None,
    tag: Annotated[str | None, Query(max_length=500, description="with this tag, or an object that has it")] = None,
    text: Annotated[str, Query(max_length=500, description="in the image's name")] = "",
) -> gallery.Filter:
    return gallery.Filter(dataset, title, tag, text)


FilterDep = Annotated[gallery.Filter, Depends(_filter)]


@router.get("/projects", response_model=gallery_schema.ProjectCardList)
def list_projects(
    web: WebDep,
    text: Annotated[str | None, Query(max_length=200, description="part of the name")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Cursor = None,
) -> View:
    """Projects, newest first."""
    found = web.store.projects.list(limit=limit + 1, before_id=cursor, text=text or None)
    shown = found[:limit]
    return {"items": [project_card(p, web.store) for p in shown], "next": shown[-1].id if len(found) > limit else None}


@router.get("/projects/{project_id}", response_model=schema.ProjectDetail)
def get_project(web: WebDep, project_id: Id) -> View:
    """A project with its meta: classes and tags."""
    project = web.store.projects.get(project_id)
    return {**project_view(project), "meta": dict(project.meta)}


@router.get("/projects/{project_id}/datasets", response_model=schema.DatasetList)
def list_datasets(web: WebDep, project_id: Id) -> View:
    web.store.projects.get(project_id)
    return {"items": [dataset_view(dataset) for dataset in web.store.projects.datasets(project_id)]}


@router.get("/projects/{project_id}/images", response_model=gallery_schema.ImageList)
def list_images(
    web: WebDep,
    project_id: Id,
    by: FilterDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next` of the page before")] = None,
) -> View:
    """Images in the project's order: dataset by dataset. `total` counts all that match."""
    project = web.store.projects.get(project_id)
    datasets = {dataset.id: dataset for dataset in web.store.projects.datasets(project_id)}
    found = gallery.find(web.store, web.digests, project, by, cursor=cursor, limit=limit)
    return {
        "items": [image_view(i, datasets[i.dataset_id]) for i in found.images if i.dataset_id in datasets],
        "next": found.next_id,
        "total": found.total,
    }


@router.get("/projects/{project_id}/statistics", response_model=gallery_schema.Statistics)
def get_statistics(web: WebDep, project_id: Id) -> View:
    """Objects, images and covered area of each class, and uses of each tag. Counted once, then kept."""
    return statistics_view(web.digests.of(web.store.projects.get(project_id)))


@router.get("/projects/{project_id}/results", response_model=gallery_schema.ResultList)
def list_results(web: WebDep, project_id: Id) -> View:
    """Projects that inference made of this one, newest first."""
    web.store.projects.get(project_id)
    return {"items": [result_view(result) for result in web.store.gallery.results_of(project_id)]}


@router.get("/projects/{project_id}/download", response_class=StreamingResponse, responses=_TAR)
def download_project(web: WebDep, project_id: Id) -> Response:
    """The project as a tar of its folder in Supervisely format, images and annotations as they came."""
    project = web.store.projects.get(project_id)
    chunks = library.project_tar(web.store, web.artifacts, project)
    headers = {"content-disposition": disposition(f"{project.name}.tar")}
    return StreamingResponse(chunks, media_type="application/x-tar", headers=headers)
