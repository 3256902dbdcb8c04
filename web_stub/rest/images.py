"""An image: its properties, its bytes, its thumbnail, its annotation, its counterpart in another project."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from agent.errors import Conflict, NotFound
from web_stub.budget import BudgetRoute, unless_gone
from web_stub.context import WebDep
from web_stub.downloads import blob_response
from web_stub.gallery import find
from web_stub.gallery.annotations import read_annotation
from web_stub.gallery.browser_view import is_shown_alike
from web_stub.gallery.thumbnails import MEDIA_TYPE, SIZES
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources.images import THUMBNAIL, Image, ImageDetail, ImagePlace
from web_stub.rest.projects import FilterDep

router = APIRouter(route_class=BudgetRoute, prefix="/images", tags=["images"])

_KEEP = "private, max-age=604800, immutable"
_IMAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {}}, "description": "The image's bytes as imported, or what is needed of them"},
    206: {"content": {"image/*": {}}, "description": "The range asked for"},
    304: {"description": "The client has it already"},
    416: {"description": "The range lies outside the image"},
}
_WHOLE: dict[int | str, dict[str, Any]] = {
    **_IMAGE,
    200: {
        "content": {"image/*": {}},
        "description": "The image's own bytes, or a PNG with the pixels that plugins get",
    },
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "A picture, upright"},
    304: {"description": "The client has it already"},
}
_ANNOTATION: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The annotation as imported"}
}


@router.get("/{image_id}", response_model=ImageDetail)
async def get_image(web: WebDep, request: Request, image_id: Id, by: FilterDep) -> Response:
    """The image, and where it stands among those of its project that match the filter."""
    image = await run_in_threadpool(web.store.images.get, image_id)
    dataset = await run_in_threadpool(web.store.datasets.get, image.dataset_id)
    project = await run_in_threadpool(web.store.projects.get, dataset.project_id)
    if by.needs_statistics:
        await unless_gone(request, web.statistics.prepared(project))
    place = await run_in_threadpool(find.place, web.store, web.statistics, project, by, image)
    return json_response(ImageDetail.of(image, dataset, place=ImagePlace.of(place)))


@router.get("/{image_id}/file", response_class=Response, responses=_IMAGE)
def get_file(web: WebDep, request: Request, image_id: Id) -> Response:
    """The image's bytes as imported. Takes Range, If-Range and If-None-Match."""
    image = web.store.images.get(image_id)
    return blob_response(request, web.artifacts, image.sha256, media_type=image.mime, filename=image.name)


@router.get("/{image_id}/picture", response_class=Response, responses=_WHOLE)
async def get_picture(web: WebDep, request: Request, image_id: Id) -> Response:
    """The image for a browser, with the frame and pixels that a plugin gets.

    The image's own bytes where every browser shows them so, else a PNG.
    """
    image = await run_in_threadpool(web.store.images.get, image_id)
    etag = f'"{image.sha256}-whole"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)

    def alike() -> bool:
        with web.artifacts.open(image.sha256) as file:
            return is_shown_alike(file, image.mime)

    if await run_in_threadpool(alike):
        return await run_in_threadpool(
            blob_response, request, web.artifacts, image.sha256, media_type=image.mime, filename=image.name
        )
    picture = await unless_gone(request, web.thumbnails.whole(image.sha256, image.mime))
    return Response(picture, media_type="image/png", headers=headers)


@router.get("/{image_id}/thumbnail", response_class=Response, responses=_PICTURE)
async def get_thumbnail(
    web: WebDep,
    request: Request,
    image_id: Id,
    size: Annotated[int, Query(ge=1, le=SIZES[-1], description="pixels of the longer side, at least")] = THUMBNAIL,
    of: Annotated[str, Query(max_length=64, description="begin of the sha256: lets a browser keep the picture")] = "",
) -> Response:
    """The image upright as WebP, never larger than it is."""
    image = await run_in_threadpool(web.store.images.get, image_id)
    size = next(offered for offered in SIZES if offered >= size)
    headers = {"etag": f'"{image.sha256}-{size}"', "cache-control": "private, no-cache"}
    if of and image.sha256.startswith(of):
        headers["cache-control"] = _KEEP
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    picture = await unless_gone(request, web.thumbnails.picture(image.sha256, image.mime, size))
    return Response(picture, media_type=MEDIA_TYPE, headers=headers)


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
