"""Projects in the library: imported whole, or created empty and changed piece by piece as the public API does.

A changed project is no longer the folder it was imported from: its content hash is emptied, so that the same folder,
brought again, becomes a project of its own.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL, NewProject, Project
from agent.errors import Conflict, NotFound
from agent.store.columns import clean, from_json_or_none, now_us, to_json
from agent.store.connect import Database
from agent.store.image_rows import image_row, insert_images
from agent.store.kept import Described, stays_for, users
from agent.store.listing import Listing, Window
from agent.store.project_rows import project_of
from agent.store.project_search import IS_LISTED, ProjectQuestion, search_projects
from agent.store.schema import datasets, projects, tasks

_FINAL = [status.value for status in FINAL]


class Projects(Described[Project]):
    _noun, _table = "project", projects
    _needed_as = tasks.c.project_id

    def __init__(self, database: Database) -> None:
        self._db = database
        self._insert_images = insert_images(database)

    def add(self, new: NewProject) -> Project:
        """The whole project in one transaction; datasets and images keep the order given.

        A task's result that is there already under this name is given, unchanged: whoever brings it again has lost the
        answer with the connection, as each import takes a name that is free.
        """
        now = now_us()
        all_images = [image for _, of_dataset in new.datasets for image in of_dataset]
        with self._db.writing() as connection:
            if new.task_id is not None and (known := connection.execute(_same_result(new)).first()) is not None:
                return project_of(known)
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

    def create(
        self, name: str, description: str = "", meta: Mapping[str, Any] | None = None, *, task_id: int | None = None
    ) -> Project:
        """An empty project, by this task where given. Conflict when the name is taken."""
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
                    task_id=task_id,
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
        notes: str | None = None,
        tag: Iterable[str] = (),
        untag: Iterable[str] = (),
        description: str | None = None,
        meta: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Project:
        """Change the arguments given; of `extra` the keys given. Conflict when the name is taken by another project."""
        with self._db.writing() as connection:
            row = self._locked(connection, id)
            changed = self._words(connection, row, name=name, notes=notes, tag=tag, untag=untag)
            if description is not None:
                changed["description"] = clean(description)
            if meta is not None:
                changed |= {"meta": to_json(meta), "content_sha256": ""}
            if extra is not None:
                changed["extra"] = to_json({**(from_json_or_none(row.extra) or {}), **extra})
            return self._changed(connection, id, **changed, updated_us=now_us())

    # ---------------------------------------------------------------- the trash

    def purge(self, id: int) -> bool:  # noqa: A002
        """Forget a project of the trash and its images; whether it is gone. Their bytes go when nothing names them.

        One that a task needs by now is restored instead. An inference that made it only forgets its result.
        """
        with self._db.writing() as connection:
            return self._purged(connection, id) is not None

    def _value(self, row: Any) -> Project:
        return project_of(row)

    def _renamed(self, connection: sa.Connection, id_: int, name: str) -> None:
        _require_free_project(connection, name, except_id=id_)

    def _hindrance(self, connection: sa.Connection, row: sa.Row[Any]) -> str | None:
        if ids := users(connection, tasks.c.project_id == row.id):
            return stays_for(ids, "use", f"project {row.id}")
        makes = sa.or_(tasks.c.result_project_id == row.id, tasks.c.id == row.task_id)
        writes = sa.and_(makes, tasks.c.status.not_in(_FINAL))
        if ids := users(connection, writes):
            return f"Task {ids[0]} makes project {row.id} and has not ended; `agent task stop {ids[0]}` ends it."
        return None

    def _let_go(self, connection: sa.Connection, id_: int) -> None:
        from agent.store.evaluation_control import forget_project  # late: most commands delete no project

        forget_project(self._db, connection, id_)
        made = tasks.c.result_project_id == id_
        connection.execute(sa.update(tasks).where(made).values(result_project_id=None))

    # ---------------------------------------------------------------- questions

    def get(self, id: int) -> Project:  # noqa: A002
        """NotFound, also for one in the trash: no task can use it before it is restored."""
        project = self.get_anywhere(id)
        if project.deleted_at is not None:
            raise NotFound(f"Project {id} is in the trash; `agent project restore {id}` brings it back.")
        return project

    def list(self, *, limit: int = 100, before_id: int | None = None, name: str | None = None) -> list[Project]:
        """Newest first, of this exact name where given."""
        found = sa.select(projects).where(IS_LISTED).order_by(projects.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(projects.c.id < before_id)
        if name is not None:
            found = found.where(projects.c.name == clean(name))
        with self._db.reading() as connection:
            return [project_of(row) for row in connection.execute(found)]

    def search(self, question: ProjectQuestion, window: Window) -> tuple[Listing[Project], int]:
        """The projects that fit the question, and the number of images of all of them; `counts` are by origin."""
        return search_projects(self._db, question, window)

    def of_task(self, task_id: int) -> builtins.list[Project]:
        """The projects an inference made, in the order made."""
        found = sa.select(projects).where(projects.c.task_id == task_id, IS_LISTED).order_by(projects.c.id)
        with self._db.reading() as connection:
            return [project_of(row) for row in connection.execute(found)]

    def by_content(self, sha: str) -> Project | None:
        """The newest project with this content, so that a folder is imported once."""
        same = sa.select(projects).where(projects.c.content_sha256 == sha, IS_LISTED)
        found = same.order_by(projects.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        return None if row is None else project_of(row)

    def find(self, name: str) -> Project:
        """The newest of this exact name."""
        return self._one(projects.c.name == clean(name), f"There is no project named {name!r}.")

    def count(self) -> int:
        with self._db.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(IS_LISTED)).scalar_one())

    def largest(self, limit: int) -> builtins.list[tuple[int, str, int, int]]:
        """Id, name, images and bytes."""
        found = sa.select(projects.c.id, projects.c.name, projects.c.images_count, projects.c.size_bytes)
        ordered = found.where(IS_LISTED).order_by(projects.c.size_bytes.desc(), projects.c.id).limit(limit)
        with self._db.reading() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(ordered)]

    def _one(self, condition: sa.ColumnElement[bool], missing: str) -> Project:
        found = sa.select(projects).where(condition, IS_LISTED).order_by(projects.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise NotFound(missing)
        return project_of(row)


def _require_free_project(connection: sa.Connection, name: str, *, except_id: int | None = None) -> None:
    known = sa.select(projects.c.id).where(projects.c.name == clean(name), IS_LISTED)
    if except_id is not None:
        known = known.where(projects.c.id != except_id)
    if (taken := connection.execute(known.limit(1)).scalar()) is not None:
        raise Conflict(f"There is a project named {name!r} already ({taken}).")


def _same_result(new: NewProject) -> sa.Select[Any]:
    return sa.select(projects).where(
        projects.c.task_id == new.task_id,
        projects.c.name == clean(new.name),
        projects.c.content_sha256 == new.content_sha256,
        IS_LISTED,
    )
