"""Images of projects."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from agent import domain
from agent.formats.label_shapes import objects_of
from agent.store import Place
from web_stub.gallery.annotations import read_annotation, tag_names
from web_stub.resources.resource import Ref, Resource

THUMBNAIL = 320  # pixels


class Image(Resource):
    id: int
    project_id: int
    dataset: Ref
    name: str
    width: int
    height: int
    size_bytes: int
    mime: str
    sha256: str
    objects: Annotated[int | None, Field(description="labels on it; null when its annotation cannot be read")]
    tags: list[str]
    file: Annotated[str, Field(description="address of the image as imported")]
    picture: Annotated[str, Field(description="address of the image as plugins see it, for a browser")]
    thumbnail: Annotated[str, Field(description="address of a small picture; `size` chooses another one")]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, image: domain.Image, dataset: domain.Dataset, **given: Any) -> Self:
        annotation = read_annotation(image.annotation)
        return super().of(
            image,
            project_id=dataset.project_id,
            dataset=Ref.of(dataset),
            objects=None if annotation is None else len(objects_of(annotation)),
            tags=list(tag_names(annotation or {})),
            file=f"/api/images/{image.id}/file",
            picture=f"/api/images/{image.id}/picture",
            thumbnail=thumbnail_address(image),
            **given,
        )


def thumbnail_address(image: domain.Image) -> str:
    """Changes with the image's bytes, so that a browser may keep the picture."""
    return f"/api/images/{image.id}/thumbnail?size={THUMBNAIL}&of={image.sha256[:12]}"


class ImageList(Resource):
    items: list[Image]
    next: Annotated[int | None, Field(description="the cursor of the next page; null on the last one")]
    total: Annotated[int, Field(description="images that match, on all pages")]


class ImagePlace(Resource):
    position: Annotated[int | None, Field(description="counts from 1; null when the image does not match the filter")]
    total: int
    previous: int | None
    next: int | None

    @classmethod
    def of(cls, place: Place) -> Self:
        return super().of(place, previous=place.previous_id, next=place.next_id)


class ImageDetail(Image):
    place: ImagePlace
