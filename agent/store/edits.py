"""Projects built and changed piece by piece, as the public API does it; `Projects.add` imports whole ones.

A changed project is no longer the folder it was imported from: its content hash is emptied, so that the
same folder, brought again, becomes a project of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from agent.domain import Dataset, Project
from agent.errors import Conflict, NotFound
from agent.store.columns import clean, from_json_or_none, now_us, to_json
from agent.store.image_edits import ImageEdits, note_change, project_of_dataset, tally
from agent.store.projects import dataset_of, project_of
from agent.store.schema import datasets, images, projects, tasks


class ProjectEdits(ImageEdits):
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
        extra: Mapping[str, Any] | None = None,
    ) -> Project:
        """Change what is given; of `extra` the keys given. Conflict when the name is taken by another project."""
        with self._db.writing() as connection:
            changed: dict[str, Any] = {"updated_us": now_us()}
            if name is not None:
                _require_free_project(connection, name, except_id=id)
                changed["name"] = clean(name)
            if description is not None:
                changed["description"] = clean(description)
            if meta is not None:
                changed |= {"meta": to_json(meta), "content_sha256": ""}
            if extra is not None:
                known = connection.execute(sa.select(projects.c.extra).where(projects.c.id == id)).scalar()
                changed["extra"] = to_json({**(from_json_or_none(known) or {}), **extra})
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

    def add_dataset(self, project_id: int, name: str, description: str = "") -> Dataset:
        """An empty dataset. Conflict when the project has one of this name."""
        now = now_us()
        with self._db.writing() as connection:
            _require_project(connection, project_id)
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

    def edit_dataset(
        self,
        id: int,  # noqa: A002
        *,
        name: str | None = None,
        description: str | None = None,
    ) -> Dataset:
        """Change what is given. Conflict when the name is taken by another dataset of the project."""
        changed: dict[str, Any] = {"updated_us": now_us()}
        with self._db.writing() as connection:
            project_id = project_of_dataset(connection, id)
            if name is not None:
                _require_free_dataset(connection, project_id, name, except_id=id)
                changed["name"] = clean(name)
            if description is not None:
                changed["description"] = clean(description)
            row = connection.execute(
                sa.update(datasets).where(datasets.c.id == id).values(changed).returning(*datasets.c)
            ).one()
            note_change(connection, project_id)
        return dataset_of(row)

    def remove_dataset(self, id: int) -> None:  # noqa: A002
        with self._db.writing() as connection:
            project_id = project_of_dataset(connection, id)
            lost = tally(connection, images.c.dataset_id == id)
            connection.execute(sa.delete(datasets).where(datasets.c.id == id))
            note_change(connection, project_id, count=-lost.count, size_bytes=-lost.size_bytes)

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
