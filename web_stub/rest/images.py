"""One image: what is known of it, its bytes, a small picture, its annotation, its twin in another project."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from agent.errors import Conflict, NotFound
from web_stub import gallery
from web_stub.context import WebDep
from web_stub.digest import read_annotation
from web_stub.downloads import blob_response
from web_stub.gallery_views import THUMBNAIL, image_view, place_view
from web_stub.jsons import encode
from web_stub.rest import gallery_schema
from web_stub.rest.library import Id
from web_stub.rest.projects import FilterDep
from web_stub.thumbnails import MEDIA_TYPE, SIZES
from web_stub.views import View

router = APIRouter(prefix="/images", tags=["images"])

_KEEP = "private, max-age=604800, immutable"
_IMAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {}}, "description": "The image's bytes as imported, or what is needed of them"},
    206: {"content": {"image/*": {}}, "description": "The range asked for"},
    304: {"description": "The client has it already"},
    416: {"description": "The range lies outside the image"},
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "A picture, upright"},
    304: {"description": "The client has it already"},
}
_ANNOTATION: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The annotation as imported"}
}


@router.get("/{image_id}", response_model=gallery_schema.ImageDetail)
def get_image(web: WebDep, image_id: Id, by: FilterDep) -> View:
    """The image, and where it stands among those of its project that match the filter."""
    image = web.store.projects.image(image_id)
    dataset = web.store.projects.dataset(image.dataset_id)
    project = web.store.projects.get(dataset.project_id)
    stands = gallery.place(web.store, web.digests, project, by, image)
    return {**image_view(image, dataset), "place": place_view(stands)}


@router.get("/{image_id}/file", response_class=Response, responses=_IMAGE)
def get_file(web: WebDep, request: Request, image_id: Id) -> Response:
    """The image's bytes as imported. Takes Range, If-Range and If-None-Match."""
    image = web.store.projects.image(image_id)
    return blob_response(request, web.artifacts, image.sha256, media_type=image.mime, filename=image.name)


@router.get("/{image_id}/thumbnail", response_class=Response, responses=_PICTURE)
def get_thumbnail(
    web: WebDep,
    request: Request,
    image_id: Id,
    size: Annotated[int, Query(ge=1, le=SIZES[-1], description="pixels of the longer side, at least")] = THUMBNAIL,
    of: Annotated[str, Query(max_length=64, description="begin of the sha256: lets a browser keep the picture")] = "",
) -> Response:
    """The image upright as WebP, never larger than it is."""
    image = web.store.projects.image(image_id)
    size = next(offered for offered in SIZES if offered >= size)
    headers = {"etag": f'"{image.sha256}-{size}"', "cache-control": "private, no-cache"}
    if of and image.sha256.startswith(of):
        headers["cache-control"] = _KEEP
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    picture = web.thumbnails.get(image.sha256, image.mime, size)
    return Response(picture, media_type=MEDIA_TYPE, headers=headers)


@router.get("/{image_id}/annotation", response_class=Response, responses=_ANNOTATION)
def get_annotation(web: WebDep, image_id: Id) -> Response:
    """The annotation in Supervisely format; {} where there is none. 409 when what is stored is not one."""
    image = web.store.projects.image(image_id)
    annotation = read_annotation(image.annotation)
    if annotation is None:
        raise Conflict(f"The annotation of image {image_id} ({image.name!r}) is not a JSON object.")
    return Response(encode(annotation), media_type="application/json")


@router.get("/{image_id}/twin", response_model=gallery_schema.Image)
def get_twin(
    web: WebDep,
    image_id: Id,
    project: Annotated[int, Query(ge=1, le=2**63 - 1, description="where to look, by id")],
) -> View:
    """The image of the same name in the dataset of the same name of another project."""
    image = web.store.projects.image(image_id)
    other = web.store.projects.get(project)
    twin = web.store.gallery.twin(image, other.id)
    if twin is None:
        dataset = web.store.projects.dataset(image.dataset_id).name
        raise NotFound(f"Project {other.name!r} has no image {image.name!r} in a dataset {dataset!r}.")
    return image_view(twin, web.store.projects.dataset(twin.dataset_id))
