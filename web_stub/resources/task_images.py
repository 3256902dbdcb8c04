"""Images that tasks logged."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from agent import domain
from agent.store import ImageNames
from web_stub.resources.resource import Resource

THUMBNAIL = 640  # pixels


class TaskImage(Resource):
    id: int
    task_id: int
    seq: Annotated[int | None, Field(description="of the line that logged it; null: left in results/")]
    name: str
    step: float | None
    caption: str | None
    path: Annotated[str, Field(description="below results/")]
    width: int
    height: int
    size_bytes: int
    mime: str
    sha256: str
    file: Annotated[str, Field(description="address of the image as the plugin wrote it")]
    picture: Annotated[str, Field(description="address of the image for a browser")]
    thumbnail: Annotated[str, Field(description="address of a small picture; `size` chooses another one")]
    created_at: datetime

    @classmethod
    def of(cls, image: domain.TaskImage) -> Self:
        place = f"/api/tasks/{image.task_id}/images/{image.id}"
        return super().of(
            image,
            file=f"{place}/file",
            picture=f"{place}/picture",
            thumbnail=f"{place}/thumbnail?size={THUMBNAIL}&of={image.sha256[:12]}",
        )


class TaskImageList(Resource):
    items: list[TaskImage]
    next: Annotated[int | None, Field(description="`after` of the next page; null on the last one")]
    total: Annotated[int, Field(description="images that match, on all pages")]


class ImageName(Resource):
    name: str
    count: int


class TaskImageNames(Resource):
    names: Annotated[list[ImageName], Field(description="in the order in which they came first")]
    steps: Annotated[list[float], Field(description="in ascending order")]
    without_step: int
    total: int

    @classmethod
    def of(cls, names: ImageNames) -> Self:
        by_name = [ImageName(name=name, count=count) for name, count in names.names]
        return cls(names=by_name, steps=list(names.steps), without_step=names.without_step, total=names.total)
