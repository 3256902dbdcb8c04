"""Images: bytes by hash, entries in datasets, downloads of a single image and of many."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from agent.domain import NewImage
from agent.errors import BadInput, NotFound
from agent.formats.image_header import ImageHeader, NotAnImage, known_format, read_image_header
from agent.formats.json_values import compact
from agent.fs.names import read_number
from agent.store import NamesTaken
from web_stub.budget import BudgetRoute, large, while_wanted
from web_stub.context import Web, WebDep
from web_stub.downloads import blob_response
from web_stub.forms import Piece, pieces
from web_stub.image_hashes import image_hash, sha256_of
from web_stub.json_response import error_response
from web_stub.public_api.envelope import (
    Body,
    Filter,
    Id,
    IdBody,
    JsonObject,
    ListBody,
    View,
    list_reply,
    page_reply,
    reply,
    require_name,
)
from web_stub.public_api.image_view import empty_annotation, image_views
from web_stub.public_api.multipart import blobs_reply, images_reply
from web_stub.public_api.of_task import OwnDep

if TYPE_CHECKING:
    from agent.artifacts import BlobWriter

router = APIRouter(route_class=BudgetRoute)

MAX_FILES = 1000  # clients send fifty at a time
MAX_IDS = 100_000  # clients ask for fifty at a time, and for a thousand at most
_SORT: dict[str | None, Any] = {
    "name": "name",
    "createdAt": "created",
    "updatedAt": "updated",
    "size": "size",
    "width": "width",
    "height": "height",
}


class ImagesOf(ListBody):
    dataset_id: Id | None = None
    project_id: Id | None = None


class OneImage(Body):
    title: str | None = None
    name: str | None = None
    hash: str | None = None
    link: str | None = None
    image_id: Id | None = None  # the bytes of this image, once more
    meta: JsonObject | None = None


class AddImages(Body):
    dataset_id: Id
    images: Annotated[list[OneImage], Field(max_length=MAX_FILES)]


class ManyImages(Body):
    dataset_id: Id | None = None
    image_ids: Annotated[list[Id], Field(max_length=MAX_IDS)]


class ManyHashes(Body):
    hashes: Annotated[list[str], Field(max_length=MAX_FILES)]


class EditImage(IdBody):
    name: str | None = None
    meta: JsonObject | None = None


# ---------------------------------------------------------------- bytes


@router.post("/images.internal.hashes.list")
@large
def hashes_list(web: WebDep, hashes: list[str]) -> Response:
    """Which of these hashes are stored already."""
    return reply([h for h in while_wanted(hashes) if (sha := sha256_of(h)) is not None and web.artifacts.exists(sha)])


@router.post("/images.bulk.upload")
async def bulk_upload(web: WebDep, request: Request) -> Response:
    """Multipart files, any names; their hashes in the order of the parts. Each is written as it comes."""
    hashes: list[View] = []
    with contextlib.ExitStack() as stack:
        writer: BlobWriter | None = None
        async for piece in pieces(request):
            if piece.filename is None:
                continue  # a text part means nothing here
            if writer is None:
                if len(hashes) >= MAX_FILES:
                    raise BadInput(f"images.bulk.upload takes at most {MAX_FILES} files at once")
                _require_image(piece)
                writer = stack.enter_context(web.artifacts.writer(what="upload"))
            await run_in_threadpool(writer.write, piece.data)
            if piece.ends:
                await run_in_threadpool(stack.close)
                hashes.append({"hash": image_hash(writer.blob.sha256)})
                writer = None
    return reply(hashes)


def _require_image(piece: Piece) -> None:
    """BadInput unless the first piece begins an image of a known format."""
    if not known_format(piece.data):
        what = "is empty" if not piece.data else "is not an image of a known format (JPEG, PNG, BMP, WebP, TIFF)"
        raise BadInput(f"images.bulk.upload: file {piece.filename or piece.name!r} {what}")


# ---------------------------------------------------------------- entries


@router.post("/images.bulk.add")
@large
def bulk_add(web: WebDep, own: OwnDep, body: AddImages) -> Response:
    """Entries for stored bytes, in the order asked; size and kind are read from the bytes."""
    own.require_dataset(body.dataset_id)
    new = [_new_image(web, image) for image in while_wanted(body.images)]
    try:
        added = web.store.images.add(body.dataset_id, new)
    except NamesTaken as error:  # later clients rename, skip or replace those they are told
        errors = [{"id": id_, "name": name} for name, id_ in error.taken.items()]
        return error_response(400, str(error), {"reason": error.reason, "type": "NONUNIQUE", "errors": errors})
    return reply(image_views(web, added))


def _new_image(web: Web, image: OneImage) -> NewImage:
    name = image.title if image.title is not None else image.name
    if name is None:
        raise BadInput("an image has no title")
    require_name("image", name)
    if image.image_id is not None:
        known = web.store.images.get(image.image_id)
        size = (known.width, known.height)
        return NewImage(name, known.sha256, known.size_bytes, *size, known.mime, _empty(*size), image.meta)
    if image.hash is None:
        raise BadInput(f"image {name!r} has no hash; this local instance keeps no images by link, upload the bytes")
    sha256 = sha256_of(image.hash)
    if sha256 is None or not web.artifacts.exists(sha256):
        raise BadInput(f"image {name!r}: no bytes with hash {image.hash} are stored; upload them first")
    header = _header(web, sha256, name)
    size = (header.width, header.height)
    return NewImage(name, sha256, web.artifacts.size(sha256), *size, header.mime, _empty(*size), image.meta)


def _empty(width: int, height: int) -> str:
    return compact(empty_annotation(width, height))


def _header(web: Web, sha256: str, name: str) -> ImageHeader:
    with web.artifacts.open(sha256) as file:
        try:
            return read_image_header(file)
        except NotAnImage as error:
            raise BadInput(f"image {name!r} {error}") from error


@router.post("/images.list")
@large
def images_list(web: WebDep, body: ImagesOf) -> Response:
    if body.dataset_id is None:
        if body.project_id is None:
            raise BadInput("images.list needs a datasetId or a projectId")
        web.store.projects.get(body.project_id)
        datasets = web.store.datasets.list(body.project_id)
        return list_reply(image_views(web, (i for d in datasets for i in web.store.images.of_dataset(d.id))), body)
    web.store.datasets.get(body.dataset_id)
    if not all(rule.field in ("id", "name") and rule.operator in ("=", "in") for rule in body.filter):
        return list_reply(image_views(web, web.store.images.of_dataset(body.dataset_id)), body)
    total, found = web.store.images.page(
        body.dataset_id,
        ids=_wanted(body.filter, "id", int),
        names=_wanted(body.filter, "name", str),
        sort=_SORT.get(body.sort, "id"),
        descending=body.sort_order == "desc",
        offset=body.offset,
        limit=body.page_size,
    )
    return page_reply(image_views(web, found), total, body)


def _wanted(rules: Sequence[Filter], field: str, kind: type) -> set[Any] | None:
    """Values a field may have; None when no rule is about it. Several rules must all hold."""
    lists = [[rule.value] if rule.operator == "=" else rule.value for rule in rules if rule.field == field]
    if not lists:
        return None
    if not all(isinstance(values, list) for values in lists):
        raise BadInput(f"the filter on {field!r} needs a list of values for 'in'")
    if kind is int:  # as environments give them
        lists = [[_as_number(v) for v in values] for values in lists]
    if not all(type(v) is kind for values in lists for v in values):
        raise BadInput(f"the filter on {field!r} needs values of type {kind.__name__}")
    if kind is int and any(abs(value) >= 2**63 for values in lists for value in values):
        return set()
    return set.intersection(*map(set, lists))


def _as_number(value: Any) -> Any:
    number = read_number(value) if isinstance(value, str) else None
    return value if number is None else number


@router.post("/images.info")
def images_info(web: WebDep, body: IdBody) -> Response:
    return reply(image_views(web, [web.store.images.get(body.id)])[0])


@router.post("/images.editInfo")
def images_edit(web: WebDep, body: EditImage) -> Response:
    if body.name is not None:
        require_name("image", body.name)
    return reply(image_views(web, [web.store.images.edit(body.id, name=body.name, meta=body.meta)])[0])


@router.post("/images.bulk.remove")
@large
def bulk_remove(web: WebDep, body: ManyImages) -> Response:
    web.store.images.remove(body.image_ids)
    return reply({"success": True})


# ---------------------------------------------------------------- downloads


@router.post("/images.download")
def images_download(web: WebDep, request: Request, body: IdBody) -> Response:
    image = web.store.images.get(body.id)
    response = blob_response(request, web.artifacts, image.sha256, media_type=image.mime, filename=image.name)
    response.headers["x-content-checksum-sha256"] = image_hash(image.sha256)  # later clients check it
    return response


@router.post("/images.bulk.download")
@large
def bulk_download(web: WebDep, body: ManyImages) -> Response:
    """Every image as a part of a multipart body, named by its id."""
    images = web.store.images.by_id(body.image_ids)
    known = {image.id for image in images}
    if missing := [id_ for id_ in body.image_ids if id_ not in known]:
        raise BadInput(f"there is no image {missing[0]}")
    if body.dataset_id is not None and (foreign := next((i for i in images if i.dataset_id != body.dataset_id), None)):
        raise BadInput(f"image {foreign.id} is in dataset {foreign.dataset_id}, not in {body.dataset_id}")
    return images_reply(web.artifacts, images)


@router.post("/images.bulk.download-by-hash")
@large
def bulk_download_by_hash(web: WebDep, body: ManyHashes) -> Response:
    """The bytes of these hashes as parts of a multipart body, each named by its hash."""
    found: dict[str, str] = {}
    for name in body.hashes:
        sha256 = sha256_of(name)
        if sha256 is None or not web.artifacts.exists(sha256):
            raise NotFound(f"No image with hash {name} is stored.")
        found[image_hash(sha256)] = sha256
    return blobs_reply(web.artifacts, found)
