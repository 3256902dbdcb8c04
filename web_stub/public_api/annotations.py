"""Annotations: kept in pixels, spoken in the coordinates of whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from agent.domain import Image
from agent.errors import BadInput, Invalid, NotFound
from agent.formats.annotation import Meta, annotation_problems, check_meta
from agent.formats.json_text import compact
from web_stub.context import Web, WebDep
from web_stub.public_api.coordinates import to_pixels, to_subpixels, with_geometry
from web_stub.public_api.image_view import empty_annotation
from web_stub.public_api.images import MAX_FILES
from web_stub.public_api.wire import Body, Id, ListBody, View, list_reply, reply, time_text

router = APIRouter()


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
    image_ids: list[Id]


class OfDataset(ListBody):
    dataset_id: Id


@router.post("/annotations.bulk.add")
def bulk_add(web: WebDep, body: AddAnnotations) -> Response:
    """Replace the annotations of these images, all or none."""
    images = {image.id: image for image in web.store.edits.images_by_id([one.image_id for one in body.annotations])}
    metas = Metas(web)
    texts: dict[int, str] = {}
    for one in body.annotations:
        image = images.get(one.image_id)
        if image is None:
            raise BadInput(f"there is no image {one.image_id}")
        if body.dataset_id is not None and image.dataset_id != body.dataset_id:
            raise BadInput(f"image {image.id} is in dataset {image.dataset_id}, not in {body.dataset_id}")
        texts[image.id] = _kept(one.annotation, metas[image.dataset_id], image, subpixels=body.has_subpixels)
    web.store.edits.annotate(texts)
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
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise BadInput(f"{where} has a broken shape: {error}") from error
    if problems := annotation_problems(text, meta, f"{image.name}.json"):
        raise Invalid(where, problems)
    return text.decode() if text.isascii() else compact(orjson.loads(text))


@router.post("/annotations.bulk.info")
def bulk_info(web: WebDep, body: OfImages) -> Response:
    images = web.store.edits.images_by_id(body.image_ids)
    known = {image.id for image in images}
    if missing := [id_ for id_ in body.image_ids if id_ not in known]:
        raise NotFound(f"There is no image {missing[0]}.")
    return reply(_views(web, images, subpixels=body.wants_subpixels))


@router.post("/annotations.info")
def annotations_info(web: WebDep, body: OfImage) -> Response:
    return reply(_views(web, [web.store.projects.image(body.image_id)], subpixels=body.wants_subpixels)[0])


@router.post("/annotations.list")
def annotations_list(web: WebDep, body: OfDataset) -> Response:
    """In pixels for everybody: no client converts what this method gives."""
    web.store.projects.dataset(body.dataset_id)
    return list_reply(_views(web, web.store.projects.images(body.dataset_id), subpixels=False), body)


def _views(web: Web, images: Iterable[Image], *, subpixels: bool) -> list[View]:
    metas = Metas(web)
    return [annotation_view(image, metas[image.dataset_id].shapes, subpixels=subpixels) for image in images]


def annotation_view(image: Image, shapes: Mapping[str, str], *, subpixels: bool) -> View:
    """An annotation item. Every object says its shape, whoever wrote it."""
    annotation = orjson.loads(image.annotation) if image.annotation else {}
    annotation = with_geometry({**empty_annotation(image.width, image.height), **annotation}, shapes)
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
        dataset = self._web.store.projects.dataset(dataset_id)
        self[dataset_id], _ = check_meta(self._web.store.projects.get(dataset.project_id).meta)
        return self[dataset_id]
