"""Images: bytes by hash, entries in datasets, downloads one by one and many at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from agent.domain import Image, NewImage
from agent.errors import BadInput
from agent.formats.image_header import ImageHeader, NotAnImage, read_image_header
from web_stub.context import Web, WebDep
from web_stub.downloads import blob_response
from web_stub.public_api.wire import (
    Body,
    Id,
    IdBody,
    ListBody,
    View,
    image_hash,
    list_reply,
    page_reply,
    reply,
    require_name,
    sha256_of,
    time_text,
)

router = APIRouter()

MAX_FILES = 1000  # clients send fifty at a time
_CHUNK = 1 << 20
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


class AddImages(Body):
    dataset_id: Id
    images: Annotated[list[OneImage], Field(max_length=MAX_FILES)]


class ManyImages(Body):
    dataset_id: Id | None = None
    image_ids: list[Id]


def image_view(image: Image) -> View:
    return {
        "id": image.id,
        "name": image.name,
        "title": image.name,
        "link": None,
        "hash": image_hash(image.sha256),
        "mime": image.mime,
        "size": image.size_bytes,
        "width": image.width,
        "height": image.height,
        "labelsCount": _labels_count(image.annotation),
        "datasetId": image.dataset_id,
        "meta": {},
        "pathOriginal": "",
        "createdAt": time_text(image.created_at),
        "updatedAt": time_text(image.updated_at),
    }


def empty_annotation(width: int, height: int) -> dict[str, Any]:
    return {"description": "", "size": {"height": height, "width": width}, "tags": [], "objects": []}


def _labels_count(annotation: str) -> int:
    try:
        objects = orjson.loads(annotation).get("objects")
    except (orjson.JSONDecodeError, AttributeError):
        return 0
    return len(objects) if isinstance(objects, list) else 0


# ---------------------------------------------------------------- bytes


@router.post("/images.internal.hashes.list")
def hashes_list(web: WebDep, hashes: list[str]) -> Response:
    """Which of these hashes are stored already."""
    return reply([h for h in hashes if (sha := sha256_of(h)) is not None and web.artifacts.exists(sha)])


@router.post("/images.bulk.upload")
async def bulk_upload(web: WebDep, request: Request) -> Response:
    """Multipart files, any names; their hashes in the order of the parts."""
    hashes = []
    async with request.form(max_files=MAX_FILES) as form:
        for name, part in form.multi_items():
            if isinstance(part, UploadFile):
                hashes.append({"hash": await run_in_threadpool(_keep, web, name, part)})
    return reply(hashes)


def _keep(web: Web, name: str, part: UploadFile) -> str:
    try:
        read_image_header(part.file)
    except NotAnImage as error:
        raise BadInput(f"file {part.filename or name!r} {error}") from error
    part.file.seek(0)
    with web.artifacts.writer() as out:
        while chunk := part.file.read(_CHUNK):
            out.write(chunk)
    return image_hash(out.blob.sha256)


# ---------------------------------------------------------------- entries


@router.post("/images.bulk.add")
def bulk_add(web: WebDep, body: AddImages) -> Response:
    """Entries for stored bytes, in the order asked; size and kind are read from the bytes."""
    new = [_new_image(web, image) for image in body.images]
    return reply([image_view(image) for image in web.store.edits.add_images(body.dataset_id, new)])


def _new_image(web: Web, image: OneImage) -> NewImage:
    name = image.title if image.title is not None else image.name
    if name is None:
        raise BadInput("an image has no title")
    require_name("image", name)
    if image.hash is None:
        raise BadInput(f"image {name!r} has no hash; this local instance keeps no images by link, upload the bytes")
    sha256 = sha256_of(image.hash)
    if sha256 is None or not web.artifacts.exists(sha256):
        raise BadInput(f"image {name!r}: no bytes with hash {image.hash} are stored; upload them first")
    header = _header(web, sha256, name)
    annotation = orjson.dumps(empty_annotation(header.width, header.height)).decode()
    size_bytes = web.artifacts.size(sha256)
    return NewImage(name, sha256, size_bytes, header.width, header.height, header.mime, annotation)


def _header(web: Web, sha256: str, name: str) -> ImageHeader:
    with web.artifacts.open(sha256) as file:
        try:
            return read_image_header(file)
        except NotAnImage as error:
            raise BadInput(f"image {name!r} {error}") from error


@router.post("/images.list")
def images_list(web: WebDep, body: ImagesOf) -> Response:
    if body.dataset_id is None:
        if body.project_id is None:
            raise BadInput("images.list needs a datasetId or a projectId")
        web.store.projects.get(body.project_id)
        datasets = web.store.projects.datasets(body.project_id)
        return list_reply([image_view(i) for d in datasets for i in web.store.projects.images(d.id)], body)
    web.store.projects.dataset(body.dataset_id)
    wanted = {(rule.field, rule.operator): rule.value for rule in body.filter}
    if not wanted.keys() <= {("id", "="), ("id", "in"), ("name", "="), ("name", "in")}:
        return list_reply([image_view(i) for i in web.store.projects.images(body.dataset_id)], body)
    total, found = web.store.edits.image_page(
        body.dataset_id,
        ids=_wanted(wanted, "id", int),
        names=_wanted(wanted, "name", str),
        sort=_SORT.get(body.sort, "id"),
        descending=body.sort_order == "desc",
        offset=(body.page - 1) * body.page_size,
        limit=body.page_size,
    )
    return page_reply([image_view(image) for image in found], total, body.page_size)


def _wanted(rules: dict[tuple[str, str], Any], field: str, kind: type) -> list[Any] | None:
    """Values a field may have; None when no rule is about it. Several rules must all hold."""
    lists = [[value] if operator == "=" else value for (name, operator), value in rules.items() if name == field]
    if not lists:
        return None
    if not all(isinstance(values, list) and all(type(v) is kind for v in values) for values in lists):
        raise BadInput(f"the filter on {field!r} needs values of type {kind.__name__}")
    if kind is int and any(abs(value) >= 2**63 for values in lists for value in values):
        return []
    return [value for value in lists[0] if all(value in values for values in lists)]


@router.post("/images.info")
def images_info(web: WebDep, body: IdBody) -> Response:
    return reply(image_view(web.store.projects.image(body.id)))


@router.post("/images.bulk.remove")
def bulk_remove(web: WebDep, body: ManyImages) -> Response:
    web.store.edits.remove_images(body.image_ids)
    return reply({"success": True})


# ---------------------------------------------------------------- downloads


@router.post("/images.download")
def images_download(web: WebDep, request: Request, body: IdBody) -> Response:
    image = web.store.projects.image(body.id)
    return blob_response(request, web.artifacts, image.sha256, media_type=image.mime, filename=image.name)


@router.post("/images.bulk.download")
def bulk_download(web: WebDep, body: ManyImages) -> Response:
    """Every image as a part of a multipart body, named by its id."""
    images = web.store.edits.images_by_id(body.image_ids)
    known = {image.id for image in images}
    if missing := [id_ for id_ in body.image_ids if id_ not in known]:
        raise BadInput(f"there is no image {missing[0]}")
    if body.dataset_id is not None and (foreign := next((i for i in images if i.dataset_id != body.dataset_id), None)):
        raise BadInput(f"image {foreign.id} is in dataset {foreign.dataset_id}, not in {body.dataset_id}")
    for image in images:
        web.artifacts.size(image.sha256)  # what is lost is said before the first byte is sent
    boundary = secrets.token_hex(16)
    return StreamingResponse(_parts(web, images, boundary), media_type=f"multipart/form-data; boundary={boundary}")


def _parts(web: Web, images: list[Image], boundary: str) -> Iterator[bytes]:
    for image in images:
        yield (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{image.id}"; filename="{image.id}"\r\n'
            f"Content-Type: {image.mime}\r\n\r\n"
        ).encode()
        with web.artifacts.open(image.sha256) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
