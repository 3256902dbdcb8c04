"""The shapes of projects as one looks at them: covers, images, counts, results of inference."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from web_stub.rest.schema import Out, Project, Ref


class ClassRef(Out):
    title: str
    shape: str
    color: str


class ProjectCard(Project):
    """A project in the list, with what tells it from others at a glance."""

    datasets_count: int
    classes: list[ClassRef]
    cover: list[str] = Field(description="addresses of thumbnails of its first images")
    source: Ref | None = Field(description="the project whose images inference was applied to")


class ProjectCardList(Out):
    items: list[ProjectCard]
    next: int | None


class Image(Out):
    id: int
    project_id: int
    dataset: Ref
    name: str
    width: int
    height: int
    size_bytes: int
    mime: str
    sha256: str
    objects: int | None = Field(description="labels on it; null when its annotation cannot be read")
    tags: list[str]
    file: str = Field(description="address of the image as imported")
    thumbnail: str = Field(description="address of a small picture; `size` chooses another one")
    created_at: datetime
    updated_at: datetime


class ImageList(Out):
    items: list[Image]
    next: int | None = Field(description="the cursor of the next page; null on the last one")
    total: int = Field(description="images that match, on all pages")


class ImagePlace(Out):
    position: int | None = Field(description="counts from 1; null when the image does not match the filter")
    total: int
    previous: int | None
    next: int | None


class ImageDetail(Image):
    place: ImagePlace


class ClassCount(Out):
    title: str
    shape: str = Field(description="empty for a class that the project's meta does not know")
    color: str
    objects: int
    images: int
    area_share: float = Field(description="covered part of all pixels; what two objects cover counts twice")


class TagCount(Out):
    name: str
    value_type: str
    color: str
    images: int = Field(description="images that carry it themselves")
    objects: int


class Statistics(Out):
    images: int
    labeled_images: int
    objects: int
    broken: int = Field(description="annotations and labels that cannot be read")
    classes: list[ClassCount]
    tags: list[TagCount]


class Result(Out):
    """A project that inference made of another one."""

    project: Ref
    task_id: int
    source_id: int
    created_at: datetime


class ResultList(Out):
    items: list[Result]
