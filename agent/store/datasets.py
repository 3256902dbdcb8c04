"""Datasets of projects."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from agent.domain import Dataset
from agent.errors import Conflict, NotFound
from agent.store.among import among
from agent.store.columns import clean, from_us, now_us
from agent.store.connect import Database
from agent.store.project_counts import count_images, note_change, project_of_dataset
from agent.store.schema import datasets, images, projects


class Datasets:
    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, id: int) -> Dataset:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(datasets).where(datasets.c.id == id)).first()
        if row is None:
            raise NotFound(f"There is no dataset {id}.")
        return dataset_of(row)

    def list(self, project_id: int) -> list[Dataset]:
        """Those of a project, in the order they were added."""
        found = sa.select(datasets).where(datasets.c.project_id == project_id).order_by(datasets.c.id)
        with self._db.reading() as connection:
            return [dataset_of(row) for row in connection.execute(found)]

    def parent_id(self, dataset: Dataset) -> int | None:
        """The dataset in which it lies; None for a dataset of the project itself."""
        if not dataset.parent:
            return None
        named = sa.select(datasets.c.id).where(
            datasets.c.project_id == dataset.project_id, datasets.c.name == dataset.parent
        )
        with self._db.reading() as connection:
            found: int | None = connection.execute(named.limit(1)).scalar()
        return found

    def add(self, project_id: int, name: str, description: str = "", *, parent_id: int | None = None) -> Dataset:
        """An empty dataset, in the dataset `parent_id` where given.

        Conflict when the project has a dataset of this name; NotFound for a parent of another project.
        """
        now = now_us()
        with self._db.writing() as connection:
            _require_project(connection, project_id)
            if parent_id is not None:
                name = f"{_name_of(connection, parent_id, project_id)}/{name}"
            _require_free_dataset(connection, project_id, name)
            row = connection.execute(
                sa.insert(datasets)
                .values(
                    project_id=project_id,
                    name=clean(name),
                    description=clean(description),
                    images_count=0,
                    created_us=now,
                    updated_us=now,
                )
                .returning(*datasets.c)
            ).one()
            note_change(connection, project_id)
        return dataset_of(row)

    def edit(
        self,
        id: int,  # noqa: A002
        *,
        name: str | None = None,
        description: str | None = None,
    ) -> Dataset:
        """Change the arguments given; `name` without those of the datasets in which it lies.

        Conflict when another dataset of the project has the name.
        """
        changed: dict[str, Any] = {"updated_us": now_us()}
        with self._db.writing() as connection:
            project_id = project_of_dataset(connection, id)
            if name is not None:
                old = _name_of(connection, id, project_id)
                new = clean("/".join([*old.split("/")[:-1], name]))
                _require_free_dataset(connection, project_id, new, except_id=id)
                changed["name"] = new
                connection.execute(
                    sa.update(datasets)
                    .where(*_inside(project_id, old))
                    .values(name=sa.literal(new) + sa.func.substr(datasets.c.name, len(old) + 1))
                )
            if description is not None:
                changed["description"] = clean(description)
            row = connection.execute(
                sa.update(datasets).where(datasets.c.id == id).values(changed).returning(*datasets.c)
            ).one()
            note_change(connection, project_id)
        return dataset_of(row)

    def remove(self, id: int) -> None:  # noqa: A002
        """Forget a dataset, the datasets in it, and all their images. NotFound."""
        with self._db.writing() as connection:
            _remove(connection, id)

    def remove_known(self, ids: Collection[int]) -> None:
        """Forget those of the datasets that exist, as `remove` does."""
        with self._db.writing() as connection:
            known = sa.select(datasets.c.id).where(among(self._db, datasets.c.id, ids))
            for id_ in connection.execute(known).scalars().all():
                with suppress(NotFound):  # it has gone with the dataset around it
                    _remove(connection, id_)

    def sizes(self, dataset_ids: Collection[int]) -> dict[int, int]:
        """Bytes of all images of each dataset."""
        found = (
            sa.select(images.c.dataset_id, sa.func.sum(images.c.size_bytes))
            .where(images.c.dataset_id.in_(list(dataset_ids)))
            .group_by(images.c.dataset_id)
        )
        with self._db.reading() as connection:
            known = {row[0]: int(row[1]) for row in connection.execute(found)}
        return {id_: known.get(id_, 0) for id_ in dataset_ids}


def _remove(connection: sa.Connection, id_: int) -> None:
    project_id = project_of_dataset(connection, id_)
    name = _name_of(connection, id_, project_id)
    inside = sa.select(datasets.c.id).where(*_inside(project_id, name))
    lost = count_images(connection, sa.or_(images.c.dataset_id == id_, images.c.dataset_id.in_(inside)))
    connection.execute(sa.delete(datasets).where(*_inside(project_id, name)))
    connection.execute(sa.delete(datasets).where(datasets.c.id == id_))
    note_change(connection, project_id, count=-lost.count, size_bytes=-lost.size_bytes)


def _require_project(connection: sa.Connection, id_: int) -> None:
    if connection.execute(sa.select(projects.c.id).where(projects.c.id == id_).with_for_update()).first() is None:
        raise NotFound(f"There is no project {id_}.")


def _name_of(connection: sa.Connection, id_: int, project_id: int) -> str:
    known = sa.select(datasets.c.name).where(datasets.c.id == id_, datasets.c.project_id == project_id)
    name: str | None = connection.execute(known).scalar()
    if name is None:
        raise NotFound(f"Project {project_id} has no dataset {id_}.")
    return name


def _inside(project_id: int, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The datasets in the dataset of this name."""
    return datasets.c.project_id == project_id, sa.func.substr(datasets.c.name, 1, len(name) + 1) == f"{name}/"


def _require_free_dataset(
    connection: sa.Connection, project_id: int, name: str, *, except_id: int | None = None
) -> None:
    known = sa.select(datasets.c.id).where(datasets.c.project_id == project_id, datasets.c.name == clean(name))
    if except_id is not None:
        known = known.where(datasets.c.id != except_id)
    if (taken := connection.execute(known.limit(1)).scalar()) is not None:
        raise Conflict(f"Project {project_id} has a dataset named {name!r} already ({taken}).")


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
