"""Images of a project as a person looks through them: page by page, before and after, and in other projects.

The order is that of the project: datasets as they were added, images as they were added to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.domain import Image, Project, TaskType
from agent.store.columns import from_json
from agent.store.connect import Database
from agent.store.image_rows import image_of
from agent.store.project_rows import project_of
from agent.store.schema import datasets, images, projects, tasks


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which images of a project: all, those of one dataset, those with this text in their name."""

    project_id: int
    dataset_id: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an image among those wanted. `position` counts from 1; None for an image that is not wanted."""

    position: int | None
    total: int
    previous_id: int | None
    next_id: int | None


@dataclass(frozen=True, slots=True)
class FileRow:
    id: int
    dataset: str
    name: str
    sha256: str
    mime: str


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """A project that inference made of another project."""

    project: Project
    source_id: int
    task_id: int
    config: Any  # of the task


class Gallery:
    def __init__(self, database: Database) -> None:
        self._db = database

    def page(self, wanted: Wanted, *, after: Image | None = None, limit: int = 100) -> list[Image]:
        """The images behind `after`, or the first images."""
        found = sa.select(images).where(*_conditions(wanted)).order_by(images.c.dataset_id, images.c.id).limit(limit)
        if after is not None:
            found = found.where(_behind(after))
        with self._db.reading() as connection:
            return [image_of(row) for row in connection.execute(found)]

    def count(self, wanted: Wanted) -> int:
        with self._db.reading() as connection:
            return self._count(connection, *_conditions(wanted))

    def place(self, image: Image, wanted: Wanted) -> Place:
        """Its position and its neighbours among the images wanted, also for an image that is not wanted."""
        conditions = _conditions(wanted)
        order = (images.c.dataset_id, images.c.id)
        one = sa.select(images.c.id).where(*conditions).limit(1)
        with self._db.reading() as connection:
            is_wanted = self._count(connection, *conditions, images.c.id == image.id) == 1
            before = self._count(connection, *conditions, _before(image))
            return Place(
                position=before + 1 if is_wanted else None,
                total=self._count(connection, *conditions),
                previous_id=connection.execute(
                    one.where(_before(image)).order_by(*(column.desc() for column in order))
                ).scalar(),
                next_id=connection.execute(one.where(_behind(image)).order_by(*order)).scalar(),
            )

    def counterpart(self, image: Image, project_id: int) -> Image | None:
        """The image of the same name in the dataset of the same name of another project."""
        name = sa.select(datasets.c.name).where(datasets.c.id == image.dataset_id).scalar_subquery()
        found = (
            sa.select(images)
            .join(datasets, datasets.c.id == images.c.dataset_id)
            .where(datasets.c.project_id == project_id, datasets.c.name == name, images.c.name == image.name)
            .order_by(images.c.id)
            .limit(1)
        )
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        return None if row is None else image_of(row)

    def files(self, project_id: int) -> list[FileRow]:
        """Every image of a project without its annotation."""
        found = (
            sa.select(images.c.id, images.c.sha256, images.c.name, images.c.mime, datasets.c.name.label("dataset"))
            .join(datasets, datasets.c.id == images.c.dataset_id)
            .where(datasets.c.project_id == project_id)
            .order_by(images.c.dataset_id, images.c.id)
        )
        with self._db.reading() as connection:
            return [FileRow(r.id, r.dataset, r.name, r.sha256, r.mime) for r in connection.execute(found)]

    def results_of(self, project_id: int) -> list[InferenceResult]:
        """What inference made of this project, the newest first."""
        return self._results(tasks.c.project_id == project_id)

    def origin_of(self, project_id: int) -> InferenceResult | None:
        """What this project is the result of; None when no inference made it."""
        return next(iter(self._results(projects.c.id == project_id)), None)

    def _results(self, condition: sa.ColumnElement[bool]) -> list[InferenceResult]:
        found = (
            sa.select(projects, tasks.c.project_id.label("source_id"), tasks.c.config)
            .join(tasks, tasks.c.id == projects.c.task_id)
            .where(tasks.c.type == TaskType.INFERENCE.value, condition)
            .order_by(projects.c.id.desc())
            .limit(200)
        )
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return [InferenceResult(project_of(row), row.source_id, row.task_id, from_json(row.config)) for row in rows]

    @staticmethod
    def _count(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> int:
        return int(connection.execute(sa.select(sa.func.count()).select_from(images).where(*conditions)).scalar_one())


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    of_project = sa.select(datasets.c.id).where(datasets.c.project_id == wanted.project_id)
    conditions: list[sa.ColumnElement[bool]] = [images.c.dataset_id.in_(of_project)]
    if wanted.dataset_id is not None:
        conditions.append(images.c.dataset_id == wanted.dataset_id)
    if wanted.text:
        conditions.append(images.c.name.icontains(wanted.text, autoescape=True))
    return conditions


def _behind(image: Image) -> sa.ColumnElement[bool]:
    same = sa.and_(images.c.dataset_id == image.dataset_id, images.c.id > image.id)
    return sa.or_(images.c.dataset_id > image.dataset_id, same)


def _before(image: Image) -> sa.ColumnElement[bool]:
    same = sa.and_(images.c.dataset_id == image.dataset_id, images.c.id < image.id)
    return sa.or_(images.c.dataset_id < image.dataset_id, same)
