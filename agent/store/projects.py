"""Projects in the library: datasets, images and their annotations, verbatim."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from agent.domain import Dataset, Image, NewImage, NewProject, Project
from agent.errors import NotFound
from agent.store.bulk import BulkInsert
from agent.store.columns import clean, contains, from_json, from_json_or_none, from_us, now_us, to_json, to_json_or_none
from agent.store.connect import Database
from agent.store.schema import datasets, images, projects

_PAGE = 500  # images read at once: an annotation may be megabytes
_IMAGE_COLUMNS = (
    "dataset_id",
    "name",
    "sha256",
    "size_bytes",
    "width",
    "height",
    "mime",
    "created_us",
    "updated_us",
    "annotation",
    "meta",
)


class Projects:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._insert_images = insert_images(database)

    def add(self, new: NewProject) -> Project:
        """The whole project in one transaction; datasets and images keep the order given."""
        now = now_us()
        all_images = [image for _, of_dataset in new.datasets for image in of_dataset]
        with self._db.writing() as connection:
            row = connection.execute(
                sa.insert(projects)
                .values(
                    name=clean(new.name),
                    description=clean(new.description),
                    meta=to_json(new.meta),
                    content_sha256=new.content_sha256,
                    images_count=len(all_images),
                    size_bytes=sum(image.size_bytes for image in all_images),
                    task_id=new.task_id,
                    created_us=now,
                    updated_us=now,
                )
                .returning(*projects.c)
            ).one()
            for name, of_dataset in new.datasets:
                dataset_id = connection.execute(
                    sa.insert(datasets)
                    .values(
                        project_id=row.id,
                        name=clean(name),
                        images_count=len(of_dataset),
                        created_us=now,
                        updated_us=now,
                    )
                    .returning(datasets.c.id)
                ).scalar_one()
                self._insert_images.run(
                    connection, [value for image in of_dataset for value in image_row(dataset_id, image, now)]
                )
        return project_of(row)

    def get(self, id: int) -> Project:  # noqa: A002
        return self._one(projects.c.id == id, f"There is no project {id}.")

    def list(
        self, *, limit: int = 100, before_id: int | None = None, name: str | None = None, text: str | None = None
    ) -> list[Project]:
        """Newest first, of this exact name, with this text in the name where given."""
        found = sa.select(projects).order_by(projects.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(projects.c.id < before_id)
        if name is not None:
            found = found.where(projects.c.name == clean(name))
        if text is not None:
            found = found.where(contains(projects.c.name, text))
        with self._db.reading() as connection:
            return [project_of(row) for row in connection.execute(found)]

    def of_task(self, task_id: int) -> builtins.list[Project]:
        """The projects an inference made, in the order made."""
        found = sa.select(projects).where(projects.c.task_id == task_id).order_by(projects.c.id)
        with self._db.reading() as connection:
            return [project_of(row) for row in connection.execute(found)]

    def by_content(self, sha: str) -> Project | None:
        """The newest project with this content, so that a folder is imported once."""
        found = sa.select(projects).where(projects.c.content_sha256 == sha).order_by(projects.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        return None if row is None else project_of(row)

    def find(self, name: str) -> Project:
        """The newest of this exact name."""
        return self._one(projects.c.name == clean(name), f"There is no project named {name!r}.")

    def datasets(self, project_id: int) -> builtins.list[Dataset]:
        """In the order they were added."""
        found = sa.select(datasets).where(datasets.c.project_id == project_id).order_by(datasets.c.id)
        with self._db.reading() as connection:
            return [dataset_of(row) for row in connection.execute(found)]

    def dataset(self, id: int) -> Dataset:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(datasets).where(datasets.c.id == id)).first()
        if row is None:
            raise NotFound(f"There is no dataset {id}.")
        return dataset_of(row)

    def images(self, dataset_id: int, *, after_id: int = 0, limit: int | None = None) -> Iterator[Image]:
        """In the order they were added, read page by page: a project need not fit in memory."""
        left = limit
        while left is None or left > 0:
            page = _PAGE if left is None else min(_PAGE, left)
            found = (
                sa.select(images)
                .where(images.c.dataset_id == dataset_id, images.c.id > after_id)
                .order_by(images.c.id)
                .limit(page)
            )
            with self._db.reading() as connection:
                rows = connection.execute(found).all()
            for row in rows:
                yield image_of(row)
            if len(rows) < page:
                return
            after_id = rows[-1].id
            left = None if left is None else left - len(rows)

    def image(self, id: int) -> Image:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(images).where(images.c.id == id)).first()
        if row is None:
            raise NotFound(f"There is no image {id}.")
        return image_of(row)

    def _one(self, condition: sa.ColumnElement[bool], missing: str) -> Project:
        found = sa.select(projects).where(condition).order_by(projects.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise NotFound(missing)
        return project_of(row)


def insert_images(database: Database) -> BulkInsert:
    """The statement that takes the values of `image_row`, row after row."""
    return BulkInsert(database, images, _IMAGE_COLUMNS)


def image_row(dataset_id: int, image: NewImage, now: int) -> tuple[Any, ...]:
    return (
        dataset_id,
        clean(image.name),
        image.sha256,
        image.size_bytes,
        image.width,
        image.height,
        image.mime,
        now,
        now,
        clean(image.annotation),
        to_json_or_none(image.meta),
    )


def project_of(row: sa.Row[Any]) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        description=row.description,
        meta=from_json(row.meta),
        content_sha256=row.content_sha256,
        images_count=row.images_count,
        size_bytes=row.size_bytes,
        task_id=row.task_id,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        extra=from_json_or_none(row.extra) or {},
    )


def dataset_of(row: sa.Row[Any]) -> Dataset:
    return Dataset(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        images_count=row.images_count,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        description=row.description or "",
    )


def image_of(row: sa.Row[Any]) -> Image:
    return Image(
        id=row.id,
        dataset_id=row.dataset_id,
        name=row.name,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        width=row.width,
        height=row.height,
        mime=row.mime,
        annotation=row.annotation,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        meta=from_json_or_none(row.meta),
    )
