"""Annotations: kept in pixels, given in the coordinates that the client uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from agent.domain import Image
from agent.errors import BadInput, Invalid, NotFound
from agent.formats.annotation import Frame, annotation_problems
from agent.formats.json_values import compact
from agent.formats.label_shapes import with_geometry
from agent.formats.meta import Meta, check_meta
from web_stub.budget import BudgetRoute, large, while_wanted
from web_stub.context import Web, WebDep
from web_stub.gallery.annotations import read_annotation
from web_stub.public_api.coordinates import BROKEN, to_pixels, to_subpixels
from web_stub.public_api.envelope import Body, Id, ListBody, View, list_reply, page_reply, reply, time_text
from web_stub.public_api.image_view import empty_annotation
from web_stub.public_api.images import MAX_FILES, MAX_IDS
from web_stub.public_api.of_task import OwnDep

router = APIRouter(route_class=BudgetRoute)


class OneAnnotation(Body):
    image_id: Id
    annotation: dict[str, Any]


class AddAnnotations(Body):
    dataset_id: Id | None = None
    annotations: Annotated[list[OneAnnotation], Field(max_length=MAX_FILES)]
    skip_bounds_validation: bool | None = None

    @property
    def has_subpixels(self) -> bool:
        """Only clients that convert send the key at all."""
        return "skip_bounds_validation" in self.model_fields_set


class Asked(Body):
    integer_coords: bool | None = None

    @property
    def wants_subpixels(self) -> bool:
        return self.integer_coords is False


class OfImage(Asked):
    image_id: Id


class OfImages(Asked):
    dataset_id: Id | None = None
    image_ids: Annotated[list[Id], Field(max_length=MAX_IDS)]


class OfDataset(ListBody):
    dataset_id: Id


@router.post("/annotations.bulk.add")
@large
def bulk_add(web: WebDep, own: OwnDep, body: AddAnnotations) -> Response:
    """Replace the annotations of these images, all or none."""
    images = {image.id: image for image in web.store.images.by_id([given.image_id for given in body.annotations])}
    own.require_images(images.values())
    metas = Metas(web)
    texts: dict[int, str] = {}
    for given in while_wanted(body.annotations):
        image = images.get(given.image_id)
        if image is None:
            raise BadInput(f"there is no image {given.image_id}")
        if body.dataset_id is not None and image.dataset_id != body.dataset_id:
            raise BadInput(f"image {image.id} is in dataset {image.dataset_id}, not in {body.dataset_id}")
        texts[image.id] = _kept(given.annotation, metas[image.dataset_id], image, subpixels=body.has_subpixels)
    web.store.images.annotate(texts)
    return reply({"success": True})


def _kept(annotation: Mapping[str, Any], meta: Meta, image: Image, *, subpixels: bool) -> str:
    """The annotation as it is stored and as a plugin will read it. Raises BadInput."""
    where = f"the annotation of image {image.id} ({image.name!r})"
    full = {**empty_annotation(image.width, image.height), **annotation}
    for key in ("objects", "tags"):
        if not isinstance(full[key], list):
            raise BadInput(f"{where} has no list of {key}")
    try:
        full["objects"] = [{"description": "", "tags": [], **label} for label in full["objects"]]
        text = orjson.dumps(to_pixels(full, meta.shapes) if subpixels else full)
    except BROKEN as error:
        raise BadInput(f"{where} has a broken shape: {error}") from error
    if problems := annotation_problems(text, meta, f"{image.name}.json", Frame(image.width, image.height)):
        raise Invalid(where, problems)
    return text.decode() if text.isascii() else compact(orjson.loads(text))


@router.post("/annotations.bulk.info")
@large
def bulk_info(web: WebDep, body: OfImages) -> Response:
    images = web.store.images.by_id(body.image_ids)
    known = {image.id for image in images}
    if missing := [id_ for id_ in body.image_ids if id_ not in known]:
        raise NotFound(f"There is no image {missing[0]}.")
    return reply(_views(web, images, subpixels=body.wants_subpixels))


@router.post("/annotations.info")
def annotations_info(web: WebDep, body: OfImage) -> Response:
    return reply(_views(web, [web.store.images.get(body.image_id)], subpixels=body.wants_subpixels)[0])


@router.post("/annotations.list")
@large
def annotations_list(web: WebDep, body: OfDataset) -> Response:
    """In pixels for every client: none converts the reply of this method."""
    web.store.datasets.get(body.dataset_id)
    if body.filter or body.sort is not None:
        return list_reply(_views(web, web.store.images.of_dataset(body.dataset_id), subpixels=False), body)
    total, found = web.store.images.page(body.dataset_id, offset=body.offset, limit=body.page_size)
    return page_reply(_views(web, found, subpixels=False), total, body)


def _views(web: Web, images: Iterable[Image], *, subpixels: bool) -> list[View]:
    metas = Metas(web)
    return [
        annotation_view(image, metas[image.dataset_id].shapes, subpixels=subpixels) for image in while_wanted(images)
    ]


def annotation_view(image: Image, shapes: Mapping[str, str], *, subpixels: bool) -> View:
    """An annotation item, in which every object names its shape."""
    stored = {**empty_annotation(image.width, image.height), **(read_annotation(image.annotation) or {})}
    annotation = with_geometry(stored, shapes)
    if subpixels:
        annotation = to_subpixels(annotation, shapes)
    return {
        "imageId": image.id,
        "imageName": image.name,
        "datasetId": image.dataset_id,
        "annotation": annotation,
        "createdAt": time_text(image.created_at),
        "updatedAt": time_text(image.updated_at),
    }


class Metas(dict[int, Meta]):
    """The meta of each dataset's project, looked up once."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def __missing__(self, dataset_id: int) -> Meta:
        dataset = self._web.store.datasets.get(dataset_id)
        self[dataset_id], _ = check_meta(self._web.store.projects.get(dataset.project_id).meta)
        return self[dataset_id]
