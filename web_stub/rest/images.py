"""An image: its properties, its bytes, its thumbnail, its annotation, its counterpart in another project."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from agent.errors import Conflict, NotFound
from web_stub.budget import BudgetRoute, in_turn, unless_gone
from web_stub.context import WebDep
from web_stub.gallery import find
from web_stub.gallery.annotations import read_annotation
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources.images import THUMBNAIL, Image, ImageDetail, ImagePlace
from web_stub.rest import pictures
from web_stub.rest.projects import FilterDep

router = APIRouter(route_class=BudgetRoute, prefix="/images", tags=["images"])

_ANNOTATION: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The annotation as imported"}
}


@router.get("/{image_id}", response_model=ImageDetail)
async def get_image(web: WebDep, request: Request, image_id: Id, by: FilterDep) -> Response:
    """The image, and where it stands among those of its project that match the filter."""
    image = await run_in_threadpool(web.store.images.get, image_id)
    dataset = await run_in_threadpool(web.store.datasets.get, image.dataset_id)
    project = await run_in_threadpool(web.store.projects.get, dataset.project_id)
    found = partial(find.place, web.search, project, by, image)
    if by.needs_statistics:
        await unless_gone(request, web.search.prepare(project, by))
        place = await in_turn(request, lambda: run_in_threadpool(found))
    else:
        place = await run_in_threadpool(found)
    return json_response(ImageDetail.of(image, dataset, place=ImagePlace.of(place)))


@router.get("/{image_id}/file", response_class=Response, responses=pictures.FILE)
def get_file(web: WebDep, request: Request, image_id: Id) -> Response:
    """The image's bytes as imported. Takes Range, If-Range and If-None-Match."""
    return pictures.file_of(web, request, web.store.images.get(image_id))


@router.get("/{image_id}/picture", response_class=Response, responses=pictures.PICTURE)
async def get_picture(web: WebDep, request: Request, image_id: Id) -> Response:
    """The image for a browser, with the frame and pixels that a plugin gets.

    The image's own bytes where every browser shows them so, else a PNG.
    """
    return await pictures.picture_of(web, request, await run_in_threadpool(web.store.images.get, image_id))


@router.get("/{image_id}/thumbnail", response_class=Response, responses=pictures.THUMBNAIL)
async def get_thumbnail(
    web: WebDep, request: Request, image_id: Id, size: pictures.Size = THUMBNAIL, of: pictures.Of = ""
) -> Response:
    """The image upright as WebP, never larger than it is."""
    image = await run_in_threadpool(web.store.images.get, image_id)
    return await pictures.thumbnail_of(web, request, image, size, of)


@router.get("/{image_id}/annotation", response_class=Response, responses=_ANNOTATION)
def get_annotation(web: WebDep, image_id: Id) -> Response:
    """The annotation in Supervisely format; {} where there is none. 409 when what is stored is not one."""
    image = web.store.images.get(image_id)
    annotation = read_annotation(image.annotation)
    if annotation is None:
        raise Conflict(f"The annotation of image {image_id} ({image.name!r}) is not a JSON object.")
    return json_response(annotation)


@router.get("/{image_id}/twin", response_model=Image, name="get_twin")
def get_counterpart(
    web: WebDep,
    image_id: Id,
    project: Annotated[int, Query(ge=1, le=LARGEST_ID, description="where to look, by id")],
) -> Response:
    """The image of the same name in the dataset of the same name of another project."""
    image = web.store.images.get(image_id)
    other = web.store.projects.get(project)
    counterpart = web.store.gallery.counterpart(image, other.id)
    if counterpart is None:
        dataset = web.store.datasets.get(image.dataset_id).name
        raise NotFound(f"Project {other.name!r} has no image {image.name!r} in a dataset {dataset!r}.")
    return json_response(Image.of(counterpart, web.store.datasets.get(counterpart.dataset_id)))
