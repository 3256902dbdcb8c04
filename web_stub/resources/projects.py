"""Projects: covers, datasets, statistics, results of inference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field

from agent import domain
from agent.errors import NotFound
from agent.store import InferenceResult, Origin, Wanted
from web_stub.gallery.statistics import ProjectStatistics
from web_stub.resources.images import thumbnail_address
from web_stub.resources.resource import Ref, Resource

if TYPE_CHECKING:
    from agent.store import Store

COVER_IMAGES = 4


class Project(Resource):
    id: int
    name: str
    description: str
    images_count: int
    size_bytes: int
    content_sha256: str
    task_id: int | None
    tags: list[str]
    notes: Annotated[str, Field(description="Markdown")]
    deleted_at: Annotated[datetime | None, Field(description="in the trash since then")]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, project: domain.Project, **given: Any) -> Self:
        return super().of(project, tags=list(project.tags), **given)


class ProjectDetail(Project):
    meta: dict[str, Any]


class ClassRef(Resource):
    title: str
    shape: str
    color: str


class ProjectCard(Project):
    """A project in the list, with what tells it from others at a glance."""

    datasets_count: int
    classes: list[ClassRef]
    cover: Annotated[list[str], Field(description="addresses of thumbnails of its first images")]
    source: Annotated[Ref | None, Field(description="the project whose images inference was applied to")]

    @classmethod
    def of(cls, project: domain.Project, store: Store) -> Self:  # type: ignore[override]  # it asks the store for more
        first = store.gallery.page(Wanted(project.id), limit=COVER_IMAGES)
        return super().of(
            project,
            datasets_count=len(store.datasets.list(project.id)),
            classes=_class_refs(project.meta.get("classes")),
            cover=[thumbnail_address(image) for image in first],
            source=source_of(project, store),
        )


class ProjectCardDetail(ProjectCard):
    """For the project's own page, which draws labels by the meta."""

    meta: dict[str, Any]


def source_of(project: domain.Project, store: Store) -> Ref | None:
    """The project whose images the predictions of this project are for."""
    origin = store.gallery.origin_of(project.id) if project.task_id is not None else None
    if origin is None:
        return None
    try:
        return Ref.of(store.projects.get(origin.source_id))
    except NotFound:
        return None


def _class_refs(classes: object) -> list[ClassRef]:
    """Of whatever an import has left in a meta."""
    found = [item for item in classes if isinstance(item, Mapping)] if isinstance(classes, list) else []
    return [ClassRef(**{key: _text(item.get(key)) for key in ("title", "shape", "color")}) for item in found]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class ProjectCardList(Resource):
    items: list[ProjectCard]
    next: int | None
    total: Annotated[int, Field(description="of all projects that match, on all pages")]
    counts: Annotated[dict[Origin, int], Field(description="by origin, of those that match but for `origin`")]
    images_count: Annotated[int, Field(description="of all projects that match")]


class Dataset(Resource):
    id: int
    project_id: int
    name: str
    images_count: int
    created_at: datetime
    updated_at: datetime


class DatasetList(Resource):
    items: list[Dataset]


class ClassCount(Resource):
    title: str
    shape: Annotated[str, Field(description="empty for a class that the project's meta does not know")]
    color: str
    objects: int
    images: int
    area_share: Annotated[float, Field(description="covered part of all pixels; what two objects cover counts twice")]


class TagCount(Resource):
    name: str
    value_type: str
    color: str
    images: Annotated[int, Field(description="images that carry it themselves")]
    objects: int


class Statistics(Resource):
    images: int
    labeled_images: int
    objects: int
    broken: Annotated[int, Field(description="annotations and labels that cannot be read")]
    classes: list[ClassCount]
    tags: list[TagCount]

    @classmethod
    def of(cls, counted: ProjectStatistics) -> Self:
        pixels = counted.pixels
        return super().of(
            counted,
            classes=[
                ClassCount.of(found, area_share=found.pixels / pixels if pixels else 0.0) for found in counted.classes
            ],
            tags=[TagCount.of(found) for found in counted.tags],
        )


class Result(Resource):
    """A project that inference made of another one."""

    project: Ref
    task_id: int
    source_id: int
    created_at: datetime

    @classmethod
    def of(cls, result: InferenceResult) -> Self:
        made = result.project
        return super().of(result, project=Ref.of(made), created_at=made.created_at)


class ResultList(Resource):
    items: list[Result]
