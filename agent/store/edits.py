"""Projects built and changed piece by piece, as the public API does it; `Projects.add` imports whole ones.

A changed project is no longer the folder it was imported from: its content hash is emptied, so that the
same folder, brought again, becomes a project of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from agent.domain import Dataset, Image, NewImage, Project
from agent.errors import Conflict, NotFound
from agent.store.columns import clean, now_us, to_json
from agent.store.connect import Database
from agent.store.projects import dataset_of, image_of, image_row, insert_images, project_of
from agent.store.schema import datasets, images, projects, tasks

SortBy = Literal["id", "name", "created", "updated", "size", "width", "height"]
_SORT = {
    "id": images.c.id,
    "name": images.c.name,
    "created": images.c.created_us,
    "updated": images.c.updated_us,
    "size": images.c.size_bytes,
    "width": images.c.width,
    "height": images.c.height,
}
_MANY = 500  # ids in one statement


class ProjectEdits:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._insert_images = insert_images(database)

    # ------------------------------------------------------------ projects

    def create(self, name: str, description: str = "", meta: Mapping[str, Any] | None = None) -> Project:
        """An empty project. Conflict when the name is taken."""
        now = now_us()
        with self._db.writing() as connection:
            _require_free_project(connection, name)
            row = connection.execute(
                sa.insert(projects)
                .values(
                    name=clean(name),
                    description=clean(description),
                    meta=to_json(meta or {"classes": [], "tags": []}),
                    content_sha256="",
                    images_count=0,
                    size_bytes=0,
                    created_us=now,
                    updated_us=now,
                )
                .returning(*projects.c)
            ).one()
        return project_of(row)

    def edit(
        self,
        id: int,  # noqa: A002
        *,
        name: str | None = None,
        description: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Project:
        """Change what is given. Conflict when the name is taken by another project."""
        with self._db.writing() as connection:
            changed: dict[str, Any] = {"updated_us": now_us()}
            if name is not None:
                _require_free_project(connection, name, except_id=id)
                changed["name"] = clean(name)
            if description is not None:
                changed["description"] = clean(description)
            if meta is not None:
                changed |= {"meta": to_json(meta), "content_sha256": ""}
            row = connection.execute(
                sa.update(projects).where(projects.c.id == id).values(changed).returning(*projects.c)
            ).first()
        if row is None:
            raise NotFound(f"There is no project {id}.")
        return project_of(row)

    def remove(self, id: int) -> None:  # noqa: A002
        """Forget a project and its images. Conflict while a task names it; NotFound."""
        with self._db.writing() as connection:
            used = connection.execute(
                sa.select(tasks.c.id).where(sa.or_(tasks.c.project_id == id, tasks.c.result_project_id == id)).limit(1)
            ).scalar()
            if used is not None:
                raise Conflict(f"Project {id} belongs to task {used}; it stays as long as the task is kept.")
            if connection.execute(sa.delete(projects).where(projects.c.id == id)).rowcount == 0:
                raise NotFound(f"There is no project {id}.")

    # ------------------------------------------------------------ datasets

    def add_dataset(self, project_id: int, name: str) -> Dataset:
        """An empty dataset. Conflict when the project has one of this name."""
        now = now_us()
        with self._db.writing() as connection:
            _require_project(connection, project_id)
            _require_free_dataset(connection, project_id, name)
            row = connection.execute(
                sa.insert(datasets)
                .values(project_id=project_id, name=clean(name), images_count=0, created_us=now, updated_us=now)
                .returning(*datasets.c)
            ).one()
            _recount(connection, project_id)
        return dataset_of(row)

    def rename_dataset(self, id: int, name: str) -> Dataset:  # noqa: A002
        with self._db.writing() as connection:
            project_id = _project_of_dataset(connection, id)
            _require_free_dataset(connection, project_id, name, except_id=id)
            row = connection.execute(
                sa.update(datasets)
                .where(datasets.c.id == id)
                .values(name=clean(name), updated_us=now_us())
                .returning(*datasets.c)
            ).one()
            _recount(connection, project_id)
        return dataset_of(row)

    def remove_dataset(self, id: int) -> None:  # noqa: A002
        with self._db.writing() as connection:
            project_id = _project_of_dataset(connection, id)
            connection.execute(sa.delete(datasets).where(datasets.c.id == id))
            _recount(connection, project_id)

    # ------------------------------------------------------------ images

    def add_images(self, dataset_id: int, new: Sequence[NewImage]) -> list[Image]:
        """All of them or none, in the order given. Conflict when a name is in the dataset or comes twice."""
        now = now_us()
        names = [clean(image.name) for image in new]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Conflict(f"Image name {twice!r} comes twice.")
        with self._db.writing() as connection:
            project_id = _project_of_dataset(connection, dataset_id)
            for some in _portions(names):
                known = sa.select(images.c.name).where(images.c.dataset_id == dataset_id, images.c.name.in_(some))
                if (taken := connection.execute(known.limit(1)).scalar()) is not None:
                    raise Conflict(f"Dataset {dataset_id} has an image {taken!r} already.")
            before = connection.execute(sa.select(sa.func.max(images.c.id))).scalar() or 0
            self._insert_images.run(connection, [value for image in new for value in image_row(dataset_id, image, now)])
            _recount(connection, project_id, dataset_id)
            added = sa.select(images).where(images.c.dataset_id == dataset_id, images.c.id > before)
            return [image_of(row) for row in connection.execute(added.order_by(images.c.id))]

    def annotate(self, annotations: Mapping[int, str]) -> None:
        """Replace the annotations (JSON text) of images by id, all or none. NotFound names one that is not there."""
        with self._db.writing() as connection:
            changed: set[tuple[int, int]] = set()
            for id_, text in annotations.items():
                row = connection.execute(
                    sa.update(images)
                    .where(images.c.id == id_)
                    .values(annotation=clean(text), updated_us=now_us())
                    .returning(images.c.dataset_id)
                ).first()
                if row is None:
                    raise NotFound(f"There is no image {id_}.")
                changed.add((_project_of_dataset(connection, row.dataset_id), row.dataset_id))
            for project_id, dataset_id in changed:
                _recount(connection, project_id, dataset_id)

    def remove_images(self, ids: Collection[int]) -> None:
        """Forget images; those that are not there are no error."""
        with self._db.writing() as connection:
            touched: set[int] = set()
            for some in _portions(list(ids)):
                known = sa.select(images.c.dataset_id).where(images.c.id.in_(some)).distinct()
                touched |= set(connection.execute(known).scalars())
                connection.execute(sa.delete(images).where(images.c.id.in_(some)))
            for dataset_id in touched:
                _recount(connection, _project_of_dataset(connection, dataset_id), dataset_id)

    def images_by_id(self, ids: Collection[int]) -> list[Image]:
        """Those that are there, in the order of the ids given."""
        found: dict[int, Image] = {}
        with self._db.reading() as connection:
            for some in _portions(list(ids)):
                rows = connection.execute(sa.select(images).where(images.c.id.in_(some)))
                found |= {row.id: image_of(row) for row in rows}
        return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]

    def image_page(
        self,
        dataset_id: int,
        *,
        ids: Collection[int] | None = None,
        names: Collection[str] | None = None,
        sort: SortBy = "id",
        descending: bool = False,
        offset: int = 0,
        limit: int = 500,
    ) -> tuple[int, list[Image]]:
        """How many images of the dataset match, and a page of them."""
        matching = [images.c.dataset_id == dataset_id]
        if ids is not None:
            matching.append(images.c.id.in_(list(ids)))
        if names is not None:
            matching.append(images.c.name.in_(list(names)))
        order = [_SORT[sort], images.c.id]
        page = sa.select(images).where(*matching)
        page = page.order_by(*(column.desc() if descending else column for column in order)).offset(offset).limit(limit)
        with self._db.reading() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(images).where(*matching)).scalar_one()
            return total, [image_of(row) for row in connection.execute(page)]


def _portions(items: list[Any]) -> list[list[Any]]:
    return [items[i : i + _MANY] for i in range(0, len(items), _MANY)]


def _require_project(connection: sa.Connection, id_: int) -> None:
    if connection.execute(sa.select(projects.c.id).where(projects.c.id == id_).with_for_update()).first() is None:
        raise NotFound(f"There is no project {id_}.")


def _require_free_project(connection: sa.Connection, name: str, *, except_id: int | None = None) -> None:
    known = sa.select(projects.c.id).where(projects.c.name == clean(name))
    if except_id is not None:
        known = known.where(projects.c.id != except_id)
    if (taken := connection.execute(known.limit(1)).scalar()) is not None:
        raise Conflict(f"There is a project named {name!r} already ({taken}).")


def _require_free_dataset(
    connection: sa.Connection, project_id: int, name: str, *, except_id: int | None = None
) -> None:
    known = sa.select(datasets.c.id).where(datasets.c.project_id == project_id, datasets.c.name == clean(name))
    if except_id is not None:
        known = known.where(datasets.c.id != except_id)
    if (taken := connection.execute(known.limit(1)).scalar()) is not None:
        raise Conflict(f"Project {project_id} has a dataset named {name!r} already ({taken}).")


def _project_of_dataset(connection: sa.Connection, id_: int) -> int:
    found: int | None = connection.execute(
        sa.select(datasets.c.project_id).where(datasets.c.id == id_).with_for_update()
    ).scalar()
    if found is None:
        raise NotFound(f"There is no dataset {id_}.")
    return found


def _recount(connection: sa.Connection, project_id: int, dataset_id: int | None = None) -> None:
    """Bring the tallies up to date after a change."""
    now = now_us()
    if dataset_id is not None:
        count = sa.select(sa.func.count()).select_from(images).where(images.c.dataset_id == dataset_id)
        connection.execute(
            sa.update(datasets)
            .where(datasets.c.id == dataset_id)
            .values(images_count=count.scalar_subquery(), updated_us=now)
        )
    of_project = sa.select(datasets.c.id).where(datasets.c.project_id == project_id)
    inside = images.c.dataset_id.in_(of_project)
    count = sa.select(sa.func.count()).select_from(images).where(inside)
    size = sa.select(sa.func.coalesce(sa.func.sum(images.c.size_bytes), 0)).where(inside)
    connection.execute(
        sa.update(projects)
        .where(projects.c.id == project_id)
        .values(
            images_count=count.scalar_subquery(),
            size_bytes=size.scalar_subquery(),
            content_sha256="",
            updated_us=now,
        )
    )
